// SPDX-License-Identifier: MIT
// What the hook `signal` gets: a table with the members that belong to the kind of the event.
#include "base/strbuf.h"
#include "policy/hook_names.h"
#include "policy/views.h"
#include "sim/notice.h"

#include <math.h>
#include <string.h>

static void set_replica(mb_host *host, const char *name, uint32_t replica) {
    if (replica == MB_NONE) return;
    mb_replica_view_push(host, replica);
    lua_setfield(host->L, -2, name);
}

void mb_signal_push(mb_host *host, const mb_notice *notice) {
    lua_State *L = host->L;
    lua_createtable(L, 0, 4);
    lua_pushstring(L, mb_signal_names[notice->kind]);
    lua_setfield(L, -2, "kind");
    set_replica(host, "replica", notice->replica);
    set_replica(host, "from", notice->from);
    set_replica(host, "to", notice->to);
    if (notice->request != MB_NONE) {
        mb_request_view_push(host, notice->request);
        lua_setfield(L, -2, "request");
    }
    if (notice->lists) {
        lua_createtable(L, (int)notice->request_count, 0);
        for (size_t i = 0; i < notice->request_count; i++) {
            mb_request_view_push(host, notice->requests[i]);
            lua_rawseti(L, -2, (int)i + 1);
        }
        lua_setfield(L, -2, "requests");
    }
    if (notice->why) {
        lua_pushstring(L, notice->why);
        lua_setfield(L, -2, "why");
    }
    if (!isnan(notice->seconds)) {
        lua_pushnumber(L, notice->seconds);
        lua_setfield(L, -2, "seconds");
    }
}

// The kind that the value on top of the stack names.
static mb_signal read_kind(lua_State *L) {
    const char *path = mb_host_of(L)->path;
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s: 'signal_kinds' is a list of kinds of events, such as \"up\", with %s in it", path,
                   luaL_typename(L, -1));
    const char *name = lua_tostring(L, -1);
    for (int kind = 0; kind < MB_SIGNAL_COUNT; kind++)
        if (strcmp(name, mb_signal_names[kind]) == 0) return (mb_signal)kind;
    const char *nearest = mb_nearest_word(name, mb_signal_names, MB_SIGNAL_COUNT);
    luaL_error(L,
               "%s: 'signal_kinds' names \"%s\"; expected \"arrived\", \"copied\", \"aborted\", \"up\", "
               "\"draining\", \"down\" or \"off\"%s%s%s",
               path, name, nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
    return MB_SIGNAL_COUNT;
}

uint32_t mb_signal_untold(lua_State *L) {
    const char *path = mb_host_of(L)->path;
    lua_getfield(L, 1, "signal_kinds");
    uint32_t told = 0;
    if (lua_isnil(L, -1))
        told = ~UINT32_C(0);
    else if (!lua_istable(L, -1))
        luaL_error(L, "%s: 'signal_kinds' is a list of kinds of events, such as { \"up\" }, not %s", path,
                   luaL_typename(L, -1));
    else if (mb_host_of(L)->hooks[MB_HOOK_SIGNAL] == LUA_NOREF)
        luaL_error(L,
                   "%s: 'signal_kinds' says what the hook 'signal' is told, and the policy has no such hook",
                   path);
    for (int i = 1, n = lua_istable(L, -1) ? (int)lua_rawlen(L, -1) : 0; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        told |= UINT32_C(1) << read_kind(L);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return ~told;
}
