// SPDX-License-Identifier: MIT
// Values of a scenario's tables, which come checked from Lua: each is of its type or absent. All functions
// may raise a Lua error for want of memory, so every allocation is hung on its owner at once.
#pragma once
#include "base/strbuf.h"
#include "metrics/slo.h"
#include "model/reader.h"
#include "policy/lua_compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline double mb_field_number_or(lua_State *L, int table, const char *key, double otherwise) {
    lua_getfield(L, table, key);
    const double value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : otherwise;
    lua_pop(L, 1);
    return value;
}

static inline double mb_field_number(lua_State *L, int table, const char *key) {
    return mb_field_number_or(L, table, key, 0);
}

static inline mb_reader reader_at(lua_State *L, int table) {
    return (mb_reader){.speed = mb_field_number(L, table, "speed"),
                       .ttft_s = mb_field_number(L, table, "ttft")};
}

static inline mb_slo mb_slo_at(lua_State *L, int table) {
    const double late = mb_field_number_or(L, table, "late", -1);
    return (mb_slo){.ttft_s = mb_field_number_or(L, table, "ttft", INFINITY),
                    .tbt_s = mb_field_number_or(L, table, "tbt", INFINITY),
                    .e2e_s = mb_field_number_or(L, table, "e2e", INFINITY),
                    .gap_s = mb_field_number_or(L, table, "gap", INFINITY),
                    .of_late = late >= 0,
                    .late = late};
}

static inline uint64_t mb_field_whole(lua_State *L, int table, const char *key) {
    return (uint64_t)mb_field_number(L, table, key);
}

static inline uint32_t mb_field_small(lua_State *L, int table, const char *key) {
    return (uint32_t)mb_field_number(L, table, key);
}

static inline bool mb_field_boolean(lua_State *L, int table, const char *key) {
    lua_getfield(L, table, key);
    const bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static inline void *mb_field_make(lua_State *L, size_t count, size_t size) {
    void *block = calloc(count ? count : 1, size);
    if (!block) luaL_error(L, "out of memory");
    return block;
}

static inline char *mb_field_copy(lua_State *L, int index) {
    char *text = mb_strdup(lua_tostring(L, index));
    if (!text) luaL_error(L, "out of memory");
    return text;
}

// A copy of the text in table[key]; as before where there is none.
static inline void mb_field_text(lua_State *L, int table, const char *key, char **text) {
    lua_getfield(L, table, key);
    if (lua_type(L, -1) == LUA_TSTRING) *text = mb_field_copy(L, -1);
    lua_pop(L, 1);
}

static inline bool mb_field_is(lua_State *L, int table, const char *key, const char *value) {
    lua_getfield(L, table, key);
    const char *text = lua_tostring(L, -1);
    const bool same = text && strcmp(text, value) == 0;
    lua_pop(L, 1);
    return same;
}

// Push table[key]; false, and nothing pushed, if it is not a table. The new table's index is the stack's top.
static inline bool mb_field_enter(lua_State *L, int table, const char *key) {
    lua_getfield(L, table, key);
    if (lua_istable(L, -1)) return true;
    lua_pop(L, 1);
    return false;
}

static inline int mb_field_choose(lua_State *L, int table, const char *const names[], size_t count) {
    for (size_t i = 0; i < count; i++)
        if (mb_field_is(L, table, "kind", names[i])) return (int)i;
    lua_getfield(L, table, "kind");
    return luaL_error(L, "unknown kind \"%s\"", lua_tostring(L, -1));
}
#define MB_FIELD_CHOOSE(L, table, names) mb_field_choose(L, table, names, sizeof(names) / sizeof *(names))

static inline void mb_field_numbers(lua_State *L, int table, const char *key, double **numbers,
                                    size_t *count) {
    if (!mb_field_enter(L, table, key)) return;
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    *numbers = mb_field_make(L, n, sizeof **numbers);
    *count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        (*numbers)[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}
