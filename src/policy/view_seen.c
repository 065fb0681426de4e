// SPDX-License-Identifier: MIT
// replica.seen: the replica as somebody outside knows it (cluster.signals).
#include "policy/views.h"
#include "sim/seen.h"

enum {
    SEEN_TIME,
    SEEN_RUNNING,
    SEEN_WAITING,
    SEEN_WAITING_TOKENS,
    SEEN_DECODES,
    SEEN_CONTEXT,
    SEEN_KV_USED,
    SEEN_KV_FREE
};

static int read_seen(lua_State *L, const mb_view *view, int property) {
    mb_sim *sim = mb_host_of(L)->sim;
    double time_s;
    mb_seen_state now;
    const mb_seen_state *state = mb_replica_seen(sim, view->index, &now, &time_s);
    switch (property) {
    case SEEN_TIME:
        lua_pushnumber(L, time_s);
        break;
    case SEEN_RUNNING:
        lua_pushinteger(L, state->running);
        break;
    case SEEN_WAITING:
        lua_pushinteger(L, state->waiting);
        break;
    case SEEN_WAITING_TOKENS:
        mb_lua_push_quantity(L, (double)state->waiting_tokens);
        break;
    case SEEN_DECODES:
        lua_pushinteger(L, state->decodes);
        break;
    case SEEN_CONTEXT:
        mb_lua_push_quantity(L, (double)state->context);
        break;
    case SEEN_KV_USED:
        mb_lua_push_quantity(L, (double)state->kv_used);
        break;
    default: {
        const uint64_t capacity = sim->replicas[view->index]->engine.kv.capacity;
        mb_lua_push_quantity(L, capacity == MB_UNLIMITED ? HUGE_VAL : (double)(capacity - state->kv_used));
    }
    }
    return 1;
}

static int index_seen(lua_State *L) {
    return mb_view_index(L, "replica.seen", read_seen);
}

// cached(req): tokens.
static int cached(lua_State *L) {
    const mb_view *view = mb_view_check(L, 1, MB_VIEW_SEEN);
    const uint32_t slot = mb_request_view_check(L, 2);
    lua_pushinteger(L, mb_replica_seen_cached(mb_host_of(L)->sim, view->index, slot));
    return 1;
}

void mb_seen_views_open(lua_State *L) {
    static const mb_member members[] = {{"cached", cached, 0},
                                        {"time", NULL, SEEN_TIME},
                                        {"running", NULL, SEEN_RUNNING},
                                        {"waiting", NULL, SEEN_WAITING},
                                        {"waiting_tokens", NULL, SEEN_WAITING_TOKENS},
                                        {"decodes", NULL, SEEN_DECODES},
                                        {"context", NULL, SEEN_CONTEXT},
                                        {"kv_used", NULL, SEEN_KV_USED},
                                        {"kv_free", NULL, SEEN_KV_FREE},
                                        {NULL, NULL, 0}};
    mb_view_metatable(L, members, index_seen);
    mb_host_of(L)->seen_meta = luaL_ref(L, LUA_REGISTRYINDEX);
}
