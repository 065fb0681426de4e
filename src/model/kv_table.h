// SPDX-License-Identifier: MIT
// Name -> number, for kv_blocks.c: open addressing, linear probing. A zero-initialised table is empty.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define MB_KV_ABSENT UINT32_MAX // not a value

typedef struct mb_kv_table {
    struct mb_kv_slot *slots;
    uint32_t count, capacity; // the capacity is a power of two, or 0
} mb_kv_table;

void mb_kv_table_deinit(mb_kv_table *table);
uint32_t mb_kv_table_find(const mb_kv_table *table, uint64_t key); // MB_KV_ABSENT where there is none
// Add or replace. False when out of memory (nothing changed then).
bool mb_kv_table_put(mb_kv_table *table, uint64_t key, uint32_t value);
// The key must be there.
void mb_kv_table_remove(mb_kv_table *table, uint64_t key);
