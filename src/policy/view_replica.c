// SPDX-License-Identifier: MIT
// Replicas and their KV memory as a policy sees them.
#include "engine/sums.h"
#include "policy/views.h"
#include "sim/lifecycle.h"
#include "sim/news.h"
#include "sim/seen.h"

#include <math.h>
#include <string.h>

static mb_replica *replica_at(lua_State *L, const mb_view *view) {
    return mb_host_of(L)->sim->replicas[view->index];
}

static mb_replica *check_replica(lua_State *L) {
    return replica_at(L, mb_view_check(L, 1, MB_VIEW_REPLICA));
}

static void push_kv(lua_State *L, const mb_view *replica) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb_host_of(L)->kv_views);
    lua_rawgeti(L, -1, (int)replica->index + 1);
    lua_remove(L, -2);
}

static void push_capacity(lua_State *L, uint64_t tokens) {
    mb_lua_push_quantity(L, tokens == MB_UNLIMITED ? HUGE_VAL : (double)tokens);
}

enum { KV_CAPACITY, KV_USED, KV_FREE, KV_BLOCK, KV_FITS };

static uint64_t known_use(lua_State *L, mb_engine *engine) {
    return mb_replica_known_use(mb_host_of(L)->sim, engine);
}

// Upvalue: the pool, so that kv.fits(tokens) and kv:fits(tokens) both work.
static int kv_fits(lua_State *L) {
    const mb_view *view = lua_touserdata(L, lua_upvalueindex(1));
    const lua_Number tokens = luaL_checknumber(L, lua_isuserdata(L, 1) ? 2 : 1);
    if (!(tokens >= 0 && tokens <= UINT32_MAX)) return luaL_error(L, "kv:fits: expected a number of tokens");
    mb_engine *engine = &replica_at(L, view)->engine;
    const mb_kv_pool *pool = &engine->kv;
    if (mb_host_of(L)->sim->by_steps) {
        lua_pushboolean(L, mb_engine_fits(engine, (uint64_t)tokens));
        return 1;
    }
    const bool possible = mb_kv_ever_fits(pool, (uint32_t)tokens);
    lua_pushboolean(L,
                    possible && mb_kv_need(pool, (uint32_t)tokens) <= pool->capacity - known_use(L, engine));
    return 1;
}

static int read_kv(lua_State *L, const mb_view *view, int property) {
    mb_engine *engine = &replica_at(L, view)->engine;
    const mb_kv_pool *pool = &engine->kv;
    switch (property) {
    case KV_CAPACITY:
        push_capacity(L, pool->capacity);
        break;
    case KV_USED:
        mb_lua_push_quantity(L, (double)known_use(L, engine));
        break;
    case KV_FREE:
        push_capacity(L,
                      pool->capacity == MB_UNLIMITED ? MB_UNLIMITED : pool->capacity - known_use(L, engine));
        break;
    case KV_FITS:
        push_kv(L, view);
        lua_pushcclosure(L, kv_fits, 1);
        break;
    default: // a block of the batch executor's pools is one token
        lua_pushinteger(L, mb_host_of(L)->sim->by_steps ? replica_at(L, view)->hardware->memory.block : 1);
    }
    return 1;
}

static int index_kv(lua_State *L) {
    return mb_view_index(L, "kv pool", read_kv);
}

static int each_running_step(lua_State *L) { // upvalues: replica, position
    const mb_engine *engine = &replica_at(L, lua_touserdata(L, lua_upvalueindex(1)))->engine;
    const mb_request_store *store = &mb_host_of(L)->sim->requests;
    uint32_t position = (uint32_t)lua_tointeger(L, lua_upvalueindex(2));
    // While a batch ends, those that have left it are still in the list.
    while (position < engine->count &&
           mb_request_at(store, engine->batch[position])->phase != MB_PHASE_RUNNING)
        position++;
    lua_pushinteger(L, (lua_Integer)position + 1);
    lua_replace(L, lua_upvalueindex(2));
    if (position >= engine->count)
        lua_pushnil(L);
    else
        mb_request_view_push(mb_host_of(L), engine->batch[position]);
    return 1;
}

// From `slot` on the first that is to be given out: while the replica's step is built, those in batches under
// way could not be in it.
static uint32_t first_shown(const mb_sim *sim, const mb_replica *replica, uint32_t slot) {
    while (sim->building == replica && slot != MB_NONE && mb_request_at(&sim->requests, slot)->in_flight)
        slot = mb_request_at(&sim->requests, slot)->next;
    return slot;
}

// Of an engine, in order of admission. The next one is looked up before this one is given out, so that the
// loop's body may preempt it.
typedef struct running_walk {
    uint32_t replica, next, generation; // of the next
} running_walk;

static uint32_t generation_of(const mb_sim *sim, uint32_t slot) {
    return slot == MB_NONE ? 0 : mb_request_at(&sim->requests, slot)->generation;
}

static int each_engine_step(lua_State *L) {
    mb_host *host = mb_host_of(L);
    running_walk *walk = lua_touserdata(L, lua_upvalueindex(1));
    const uint32_t slot = walk->next;
    if (slot == MB_NONE) return 0;
    const mb_request *request = mb_request_at(&host->sim->requests, slot);
    if (request->phase != MB_PHASE_RUNNING || request->replica != walk->replica ||
        request->generation != walk->generation)
        return luaL_error(
            L, "replica:each_running(): the loop's body preempted a request other than the one in hand");
    walk->next = first_shown(host->sim, host->sim->replicas[walk->replica], request->next);
    walk->generation = generation_of(host->sim, walk->next);
    mb_request_view_push(host, slot);
    return 1;
}

static int each_running(lua_State *L) {
    const mb_replica *replica = check_replica(L);
    const mb_sim *sim = mb_host_of(L)->sim;
    if (!sim->by_steps) {
        lua_pushvalue(L, 1);
        lua_pushinteger(L, 0);
        lua_pushcclosure(L, each_running_step, 2);
        return 1;
    }
    const uint32_t first = first_shown(sim, replica, mb_engine_oldest(&replica->engine));
    running_walk *walk = lua_newuserdatauv(L, sizeof *walk, 0);
    *walk = (running_walk){replica->engine.id, first, generation_of(sim, first)};
    lua_pushcclosure(L, each_engine_step, 1);
    return 1;
}

static int cached(lua_State *L) { // 0 under a batch model, which has no prefix cache
    mb_replica *replica = check_replica(L);
    lua_pushinteger(L, mb_engine_cached(&replica->engine, mb_request_view_check(L, 2)));
    return 1;
}

enum {
    REPLICA_ID,
    REPLICA_ROLE,
    REPLICA_STATE,
    REPLICA_SEEN,
    REPLICA_GROUP,
    REPLICA_MODEL,
    REPLICA_GPU,
    REPLICA_TP,
    REPLICA_RANKS,
    REPLICA_CLUSTER,
    REPLICA_RUNNING,
    REPLICA_WAITING,
    REPLICA_QUEUE,
    REPLICA_KV,
    REPLICA_MAX_REQUESTS,
    REPLICA_TOKEN_BUDGET,
    REPLICA_CHUNKED,
    REPLICA_RESERVE,
    REPLICA_WATERMARK,
    REPLICA_DECODES,
    REPLICA_PREFILLS,
    REPLICA_PREFILL_LEFT,
    REPLICA_CONTEXT,
    REPLICA_DUE
};

static int read_sum(lua_State *L, mb_engine *engine, int property) {
    if (engine->stepper) mb_engine_settle(engine);
    const uint64_t sum = property == REPLICA_DECODES        ? mb_sum_decodes(engine)
                         : property == REPLICA_PREFILLS     ? mb_sum_prefills(engine)
                         : property == REPLICA_PREFILL_LEFT ? mb_sum_prefill_left(engine)
                         : property == REPLICA_CONTEXT      ? mb_sum_context(engine)
                                                            : mb_sum_due(engine);
    mb_lua_push_quantity(L, (double)sum);
    return 1;
}

static int read_replica(lua_State *L, const mb_view *view, int property) {
    mb_host *host = mb_host_of(L);
    const mb_replica *replica = replica_at(L, view);
    if (property >= REPLICA_DECODES) return read_sum(L, &host->sim->replicas[view->index]->engine, property);
    switch (property) {
    case REPLICA_ID:
        lua_pushinteger(L, (lua_Integer)view->index + 1);
        break;
    case REPLICA_ROLE:
        lua_pushstring(L, mb_role_name(replica->role));
        break;
    case REPLICA_SEEN:
        mb_view_new(L, MB_VIEW_SEEN, view->index, host->seen_meta);
        break;
    case REPLICA_STATE:
        lua_pushstring(L, mb_replica_state_name(replica->state));
        break;
    case REPLICA_GROUP:
        lua_pushstring(L, replica->hardware->group);
        break;
    case REPLICA_MODEL:
        lua_pushstring(L, replica->hardware->model);
        break;
    case REPLICA_GPU:
        lua_pushstring(L, replica->hardware->gpu);
        break;
    case REPLICA_TP:
        lua_pushinteger(L, replica->hardware->tp);
        break;
    case REPLICA_RANKS:
        lua_pushinteger(L, mb_sim_ranks(host->sim));
        break;
    case REPLICA_CLUSTER:
        mb_cluster_push(L, replica->hardware);
        break;
    case REPLICA_RUNNING:
        lua_pushinteger(L, mb_engine_running(&replica->engine));
        break;
    case REPLICA_WAITING:
        lua_pushinteger(L, replica->own_queue == MB_NONE ? 0 : host->sim->queues[replica->own_queue].count);
        break;
    case REPLICA_QUEUE: {
        const uint32_t queue = mb_replica_own_queue(host->sim, host->sim->replicas[view->index]);
        if (queue == MB_NONE) return luaL_error(L, "not enough memory");
        mb_queue_view_push(host, queue);
        break;
    }
    case REPLICA_KV:
        push_kv(L, view);
        break;
    case REPLICA_CHUNKED:
        lua_pushboolean(L, replica->engine.chunked);
        break;
    case REPLICA_RESERVE:
        lua_pushstring(L, mb_reserve_name(replica->engine.reserve));
        break;
    case REPLICA_WATERMARK:
        lua_pushnumber(L, replica->engine.watermark);
        break;
    case REPLICA_MAX_REQUESTS:
        mb_lua_push_quantity(L, replica->engine.max_requests == MB_NONE ? HUGE_VAL
                                                                        : replica->engine.max_requests);
        break;
    default:
        mb_lua_push_quantity(
            L, replica->engine.token_budget == UINT64_MAX ? HUGE_VAL : (double)replica->engine.token_budget);
    }
    return 1;
}

static int wake(lua_State *L) {
    mb_replica *replica = check_replica(L);
    mb_sim *sim = mb_host_of(L)->sim;
    mb_host_check_fence(L, MB_FENCE_ALL, "replica:wake");
    mb_sim_wake(sim, replica);
    return 0;
}

static int index_replica(lua_State *L) {
    return mb_view_index(L, "replica", read_replica);
}

static void set_reserve(lua_State *L, mb_replica *replica) {
    const char *name = lua_tostring(L, 3);
    if (replica->engine.reserve == MB_RESERVE_FINAL) return; // cluster.kv = "tokens": the pool itself says so
    for (mb_reserve reserve = MB_RESERVE_CHUNK; reserve < MB_RESERVE_FINAL; reserve++) {
        if (strcmp(mb_reserve_name(reserve), name) != 0) continue;
        if (reserve == MB_RESERVE_MAXIMUM && replica->hardware->memory.max_length == 0)
            luaL_error(
                L, "replica.reserve = \"maximum\" needs cluster.kv_max_length in the scenario, the tokens to "
                   "set aside per request");
        replica->engine.reserve = reserve;
        return;
    }
    luaL_error(L,
               "replica.reserve is \"chunk\", \"sequence\", \"prompt\", \"predicted\", \"expected\" or "
               "\"maximum\", not \"%s\"",
               name);
}

// Is the field one that can be set, and is the value of its type?
static void check_settable(lua_State *L) {
    static const struct {
        const char *name;
        int type;
    } settable[] = {{"max_requests", LUA_TNUMBER}, {"token_budget", LUA_TNUMBER}, {"chunked", LUA_TBOOLEAN},
                    {"reserve", LUA_TSTRING},      {"role", LUA_TSTRING},         {"watermark", LUA_TNUMBER}};
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    for (size_t i = 0; i < sizeof settable / sizeof *settable; i++) {
        if (strcmp(settable[i].name, name) != 0) continue;
        if (lua_type(L, 3) != settable[i].type)
            luaL_error(L, "replica.%s must be a %s, not %s", name, lua_typename(L, settable[i].type),
                       luaL_typename(L, 3));
        return;
    }
    luaL_error(
        L, "replica.%s cannot be set; max_requests, token_budget, chunked, reserve, watermark and role can",
        name);
}

static int set_replica(lua_State *L) {
    mb_replica *replica = check_replica(L);
    check_settable(L);
    const char *name = lua_tostring(L, 2);
    mb_host_check_fence(L, MB_FENCE_ALL, "setting a replica's field");
    if (strcmp(name, "chunked") == 0) {
        replica->engine.chunked = lua_toboolean(L, 3);
        return 0;
    }
    if (strcmp(name, "reserve") == 0) {
        set_reserve(L, replica);
        return 0;
    }
    if (strcmp(name, "role") == 0) {
        mb_role_set(L, replica);
        return 0;
    }
    const lua_Number value = lua_tonumber(L, 3);
    if (strcmp(name, "watermark") == 0) {
        if (!(value >= 0 && value < 1))
            return luaL_error(L, "replica.watermark is a share from 0 to below 1");
        replica->engine.watermark = value;
        return 0;
    }
    if (!(value >= 1)) return luaL_error(L, "replica.%s must be at least 1", name);
    if (strcmp(name, "max_requests") == 0)
        replica->engine.max_requests = value >= MB_NONE ? MB_NONE : (uint32_t)value;
    else
        replica->engine.token_budget = value >= 0x1p63 ? UINT64_MAX : (uint64_t)value;
    return 0;
}

void mb_replica_view_push(mb_host *host, uint32_t replica) {
    lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->replica_views);
    lua_rawgeti(host->L, -1, (int)replica + 1);
    lua_remove(host->L, -2);
}

void mb_replica_view_add(mb_host *host, uint32_t replica) {
    lua_State *L = host->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->kv_views);
    mb_view_new(L, MB_VIEW_KV, replica, host->kv_meta);
    lua_rawseti(L, -2, (int)replica + 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->replica_views);
    mb_view_new(L, MB_VIEW_REPLICA, replica, host->replica_meta);
    lua_rawseti(L, -2, (int)replica + 1);
    lua_pop(L, 2);
}

void mb_replica_views_open(lua_State *L) {
    static const mb_member members[] = {{"each_running", each_running, 0},
                                        {"cached", cached, 0},
                                        {"estimate", mb_estimate_call, 0},
                                        {"longest_chunk", mb_longest_chunk_call, 0},
                                        {"plain", mb_replica_plain, 0},
                                        {"wake", wake, 0},
                                        {"peak", mb_peak_call, 0},
                                        {"foresee", mb_foresee_call, 0},
                                        {"decodes", NULL, REPLICA_DECODES},
                                        {"prefills", NULL, REPLICA_PREFILLS},
                                        {"prefill_left", NULL, REPLICA_PREFILL_LEFT},
                                        {"context", NULL, REPLICA_CONTEXT},
                                        {"due", NULL, REPLICA_DUE},
                                        {"id", NULL, MB_CONSTANT | REPLICA_ID},
                                        {"role", NULL, REPLICA_ROLE},
                                        {"state", NULL, REPLICA_STATE},
                                        {"seen", NULL, MB_CONSTANT | REPLICA_SEEN},
                                        {"drain", mb_replica_drain_call, 0},
                                        {"undrain", mb_replica_undrain_call, 0},
                                        {"remove", mb_replica_remove_call, 0},
                                        {"fail", mb_replica_fail_call, 0},
                                        {"group", NULL, MB_CONSTANT | REPLICA_GROUP},
                                        {"model", NULL, MB_CONSTANT | REPLICA_MODEL},
                                        {"gpu", NULL, MB_CONSTANT | REPLICA_GPU},
                                        {"tp", NULL, MB_CONSTANT | REPLICA_TP},
                                        {"ranks", NULL, MB_CONSTANT | REPLICA_RANKS},
                                        {"cluster", NULL, MB_CONSTANT | REPLICA_CLUSTER},
                                        {"running", NULL, REPLICA_RUNNING},
                                        {"waiting", NULL, REPLICA_WAITING},
                                        {"queue", NULL, MB_CONSTANT | REPLICA_QUEUE},
                                        {"kv", NULL, MB_CONSTANT | REPLICA_KV},
                                        {"max_requests", NULL, REPLICA_MAX_REQUESTS},
                                        {"token_budget", NULL, REPLICA_TOKEN_BUDGET},
                                        {"chunked", NULL, REPLICA_CHUNKED},
                                        {"reserve", NULL, REPLICA_RESERVE},
                                        {"watermark", NULL, REPLICA_WATERMARK},
                                        {NULL, NULL, 0}};
    static const mb_member kv_members[] = {{"capacity", NULL, KV_CAPACITY},
                                           {"used", NULL, KV_USED},
                                           {"free", NULL, KV_FREE},
                                           {"block", NULL, MB_CONSTANT | KV_BLOCK},
                                           {"fits", NULL, MB_CONSTANT | KV_FITS},
                                           {NULL, NULL, 0}};
    mb_host *host = mb_host_of(L);
    mb_seen_views_open(L);
    mb_view_metatable(L, members, index_replica);
    lua_pushcfunction(L, set_replica);
    lua_setfield(L, -2, "__newindex");
    host->replica_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    mb_view_metatable(L, kv_members, index_kv);
    host->kv_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    const uint32_t count = host->sim->replica_count;
    lua_createtable(L, (int)count, 0);
    host->kv_views = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_createtable(L, (int)count, 0);
    host->replica_views = luaL_ref(L, LUA_REGISTRYINDEX); // this is sim.replicas
    for (uint32_t i = 0; i < count; i++)
        mb_replica_view_add(host, i);
}
