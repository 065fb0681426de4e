// SPDX-License-Identifier: MIT
#include "model/kv_table.h"

#include <assert.h>
#include <stdlib.h>

typedef struct mb_kv_slot {
    uint64_t key;
    uint32_t value; // MB_KV_ABSENT where the slot is empty: every key is allowed
} mb_kv_slot;

void mb_kv_table_deinit(mb_kv_table *table) {
    free(table->slots);
    *table = (mb_kv_table){0};
}

// Names are often small numbers in order: mix them (the finaliser of SplitMix64, Steele et al. 2014).
static uint32_t home(const mb_kv_table *table, uint64_t key) {
    key = (key ^ key >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    key = (key ^ key >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(key ^ key >> 31) & (table->capacity - 1);
}

// The slot of the key, or the empty one where it would go. The table has an empty slot.
static uint32_t locate(const mb_kv_table *table, uint64_t key) {
    uint32_t at = home(table, key);
    while (table->slots[at].value != MB_KV_ABSENT && table->slots[at].key != key)
        at = (at + 1) & (table->capacity - 1);
    return at;
}

uint32_t mb_kv_table_find(const mb_kv_table *table, uint64_t key) {
    return table->count ? table->slots[locate(table, key)].value : MB_KV_ABSENT;
}

static bool enlarge(mb_kv_table *table) {
    if (table->capacity > UINT32_MAX / 2) return false;
    mb_kv_table larger = {.count = table->count, .capacity = table->capacity ? table->capacity * 2 : 64};
    larger.slots = malloc(larger.capacity * sizeof *larger.slots);
    if (!larger.slots) return false;
    for (uint32_t i = 0; i < larger.capacity; i++)
        larger.slots[i] = (mb_kv_slot){.value = MB_KV_ABSENT};
    for (uint32_t i = 0; i < table->capacity; i++)
        if (table->slots[i].value != MB_KV_ABSENT)
            larger.slots[locate(&larger, table->slots[i].key)] = table->slots[i];
    free(table->slots);
    *table = larger;
    return true;
}

bool mb_kv_table_put(mb_kv_table *table, uint64_t key, uint32_t value) {
    assert(value != MB_KV_ABSENT);
    if (table->count >= table->capacity / 2 && !enlarge(table)) return false;
    mb_kv_slot *slot = &table->slots[locate(table, key)];
    table->count += slot->value == MB_KV_ABSENT;
    *slot = (mb_kv_slot){.key = key, .value = value};
    return true;
}

// Without tombstones: later keys of the same cluster move up, so that a table that lives long does not fill.
void mb_kv_table_remove(mb_kv_table *table, uint64_t key) {
    const uint32_t mask = table->capacity - 1;
    uint32_t hole = locate(table, key);
    assert(table->slots[hole].value != MB_KV_ABSENT);
    for (uint32_t at = (hole + 1) & mask; table->slots[at].value != MB_KV_ABSENT; at = (at + 1) & mask) {
        // A key may move up to the hole unless that lies before its home.
        if (((at - home(table, table->slots[at].key)) & mask) < ((at - hole) & mask)) continue;
        table->slots[hole] = table->slots[at];
        hole = at;
    }
    table->slots[hole].value = MB_KV_ABSENT;
    table->count--;
}
