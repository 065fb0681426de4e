// SPDX-License-Identifier: MIT
#include "policy/views.h"

#include "base/strbuf.h"

#include <math.h>
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
    case MB_VIEW_SEEN:
        return "replica.seen";
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

// --- fields
//
// A view that is used finds its methods, and what never changes of it, without entering C: at the first such
// field it gets a metatable of its own, a copy of its kind's whose __index is a table of what was read so
// far. What that table lacks is asked of the kind's function, as before.

enum {
    MEMBERS = 1,
    VIEW
}; // upvalues of that function: name -> function or property; the view, once it has a table
#define MOST_KEEPING 4096 // views of a kind that get one, since they count as the policy's memory

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
    lua_pushcclosure(L, index, MEMBERS);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(
        L, refuse_write); // where nothing else is said: replicas and the simulation have settable fields
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
}

void mb_view_keep(lua_State *L, int view) {
    lua_createtable(L, 0, 4);
    const int table = lua_gettop(L);
    lua_getmetatable(L, view);
    lua_getfield(L, -1, "__index");
    const lua_CFunction index = lua_tocfunction(L, -1);
    lua_createtable(L, 0, 1); // the table's metatable
    lua_getupvalue(L, -2, MEMBERS);
    lua_pushvalue(L, view);
    lua_pushcclosure(L, index, VIEW);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, table);
    lua_pop(L, 1);
    lua_createtable(L, 0, 4); // the view's
    lua_pushnil(L);
    while (lua_next(L, table + 1)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, table + 2);
    }
    lua_pushvalue(L, table);
    lua_setfield(L, table + 2, "__index");
    lua_setmetatable(L, view);
    lua_settop(L, table);
}

// The field named at 2, whose value is on top of the stack, is found without a call from now on.
static int keep(lua_State *L, const mb_view *view) {
    if (view->index >= MOST_KEEPING) return 1;
    if (lua_isuserdata(L, 1))
        mb_view_keep(L, 1);
    else
        lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    return 1;
}

const mb_view *mb_view_asked(lua_State *L) {
    const mb_view *view = lua_touserdata(L, lua_upvalueindex(VIEW));
    return view ? view : lua_touserdata(L, 1); // the metatable is ours, so it is a view
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// What other languages call the length of what has one.
static bool asks_for_length(lua_State *L, const char *name) {
    static const char *const words[] = {"length", "len", "size", "count", "n"};
    bool asks = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        asks = asks || strcmp(name, words[i]) == 0;
    if (!asks || !luaL_getmetafield(L, 1, "__len")) return false;
    lua_pop(L, 1);
    return true;
}

static int unknown_member(lua_State *L, const char *what) {
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "a %s has no field of type %s", what, luaL_typename(L, 2));
    if (asks_for_length(L, lua_tostring(L, 2)))
        return luaL_error(
            L, "a %s has no field '%s'; how many are in it is # before its name, as in #self.sim.queue", what,
            lua_tostring(L, 2));
    const char *names[64];
    size_t count = 0;
    for (int source = 0; source < 2; source++) { // also what stands in the view's own table
        if (source && !lua_istable(L, 1)) break;
        lua_pushnil(L);
        while (count < 64 && lua_next(L, source ? 1 : lua_upvalueindex(MEMBERS))) {
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
        if (i && strcmp(names[i], names[i - 1]) == 0) continue; // in both tables
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
    }
    return luaL_error(L, "a %s has no field '%s'; it has %s", what, name, known);
}

// Names are interned, and those of members live as long as the state does: a name that was found once is
// known by its address.
static mb_known_property *known_property(mb_host *host, const char *name, mb_property_reader read) {
    const uintptr_t hash = (uintptr_t)name >> 3 ^ (uintptr_t)name >> 8 ^ (uintptr_t)read >> 4;
    return &host->properties[hash % MB_KNOWN_PROPERTIES];
}

int mb_view_index(lua_State *L, const char *what, mb_property_reader read) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
    mb_known_property *known = known_property(mb_host_of(L), name, read);
    if (name && known->name == name && known->read == read) {
        read(L, mb_view_asked(L), known->property);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(MEMBERS));
    const int type = lua_type(L, -1);
    if (type == LUA_TNIL) return unknown_member(L, what);
    const mb_view *view = mb_view_asked(L);
    if (type != LUA_TNUMBER) return keep(L, view);
    const int property = (int)lua_tointeger(L, -1);
    read(L, view, property & ~MB_CONSTANT);
    if (property & MB_CONSTANT) return keep(L, view);
    *known = (mb_known_property){name, read, property};
    return 1;
}

static void unknown_option(lua_State *L, const char *name, const char *call, const char *const *known) {
    size_t count = 0;
    while (known[count])
        count++;
    const char *nearest = mb_nearest_word(name, known, count);
    if (nearest) luaL_error(L, "%s: there is no option '%s'; did you mean '%s'?", call, name, nearest);
    luaL_Buffer list;
    luaL_buffinit(L, &list);
    for (size_t i = 0; i < count; i++) {
        if (i) luaL_addstring(&list, i + 1 < count ? ", " : " and ");
        luaL_addstring(&list, known[i]);
    }
    luaL_pushresult(&list);
    luaL_error(L, "%s: there is no option '%s'; expected %s", call, name, lua_tostring(L, -1));
}

void mb_view_check_options(lua_State *L, int options, const char *call, const char *const *known) {
    lua_pushnil(L);
    while (lua_next(L, options)) {
        lua_pop(L, 1);
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, -1);
        const char *const *one = known;
        while (*one && strcmp(*one, name) != 0)
            one++;
        if (!*one) unknown_option(L, name, call, known);
    }
}

mb_sim *mb_sim_view_going(lua_State *L, const char *call) {
    mb_view_check(L, 1, MB_VIEW_SIM);
    mb_sim *sim = mb_host_of(L)->sim;
    if (sim->ended) luaL_error(L, "%s: the run has ended; the hook 'done' can only look back", call);
    return sim;
}

mb_sim *mb_step_peek(lua_State *L) {
    mb_view_check(L, 1, MB_VIEW_STEP);
    mb_sim *sim = mb_host_of(L)->sim;
    if (!sim->building) luaL_error(L, "a step can only be filled while `schedule` runs");
    return sim;
}

mb_sim *mb_step_open(lua_State *L, const char *call) {
    mb_sim *sim = mb_step_peek(L);
    mb_host_check_fence(L, MB_FENCE_STEP, call);
    return sim;
}

uint32_t mb_step_view_limit(lua_State *L, int index, const char *call) {
    if (lua_isnoneornil(L, index)) return UINT32_MAX;
    if (!lua_isnumber(L, index))
        luaL_error(L, "%s: expected a number of requests, not %s", call, luaL_typename(L, index));
    const lua_Number n = lua_tonumber(L, index);
    if (isnan(n)) luaL_error(L, "%s: the number of requests is NaN", call);
    return n <= 0 ? 0 : n >= UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static bool check_spare(lua_State *L, int index, const char *call) {
    const char *rule = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : luaL_typename(L, index);
    const bool spare = strcmp(rule, "spare") == 0;
    if (!spare && strcmp(rule, "needed") != 0)
        luaL_error(L,
                   "%s: what a decode must find free is \"needed\" (the block that it needs, if it "
                   "does) or \"spare\" (a block in any case), not \"%s\"",
                   call, rule);
    return spare;
}

static void check_victim(lua_State *L, int index, const char *call, mb_carry_rule *rule) {
    const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : luaL_typename(L, index);
    rule->oldest = strcmp(name, "oldest") == 0;
    if (rule->oldest || strcmp(name, "newest") == 0) return;
    rule->victim = mb_key_from_name(name);
    if (rule->victim == MB_KEY_COUNT)
        luaL_error(
            L,
            "%s: victim = \"%s\" is unknown; expected \"newest\", \"oldest\", or a key that queues are "
            "ordered by, such as \"priority\" or \"rank\", whose last makes room",
            call, name);
    if (rule->victim == MB_KEY_OUTPUT_TOKENS && !mb_host_of(L)->oracle)
        luaL_error(L, "%s: victim = \"output_tokens\" needs oracle = true in the scenario", call);
}

mb_carry_rule mb_step_view_carry(lua_State *L, int index, const char *call) {
    mb_carry_rule rule = {.victim = MB_KEY_NONE};
    if (lua_isnoneornil(L, index)) return rule;
    if (!lua_istable(L, index)) {
        rule.spare = check_spare(L, index, call);
        return rule;
    }
    static const char *const options[] = {"find", "victim", NULL};
    mb_view_check_options(L, index, call, options);
    lua_getfield(L, index, "find");
    if (!lua_isnil(L, -1)) rule.spare = check_spare(L, lua_gettop(L), call);
    lua_getfield(L, index, "victim");
    if (!lua_isnil(L, -1)) check_victim(L, lua_gettop(L), call, &rule);
    lua_pop(L, 2);
    return rule;
}
