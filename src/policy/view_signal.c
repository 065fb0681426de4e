// SPDX-License-Identifier: MIT
// What the hook `signal` gets: a table with the members that belong to the kind of the event.
#include "policy/views.h"

#include <math.h>

static void set_replica(mb_host *host, const char *name, uint32_t replica) {
    if (replica == MB_NONE) return;
    mb_replica_view_push(host, replica);
    lua_setfield(host->L, -2, name);
}

void mb_signal_push(mb_host *host, const mb_notice *notice) {
    lua_State *L = host->L;
    lua_createtable(L, 0, 4);
    lua_pushstring(L, notice->kind);
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
