// SPDX-License-Identifier: MIT
#include "scenario/row_compare.h"

#include "base/statistics.h"
#include "metrics/measures.h"

#include <math.h>

// Value of a measure in run number `seed` of the row at `index`; NAN: none.
static double row_value(lua_State *L, int index, lua_Integer seed, const char *measure) {
    lua_getfield(L, index, "values");
    lua_rawgeti(L, -1, (int)seed);
    double value = NAN;
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, measure);
        value = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : (double)NAN;
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return value;
}

// row:compare(other, measure): { pairs, ratio or difference, low, high, p, real }, paired by seed.
int mb_rows_compare(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    const char *measure = luaL_checkstring(L, 3);
    const int index = mb_measure_index(measure);
    if (index < 0) return luaL_error(L, "compare: '%s' is no measure", measure);
    mb_pairs pairs = {0};
    lua_getfield(L, 1, "values");
    luaL_checktype(L, -1, LUA_TTABLE);
    const size_t seeds = lua_rawlen(L, -1);
    for (size_t seed = 1; seed <= seeds; seed++) {
        const double a = row_value(L, 1, (lua_Integer)seed, measure);
        const double b = row_value(L, 2, (lua_Integer)seed, measure);
        if (!isnan(a) && !isnan(b)) mb_pairs_add(&pairs, a, b);
    }
    const mb_difference found = mb_pairs_compare(&pairs, mb_measure_scale(index));
    const char *const names[] = {found.ratio ? "ratio" : "difference", "low", "high", "p"};
    const double numbers[] = {found.value, found.low, found.high, found.p};
    lua_createtable(L, 0, 6);
    for (size_t i = 0; i < 4; i++) {
        if (isnan(numbers[i])) continue;
        lua_pushnumber(L, numbers[i]);
        lua_setfield(L, -2, names[i]);
    }
    lua_pushnumber(L, found.pairs);
    lua_setfield(L, -2, "pairs");
    if (found.pairs < 2) return 1; // `real` stays nil: nobody knows
    lua_pushboolean(L, mb_difference_real(&found));
    lua_setfield(L, -2, "real");
    return 1;
}
