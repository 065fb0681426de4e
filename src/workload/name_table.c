// SPDX-License-Identifier: MIT
#include "workload/name_table.h"

#include <stdlib.h>
#include <string.h>

void mb_name_table_deinit(mb_name_table *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->names[i]);
    free(table->names);
    free(table->slots);
    *table = (mb_name_table){0};
}

static size_t hash_name(const char *name, size_t length) {
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
    return (size_t)(hash ^ (hash >> 32));
}

static bool same_name(const char *known, const char *name, size_t length) {
    return strncmp(known, name, length) == 0 && known[length] == '\0';
}

// The slot that holds the name, or the empty one where it belongs.
static uint32_t *find_slot(const mb_name_table *table, const char *name, size_t length) {
    size_t i = hash_name(name, length) & (table->slot_count - 1);
    while (table->slots[i] && !same_name(table->names[table->slots[i] - 1], name, length))
        i = (i + 1) & (table->slot_count - 1);
    return &table->slots[i];
}

// Room for one more, at most half full.
static bool grow(mb_name_table *table) {
    if (table->count < table->capacity) return true;
    const size_t capacity = table->capacity ? table->capacity * 2 : 16;
    char **names = realloc(table->names, capacity * sizeof *names);
    if (!names) return false;
    table->names = names;
    uint32_t *slots = calloc(capacity * 2, sizeof *slots);
    if (!slots) return false;
    free(table->slots);
    table->slots = slots;
    table->slot_count = capacity * 2;
    table->capacity = capacity;
    for (size_t i = 0; i < table->count; i++)
        *find_slot(table, names[i], strlen(names[i])) = (uint32_t)i + 1;
    return true;
}

bool mb_name_table_add(mb_name_table *table, const char *name, size_t length, uint32_t *index) {
    length = strnlen(name, length); // a name ends at a NUL byte, should a file hold one
    if (table->count && same_name(table->names[table->last], name, length)) {
        *index = table->last;
        return true;
    }
    if (!grow(table)) return false;
    uint32_t *slot = find_slot(table, name, length);
    if (!*slot) {
        char *copy = malloc(length + 1);
        if (!copy) return false;
        memcpy(copy, name, length);
        copy[length] = '\0';
        table->names[table->count++] = copy;
        *slot = (uint32_t)table->count;
    }
    *index = table->last = *slot - 1;
    return true;
}
