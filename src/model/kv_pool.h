// SPDX-License-Identifier: MIT
// KV-cache memory of one replica, in tokens. (The paged pool joins it here.)
#pragma once
#include "base/unlimited.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum mb_kv_kind {
    MB_KV_TOKENS,     // a counter: a request reserves its final length (prompt + output)
    MB_KV_CONTIGUOUS, // a request reserves max_length, whatever it uses
} mb_kv_kind;

typedef struct mb_kv_pool {
    mb_kv_kind kind;
    uint64_t capacity;   // tokens; MB_UNLIMITED: no limit
    uint32_t max_length; // tokens reserved per request under MB_KV_CONTIGUOUS
    uint64_t reserved;   // tokens set aside now
    uint64_t
        used; // tokens that the requests holding them will fill: reserved - used is internal fragmentation
    uint64_t peak; // highest `reserved`
} mb_kv_pool;

void mb_kv_pool_init(mb_kv_pool *pool, mb_kv_kind kind, uint64_t capacity, uint32_t max_length);
// Tokens that a request of this final length sets aside.
uint64_t mb_kv_need(const mb_kv_pool *pool, uint32_t final_tokens);
// Could the request be held if the pool were empty?
bool mb_kv_ever_fits(const mb_kv_pool *pool, uint32_t final_tokens);
bool mb_kv_fits(const mb_kv_pool *pool, uint32_t final_tokens);
// All or nothing; false and no change if it does not fit.
bool mb_kv_reserve(mb_kv_pool *pool, uint32_t final_tokens);
void mb_kv_release(mb_kv_pool *pool, uint32_t final_tokens);
