// SPDX-License-Identifier: MIT
#include "model/kv_pool.h"

#include <assert.h>

void mb_kv_pool_init(mb_kv_pool *pool, mb_kv_kind kind, uint64_t capacity, uint32_t max_length) {
    assert(kind != MB_KV_CONTIGUOUS || max_length > 0);
    *pool = (mb_kv_pool){.kind = kind, .capacity = capacity, .max_length = max_length};
}

uint64_t mb_kv_need(const mb_kv_pool *pool, uint32_t final_tokens) {
    return pool->kind == MB_KV_CONTIGUOUS ? pool->max_length : final_tokens;
}

// A contiguous region cannot grow, so a request longer than it is never held.
static bool fits_in(const mb_kv_pool *pool, uint32_t final_tokens, uint64_t free_tokens) {
    if (pool->kind == MB_KV_CONTIGUOUS && final_tokens > pool->max_length) return false;
    return mb_kv_need(pool, final_tokens) <= free_tokens;
}

bool mb_kv_ever_fits(const mb_kv_pool *pool, uint32_t final_tokens) {
    return fits_in(pool, final_tokens, pool->capacity);
}

bool mb_kv_fits(const mb_kv_pool *pool, uint32_t final_tokens) {
    return fits_in(pool, final_tokens, pool->capacity - pool->reserved);
}

bool mb_kv_reserve(mb_kv_pool *pool, uint32_t final_tokens) {
    if (!mb_kv_fits(pool, final_tokens)) return false;
    pool->reserved += mb_kv_need(pool, final_tokens);
    pool->used += final_tokens;
    if (pool->reserved > pool->peak) pool->peak = pool->reserved;
    return true;
}

void mb_kv_release(mb_kv_pool *pool, uint32_t final_tokens) {
    assert(pool->used >= final_tokens && pool->reserved >= mb_kv_need(pool, final_tokens));
    pool->reserved -= mb_kv_need(pool, final_tokens);
    pool->used -= final_tokens;
}
