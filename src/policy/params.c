// SPDX-License-Identifier: MIT
#include "policy/params.h"

#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_NAMES = 64 };

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// The keys of a table that are texts, in order: Lua has them in another one each time. They live as long as
// it.
static size_t names_of(lua_State *L, int table, const char *names[MOST_NAMES]) {
    size_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING && count < MOST_NAMES) names[count++] = lua_tostring(L, -1);
    }
    if (count) qsort(names, count, sizeof *names, by_name);
    return count;
}

// "a, b, c" of the string keys of the table at `index`; pushes it.
static void push_known(lua_State *L, int index) {
    const char *names[MOST_NAMES];
    const size_t count = names_of(L, index, names);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i < count; i++) {
        if (i) luaL_addstring(&buffer, ", ");
        luaL_addstring(&buffer, names[i]);
    }
    luaL_pushresult(&buffer);
}

static void push_value(lua_State *L, const mb_param *param) {
    switch (param->kind) {
    case MB_PARAM_NUMBER:
        mb_lua_push_quantity(L, param->number);
        break;
    case MB_PARAM_TEXT:
        lua_pushstring(L, param->text);
        break;
    case MB_PARAM_BOOLEAN:
        lua_pushboolean(L, param->boolean);
        break;
    case MB_PARAM_NUMBERS:
        lua_createtable(L, (int)param->number_count, 0);
        for (size_t i = 0; i < param->number_count; i++) {
            mb_lua_push_quantity(L, param->numbers[i]);
            lua_rawseti(L, -2, (int)i + 1);
        }
    }
}

// Turn the default on top of the stack into what a given value of its kind would be: whole numbers into
// integers, a list into a table of the instance's own.
static void push_default(lua_State *L) {
    if (lua_type(L, -1) == LUA_TNUMBER) {
        mb_lua_push_quantity(L, lua_tonumber(L, -1));
        lua_replace(L, -2);
    }
    if (!lua_istable(L, -1)) return;
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, -3)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        if (lua_type(L, -1) == LUA_TNUMBER) {
            mb_lua_push_quantity(L, lua_tonumber(L, -1));
            lua_replace(L, -2);
        }
        lua_rawset(L, -4);
    }
    lua_replace(L, -2);
}

// A value's type must be its default's. `false` says "off": any value may replace it; a single number may
// stand for a list of one.
static void check_type(lua_State *L, const mb_param *param, const char *label) {
    const int given = lua_type(L, -1), declared = lua_type(L, -2);
    if (given == declared || (declared == LUA_TBOOLEAN && !lua_toboolean(L, -2))) return;
    if (given == LUA_TBOOLEAN && !lua_toboolean(L, -1)) return; // and `false` switches anything off
    if (given == LUA_TNUMBER && declared == LUA_TTABLE) {
        lua_createtable(L, 1, 0);
        lua_insert(L, -2);
        lua_rawseti(L, -2, 1);
        return;
    }
    luaL_error(L, "%s: parameter '%s' must be a %s, not a %s", label, param->name, lua_typename(L, declared),
               lua_typename(L, given));
}

// Reading a parameter that was never declared is a slip of the pen, not nil.
static int unknown_param(lua_State *L) {
    const char *names[MOST_NAMES];
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    const size_t count = names_of(L, 1, names);
    const char *nearest = mb_nearest_word(name, names, count);
    if (nearest) return luaL_error(L, "no parameter '%s' is declared; did you mean '%s'?", name, nearest);
    return luaL_error(L, "no parameter '%s' is declared in the policy's `params`", name);
}

void mb_params_settle(lua_State *L, int policy, const mb_policy_spec *spec, const char *label) {
    lua_getfield(L, policy, "params");
    if (!lua_isfunction(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_newtable(L);
    for (size_t i = 0; i < spec->param_count; i++) {
        push_value(L, &spec->params[i]);
        lua_setfield(L, -2, spec->params[i].name);
    }
    lua_call(L, 1, 1);
    if (!lua_istable(L, -1))
        luaL_error(L, "%s: the function 'params' must return a table of default values, not a %s", label,
                   luaL_typename(L, -1));
    lua_setfield(L, policy, "params");
}

bool mb_params_gave(const mb_policy_spec *spec, const char *text) {
    for (size_t i = 0; i < spec->param_count; i++)
        if (spec->params[i].kind == MB_PARAM_TEXT && strcmp(spec->params[i].text, text) == 0) return true;
    return false;
}

void mb_params_merge(lua_State *L, int policy, const mb_policy_spec *spec, const char *label) {
    lua_getfield(L, policy, "params");
    const int defaults = lua_gettop(L);
    if (!lua_isnil(L, defaults) && !lua_istable(L, defaults))
        luaL_error(L, "%s: 'params' must be a table of default values, not a %s", label,
                   luaL_typename(L, defaults));
    lua_newtable(L);
    const int merged = lua_gettop(L);
    if (lua_istable(L, defaults)) {
        lua_pushnil(L);
        while (lua_next(L, defaults)) {
            push_default(L);
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, merged);
        }
    }
    for (size_t i = 0; i < spec->param_count; i++) {
        const mb_param *param = &spec->params[i];
        lua_getfield(L, merged, param->name);
        if (lua_isnil(L, -1)) {
            if (param->if_declared) {
                lua_pop(L, 1);
                continue;
            }
            const char *names[MOST_NAMES];
            const char *near = mb_nearest_word(param->name, names, names_of(L, merged, names));
            push_known(L, merged);
            const char *known = lua_tostring(L, -1);
            if (near)
                luaL_error(L, "%s: unknown parameter '%s'; did you mean '%s'? (it has %s)", label,
                           param->name, near, known);
            luaL_error(L, "%s: unknown parameter '%s'; %s%s", label, param->name,
                       known[0] ? "it has " : "it has none", known);
        }
        push_value(L, param);
        check_type(L, param, label);
        lua_setfield(L, merged, param->name);
        lua_pop(L, 1);
    }
    lua_newtable(L);
    lua_pushcfunction(L, unknown_param);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, merged);
    lua_remove(L, defaults);
}
