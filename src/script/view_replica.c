// SPDX-License-Identifier: MIT
// Replicas and their KV memory as a policy sees them.
#include "script/views.h"

#include <math.h>
#include <string.h>

static mb_replica *replica_at(lua_State *L, const mb_view *view) {
    return &mb_host_of(L)->sim->replicas[view->index];
}

static mb_replica *check_replica(lua_State *L) {
    return replica_at(L, mb_view_check(L, 1, MB_VIEW_REPLICA));
}

static void push_capacity(lua_State *L, uint64_t tokens) {
    lua_pushnumber(L, tokens == MB_KV_UNLIMITED ? HUGE_VAL : (double)tokens);
}

enum { KV_CAPACITY, KV_USED, KV_FREE, KV_BLOCK };

// Tokens in use as a policy may know them. A counter of tokens reserves the true final lengths, which nobody
// knows before the end, so predictions stand in for them; an oracle sees the counter itself.
static uint64_t known_use(lua_State *L, const mb_replica *replica) {
    const mb_kv_pool *pool = &replica->kv;
    if (mb_host_of(L)->oracle || pool->kind != MB_KV_TOKENS) return pool->reserved;
    return replica->predicted_tokens < pool->capacity ? replica->predicted_tokens : pool->capacity;
}

static int read_kv(lua_State *L, const mb_view *view, int property) {
    const mb_replica *replica = replica_at(L, view);
    const mb_kv_pool *pool = &replica->kv;
    switch (property) {
    case KV_CAPACITY:
        push_capacity(L, pool->capacity);
        break;
    case KV_USED:
        lua_pushnumber(L, (double)known_use(L, replica));
        break;
    case KV_FREE:
        push_capacity(L, pool->capacity == MB_KV_UNLIMITED ? MB_KV_UNLIMITED
                                                           : pool->capacity - known_use(L, replica));
        break;
    default:
        lua_pushinteger(L, 1); // a block of these pools is one token
    }
    return 1;
}

static int kv_fits(lua_State *L) { // upvalue: the pool, so that kv.fits(tokens) and kv:fits(tokens) both work
    const mb_view *view = lua_touserdata(L, lua_upvalueindex(1));
    const lua_Number tokens = luaL_checknumber(L, lua_isuserdata(L, 1) ? 2 : 1);
    if (!(tokens >= 0 && tokens <= UINT32_MAX)) return luaL_error(L, "kv:fits: expected a number of tokens");
    const mb_replica *replica = replica_at(L, view);
    const mb_kv_pool *pool = &replica->kv;
    const bool possible = mb_kv_ever_fits(pool, (uint32_t)tokens);
    lua_pushboolean(L,
                    possible && mb_kv_need(pool, (uint32_t)tokens) <= pool->capacity - known_use(L, replica));
    return 1;
}

static int index_kv(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "fits") == 0) {
        lua_pushvalue(L, 1);
        lua_pushcclosure(L, kv_fits, 1);
        return 1;
    }
    return mb_view_index(L, "kv pool", read_kv);
}

static int each_running_step(lua_State *L) { // upvalues: replica, position
    const mb_replica *replica = replica_at(L, lua_touserdata(L, lua_upvalueindex(1)));
    const mb_request_store *store = &mb_host_of(L)->sim->requests;
    uint32_t position = (uint32_t)lua_tointeger(L, lua_upvalueindex(2));
    // While a batch ends, those that have left it are still in the list.
    while (position < replica->count &&
           mb_request_at(store, replica->batch[position])->phase != MB_PHASE_RUNNING)
        position++;
    lua_pushinteger(L, (lua_Integer)position + 1);
    lua_replace(L, lua_upvalueindex(2));
    if (position >= replica->count)
        lua_pushnil(L);
    else
        mb_request_view_push(mb_host_of(L), replica->batch[position]);
    return 1;
}

static int each_running(lua_State *L) {
    check_replica(L);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, each_running_step, 2);
    return 1;
}

static int cached(lua_State *L) { // no prefix cache under a batch model
    check_replica(L);
    mb_request_view_check(L, 2);
    lua_pushinteger(L, 0);
    return 1;
}

// estimate{ requests =, longest = [, service =] }: seconds that such a batch would take, without noise.
static int estimate(lua_State *L) {
    check_replica(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getfield(L, 2, "requests");
    lua_getfield(L, 2, "longest");
    lua_getfield(L, 2, "service");
    const lua_Number requests = luaL_optnumber(L, -3, 1), longest = luaL_optnumber(L, -2, 0);
    const lua_Number service = luaL_optnumber(L, -1, 0);
    if (!(requests >= 1 && requests <= UINT32_MAX && longest >= 0 && longest <= UINT32_MAX))
        return luaL_error(L, "estimate: expected { requests = at least 1, longest = tokens }");
    mb_latency quiet = *mb_host_of(L)->sim->config->latency;
    quiet.noise = 0;
    const mb_batch_time time = mb_latency_batch(&quiet, (uint32_t)requests, (uint32_t)longest, service, NULL);
    lua_pushnumber(L, time.duration_s);
    lua_pushnumber(L, time.tbt_s);
    return 2;
}

enum {
    REPLICA_ID,
    REPLICA_ROLE,
    REPLICA_RUNNING,
    REPLICA_WAITING,
    REPLICA_QUEUE,
    REPLICA_MAX_REQUESTS,
    REPLICA_TOKEN_BUDGET
};

static int read_replica(lua_State *L, const mb_view *view, int property) {
    mb_host *host = mb_host_of(L);
    const mb_replica *replica = replica_at(L, view);
    switch (property) {
    case REPLICA_ID:
        lua_pushinteger(L, (lua_Integer)view->index + 1);
        break;
    case REPLICA_ROLE:
        lua_pushliteral(L, "both");
        break;
    case REPLICA_RUNNING:
        lua_pushinteger(L, replica->count);
        break;
    case REPLICA_WAITING:
        lua_pushinteger(L, host->sim->queues[0].count);
        break;
    case REPLICA_QUEUE:
        mb_queue_view_push(host, 0);
        break; // one queue for all, under a batch model
    case REPLICA_MAX_REQUESTS:
        lua_pushnumber(L, replica->max_requests == MB_NONE ? HUGE_VAL : replica->max_requests);
        break;
    default:
        lua_pushnumber(L, replica->token_budget == UINT64_MAX ? HUGE_VAL : (double)replica->token_budget);
    }
    return 1;
}

static int index_replica(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "kv") == 0) {
        const mb_view *view = lua_touserdata(L, 1);
        lua_rawgeti(L, LUA_REGISTRYINDEX, mb_host_of(L)->kv_views);
        lua_rawgeti(L, -1, (int)view->index + 1);
        return 1;
    }
    return mb_view_index(L, "replica", read_replica);
}

static int set_replica(lua_State *L) {
    mb_replica *replica = check_replica(L);
    const char *name = luaL_checkstring(L, 2);
    const lua_Number value = luaL_checknumber(L, 3);
    if (!(value >= 1)) return luaL_error(L, "replica.%s must be at least 1", name);
    if (strcmp(name, "max_requests") == 0)
        replica->max_requests = value >= MB_NONE ? MB_NONE : (uint32_t)value;
    else if (strcmp(name, "token_budget") == 0)
        replica->token_budget = value >= 0x1p63 ? UINT64_MAX : (uint64_t)value;
    else
        return luaL_error(L, "replica.%s cannot be set; only max_requests and token_budget can", name);
    return 0;
}

void mb_replica_view_push(mb_host *host, uint32_t replica) {
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->replica_views);
    lua_rawgeti(host->L, -1, (int)replica + 1);
    lua_remove(host->L, -2);
}

void mb_replica_views_open(lua_State *L) {
    static const mb_member members[] = {{"each_running", each_running, 0},
                                        {"cached", cached, 0},
                                        {"estimate", estimate, 0},
                                        {"id", NULL, REPLICA_ID},
                                        {"role", NULL, REPLICA_ROLE},
                                        {"running", NULL, REPLICA_RUNNING},
                                        {"waiting", NULL, REPLICA_WAITING},
                                        {"queue", NULL, REPLICA_QUEUE},
                                        {"max_requests", NULL, REPLICA_MAX_REQUESTS},
                                        {"token_budget", NULL, REPLICA_TOKEN_BUDGET},
                                        {NULL, NULL, 0}};
    static const mb_member kv_members[] = {{"capacity", NULL, KV_CAPACITY},
                                           {"used", NULL, KV_USED},
                                           {"free", NULL, KV_FREE},
                                           {"block", NULL, KV_BLOCK},
                                           {NULL, NULL, 0}};
    mb_host *host = mb_host_of(L);
    mb_view_metatable(L, members, index_replica);
    lua_pushcfunction(L, set_replica);
    lua_setfield(L, -2, "__newindex");
    const int replica_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    mb_view_metatable(L, kv_members, index_kv);
    const int kv_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    const uint32_t count = host->sim->config->replicas;
    lua_createtable(L, (int)count, 0);
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        mb_view_new(L, MB_VIEW_REPLICA, i, replica_meta);
        lua_rawseti(L, -3, (int)i + 1);
        mb_view_new(L, MB_VIEW_KV, i, kv_meta);
        lua_rawseti(L, -2, (int)i + 1);
    }
    host->kv_views = luaL_ref(L, LUA_REGISTRYINDEX);
    host->replica_views = luaL_ref(L, LUA_REGISTRYINDEX); // this is sim.replicas
}
