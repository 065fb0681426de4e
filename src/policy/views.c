// SPDX-License-Identifier: MIT
#include "policy/views.h"

#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_name(uint32_t kind) {
    switch (kind) {
    case MB_VIEW_QUEUE:
        return "queue";
    case MB_VIEW_BINS:
        return "bins";
    case MB_VIEW_REPLICA:
        return "replica";
    case MB_VIEW_KV:
        return "kv";
    case MB_VIEW_STEP:
        return "step";
    case MB_VIEW_SIM:
        return "sim";
    case MB_VIEW_CLIENT:
        return "client";
    default:
        return "userdata";
    }
}

void mb_view_new(lua_State *L, mb_view_kind kind, uint32_t index, int metatable) {
    mb_view *view = lua_newuserdatauv(L, sizeof *view, 0);
    view->kind = kind;
    view->index = index;
    lua_rawgeti(L, LUA_REGISTRYINDEX, metatable);
    lua_setmetatable(L, -2);
}

mb_view *mb_view_check(lua_State *L, int index, mb_view_kind kind) {
    mb_view *view = lua_touserdata(L, index);
    if (view && view->kind == kind) return view;
    luaL_error(L, "expected a %s, got %s; was '.' written where ':' is meant?", kind_name(kind),
               view ? kind_name(view->kind) : luaL_typename(L, index));
    return NULL;
}

// The handle of a request's table, or -1 for other values.
static double request_handle(lua_State *L, int index) {
    if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return -1;
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb_host_of(L)->request_meta);
    const bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (!same) return -1;
    lua_rawgeti(L, index, 2);
    const double id = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return id;
}

void mb_view_describe(lua_State *L, int index) {
    index = mb_lua_absolute(L, index);
    const mb_view *view = lua_touserdata(L, index);
    const double id = request_handle(L, index);
    char text[48];
    if (id >= 0) {
        snprintf(text, sizeof text, "request %.0f", id);
        lua_pushstring(L, text);
    } else if (view && (view->kind == MB_VIEW_QUEUE || view->kind == MB_VIEW_REPLICA))
        lua_pushfstring(L, "%s %d", kind_name(view->kind), (int)view->index + 1);
    else
        lua_pushstring(L, view ? kind_name(view->kind) : luaL_typename(L, index));
}

bool mb_view_order(lua_State *L, int index, int *type, double *number) {
    index = mb_lua_absolute(L, index);
    const mb_view *view = lua_touserdata(L, index);
    const double id = request_handle(L, index);
    if (id >= 0) {
        *type = 3;
        *number = id;
        return true;
    }
    if (!view) return false;
    *type = 4 + (int)(view->kind - MB_VIEW_QUEUE);
    *number = view->index;
    return true;
}

static int refuse_write(lua_State *L) {
    const mb_view *view = lua_touserdata(L, 1);
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    return luaL_error(L, "'%s' of a %s cannot be set; keep your own values in self", name,
                      view ? kind_name(view->kind) : luaL_typename(L, 1));
}

void mb_view_metatable(lua_State *L, const mb_member *members, lua_CFunction index) {
    lua_newtable(L);
    lua_newtable(L);
    for (const mb_member *member = members; member->name; member++) {
        if (member->function)
            lua_pushcfunction(L, member->function);
        else
            lua_pushinteger(L, member->property);
        lua_setfield(L, -2, member->name);
    }
    lua_pushcclosure(L, index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(
        L, refuse_write); // where nothing else is said: replicas and the simulation have settable fields
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
}

void mb_view_singleton(lua_State *L, const mb_member *members, lua_CFunction index) {
    mb_view_metatable(L, members, index);
    lua_newtable(
        L); // methods; what is not in it is asked of `index`, whose first argument is then this table
    for (const mb_member *member = members; member->name; member++) {
        if (!member->function) continue;
        lua_pushcfunction(L, member->function);
        lua_setfield(L, -2, member->name);
    }
    lua_newtable(L);
    lua_getfield(L, -3, "__index");
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__index");
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int unknown_member(lua_State *L, const char *what) {
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "a %s has no field of type %s", what, luaL_typename(L, 2));
    const char *names[64];
    size_t count = 0;
    for (int source = 0; source < 2; source++) { // of a singleton, also the table of methods and constants
        if (source && !lua_istable(L, 1)) break;
        lua_pushnil(L);
        while (count < 64 && lua_next(L, source ? 1 : lua_upvalueindex(1))) {
            lua_pop(L, 1);
            names[count++] = lua_tostring(L, -1);
        }
    }
    qsort(names, count, sizeof *names, compare_names); // the order of a table differs from run to run
    const char *name = lua_tostring(L, 2), *nearest = mb_nearest_word(name, names, count);
    if (nearest) return luaL_error(L, "a %s has no field '%s'; did you mean '%s'?", what, name, nearest);
    char known[512];
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof known; i++) {
        if (i && strcmp(names[i], names[i - 1]) == 0) continue; // in both tables of a singleton
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
    }
    return luaL_error(L, "a %s has no field '%s'; it has %s", what, name, known);
}

int mb_view_index(lua_State *L, const char *what, mb_property_reader read) {
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (lua_type(L, -1) == LUA_TNUMBER) {
        const mb_view *view =
            lua_touserdata(L, 1); // the metatable is ours, so it is a view (NULL for a singleton)
        return read(L, view, (int)lua_tointeger(L, -1));
    }
    if (!lua_isnil(L, -1)) return 1;
    return unknown_member(L, what);
}
