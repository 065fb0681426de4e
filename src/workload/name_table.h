// SPDX-License-Identifier: MIT
// Names to indices 0, 1, 2, ... in the order of their first appearance.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mb_name_table {
    char **names; // by index; owned
    size_t count, capacity;
    uint32_t *slots; // hash table of index + 1; 0 = empty; a power of two of them
    size_t slot_count;
    uint32_t last; // index of the latest name: most rows repeat it
} mb_name_table;

void mb_name_table_deinit(mb_name_table *table);
// The name's index, added if new. False when out of memory.
bool mb_name_table_add(mb_name_table *table, const char *name, size_t length, uint32_t *index);
