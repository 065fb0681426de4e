// SPDX-License-Identifier: MIT
// The few places where the C API of Lua 5.4 and LuaJIT 2.1 differ.
#pragma once
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <math.h>

#if LUA_VERSION_NUM < 502 // LuaJIT speaks the 5.1 API
#include <luajit.h>
#define MB_LUA_ENGINE LUAJIT_VERSION
#define lua_rawlen(L, index) lua_objlen(L, index)
#define lua_newuserdatauv(L, size, values) lua_newuserdata(L, size)
#ifndef LUA_OK
#define LUA_OK 0
#endif
#else
#define MB_LUA_ENGINE LUA_RELEASE
#endif

#if LUA_VERSION_NUM >= 502 && !defined lua_lessthan
#define lua_lessthan(L, a, b) lua_compare(L, a, b, LUA_OPLT)
#endif

// A number; a whole one as the integer that it is, which Lua 5.4 prints without a fraction as LuaJIT does.
static inline void mb_lua_push_quantity(lua_State *L, double value) {
    if (value >= -0x1p53 && value <= 0x1p53 && value == floor(value))
        lua_pushinteger(L, (lua_Integer)value);
    else
        lua_pushnumber(L, value);
}

static inline int mb_lua_absolute(lua_State *L, int index) {
    return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + 1 + index;
}

// No more machine code, where the engine makes any: debug hooks, and with them the limits, do not reach it.
static inline void mb_lua_interpret(lua_State *L) {
#if LUA_VERSION_NUM < 502
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_FLUSH);
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
#else
    (void)L;
#endif
}

// Pop the table on top of the stack and make it the environment of the chunk below.
static inline void mb_lua_set_environment(lua_State *L) {
#if LUA_VERSION_NUM < 502
    lua_setfenv(L, -2);
#else
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1); // stripped of its only upvalue: it names no global
#endif
}
