// SPDX-License-Identifier: MIT
// Functions of Lua's own that the two engines answer differently: here with one answer.
#include "policy/library_equal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void mb_library_push_number(lua_State *L, double value) {
    char text[40];
    if (value == 0) value = 0; // no sign
    const bool whole = value >= -0x1p53 && value <= 0x1p53 && value == floor(value);
    snprintf(text, sizeof text, whole ? "%.0f" : "%.14g", value);
    lua_pushstring(L, isnan(value) ? "nan" : text); // it may have a sign, which means nothing
}

// Lua 5.4 writes 4.0 where LuaJIT writes 4.
static int concat(lua_State *L) {
    size_t length;
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *between = luaL_optlstring(L, 2, "", &length);
    const lua_Number first = luaL_optnumber(L, 3, 1);
    const lua_Number last = luaL_optnumber(L, 4, (lua_Number)lua_rawlen(L, 1));
    if (!(first >= -0x1p30 && last <= 0x1p30 && first == floor(first) && last == floor(last)))
        return luaL_error(L, "concat: the places must be whole numbers from -2^30 to 2^30");
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (int i = (int)first; i <= (int)last; i++) {
        mb_host_work(L, 1);
        if (i > (int)first) luaL_addlstring(&buffer, between, length);
        lua_rawgeti(L, 1, i);
        const int type = lua_type(L, -1);
        if (type != LUA_TSTRING && type != LUA_TNUMBER)
            return luaL_error(L, "concat: value %d is a %s; expected a text or a number", i,
                              luaL_typename(L, -1));
        if (type == LUA_TNUMBER) {
            const double value = lua_tonumber(L, -1);
            lua_pop(L, 1);
            mb_library_push_number(L, value);
        }
        luaL_addvalue(&buffer);
    }
    luaL_pushresult(&buffer);
    return 1;
}

// LuaJIT reads "inf", "nan" and binary numbers, too.
static int tonumber(lua_State *L) { // upvalue 1: Lua's own
    luaL_checkany(L, 1);
    if (lua_isnoneornil(L, 2) && lua_type(L, 1) == LUA_TSTRING) {
        const char *text = lua_tostring(L, 1);
        mb_host_work(L, lua_rawlen(L, 1) / 16);
        text += strspn(text, " \t\r\n\v\f+-");
        const bool binary = text[0] == '0' && (text[1] == 'b' || text[1] == 'B');
        if (binary || strpbrk(text, "nN")) {
            lua_pushnil(L);
            return 1;
        }
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

// LuaJIT takes no second argument.
static int arc_tangent(lua_State *L) {
    lua_pushnumber(L, atan2(luaL_checknumber(L, 1), luaL_optnumber(L, 2, 1)));
    return 1;
}

// Their last digits differ in other bases.
static int logarithm(lua_State *L) {
    const lua_Number x = luaL_checknumber(L, 1);
    if (lua_isnoneornil(L, 2)) {
        lua_pushnumber(L, log(x));
        return 1;
    }
    const lua_Number base = luaL_checknumber(L, 2);
    lua_pushnumber(L, base == 2 ? log2(x) : base == 10 ? log10(x) : log(x) / log(base));
    return 1;
}

#if LUA_VERSION_NUM < 502
static int next_place(lua_State *L) { // (bins, place)
    const lua_Integer place = luaL_checkinteger(L, 2) + 1;
    lua_pushinteger(L, place);
    lua_pushvalue(L, -1);
    lua_gettable(L, 1);
    return lua_isnil(L, -1) ? 1 : 2; // nil ends the loop, else (place, value)
}

// LuaJIT's own takes tables alone, and bins are none.
static int walk(lua_State *L) { // upvalue 1: Lua's own
    if (lua_isuserdata(L, 1)) {
        lua_pushcfunction(L, next_place);
        lua_pushvalue(L, 1);
        lua_pushinteger(L, 0);
        return 3;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 3);
    return 3;
}
#endif

const mb_replacement mb_library_equal[] = {{"math", "atan", arc_tangent},
                                           {"math", "log", logarithm},
                                           {"table", "concat", concat},
                                           {NULL, NULL, NULL}};

void mb_library_equalise(lua_State *L, int environment) {
    lua_getglobal(L, "tonumber");
    lua_pushcclosure(L, tonumber, 1);
    lua_setfield(L, environment, "tonumber");
#if LUA_VERSION_NUM < 502
    lua_getglobal(L, "ipairs");
    lua_pushcclosure(L, walk, 1);
    lua_setfield(L, environment, "ipairs");
#endif
}
