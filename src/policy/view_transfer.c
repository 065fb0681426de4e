// SPDX-License-Identifier: MIT
// sim:send and the roles of replicas: KV memory that moves, as a policy asks for it.
#include "policy/views.h"
#include "sim/beside.h"
#include "sim/copy.h"
#include "sim/migrate.h"
#include "sim/replica.h"
#include "sim/transfer.h"

#include <math.h>
#include <string.h>

// A replica's number; "sim:send" and what it is in the message.
static uint32_t check_target(lua_State *L, int index, const char *call) {
    const mb_sim *sim = mb_host_of(L)->sim;
    const uint32_t replica = mb_view_check(L, index, MB_VIEW_REPLICA)->index;
    if (!sim->by_steps) luaL_error(L, "%s: KV memory does not move under a batch model", call);
    if (sim->groups)
        luaL_error(
            L, "%s: the replicas of cluster.experts step together, and KV memory does not move between them",
            call);
    return replica;
}

static void check_way(lua_State *L, uint32_t from, uint32_t to, const char *call) {
    const mb_sim *sim = mb_host_of(L)->sim;
    if (from == to || mb_link_between(sim, from, to)) return;
    const char *source = sim->replicas[from]->hardware->group, *target = sim->replicas[to]->hardware->group;
    if (!sim->config->link_count)
        luaL_error(
            L,
            "%s: the scenario does not say what KV memory moves over; expected cluster.link = { bandwidth = "
            "GB/s, latency = s }",
            call);
    luaL_error(L, "%s: the scenario has no cluster.link from group \"%s\" to group \"%s\"", call,
               source ? source : "", target ? target : "");
}

static bool read_front(lua_State *L, const char *call) {
    lua_getfield(L, 4, "place");
    const char *place = lua_isnil(L, -1)                 ? "back"
                        : lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                                                         : luaL_typename(L, -1);
    const bool front = strcmp(place, "front") == 0;
    if (!front && strcmp(place, "back") != 0)
        luaL_error(L, "%s: place is \"front\" or \"back\", not %s", call, place);
    lua_pop(L, 1);
    return front;
}

static mb_sending read_sending(lua_State *L) {
    static const char *const known[] = {"queue", "place", "layers", NULL};
    mb_sending how = {.queue = MB_NONE, .layers = 1};
    if (lua_isnoneornil(L, 4)) return how;
    luaL_checktype(L, 4, LUA_TTABLE);
    mb_view_check_options(L, 4, "sim:send", known);
    lua_getfield(L, 4, "queue");
    if (!lua_isnil(L, -1)) how.queue = mb_view_check(L, lua_gettop(L), MB_VIEW_QUEUE)->index;
    lua_pop(L, 1);
    how.front = read_front(L, "sim:send");
    lua_getfield(L, 4, "layers");
    const lua_Number layers = lua_isnil(L, -1) ? 1 : lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    if (!(layers >= 1 && layers <= 1e6 && layers == floor(layers)))
        luaL_error(L, "sim:send: layers must be a whole number of layers, from 1");
    how.layers = (uint32_t)layers;
    lua_pop(L, 1);
    return how;
}

static int push_answer(lua_State *L, const char *refused) {
    lua_pushboolean(L, !refused);
    if (!refused) return 1;
    lua_pushstring(L, refused);
    return 2;
}

// send(req, replica [, { queue =, place =, layers = }]): true, or false and why not.
int mb_send_call(lua_State *L) {
    mb_sim *sim = mb_sim_view_going(L, "sim:send");
    const uint32_t slot = mb_request_view_check(L, 2), to = check_target(L, 3, "sim:send");
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const mb_sending how = read_sending(L);
    if (request->phase == MB_PHASE_RUNNING)
        return luaL_error(L,
                          "sim:send: the request runs; expected one that is handed over, paused or swapped "
                          "(sim:migrate moves one that runs)");
    if (request->stage == MB_STAGE_MOVING)
        return luaL_error(L, "sim:send: the request's KV memory is on its way already");
    if (!mb_stage_holds(request->stage) && request->stage != MB_STAGE_SWAPPED)
        return luaL_error(L, "sim:send: the request has nothing in memory; push it to a queue instead");
    mb_request_view_movable(L, slot);
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:send");
    check_way(L, request->replica, to, "sim:send");
    const char *refused;
    mb_error error = {0};
    mb_host_enter(L); // the destination's queue may have a `by` function
    if (mb_transfer_send(sim, slot, to, &how, &refused, &error) != MB_OK) return mb_host_raise(L, &error);
    mb_host_leave(L);
    return push_answer(L, refused);
}

static uint32_t count_option(lua_State *L, const char *name, uint32_t otherwise, uint32_t least) {
    if (lua_isnoneornil(L, 4)) return otherwise;
    lua_getfield(L, 4, name);
    const lua_Number count = lua_isnil(L, -1)                 ? otherwise
                             : lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1)
                                                              : -1;
    if (!(count >= least && count <= 1e9 && count == floor(count)))
        luaL_error(L, "sim:migrate: %s must be a whole number of at least %d", name, (int)least);
    lua_pop(L, 1);
    return (uint32_t)count;
}

// migrate(req, replica [, { stages = 3, last = 16 }]): true, or false and why not.
int mb_migrate_call(lua_State *L) {
    static const char *const known[] = {"stages", "last", NULL};
    mb_sim *sim = mb_sim_view_going(L, "sim:migrate");
    const uint32_t slot = mb_request_view_check(L, 2), to = check_target(L, 3, "sim:migrate");
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (!lua_isnoneornil(L, 4)) {
        luaL_checktype(L, 4, LUA_TTABLE);
        mb_view_check_options(L, 4, "sim:migrate", known);
    }
    const uint32_t stages = count_option(L, "stages", 3, 1), last = count_option(L, "last", 16, 0);
    if (request->phase != MB_PHASE_RUNNING ||
        (request->stage != MB_STAGE_DECODE && request->stage != MB_STAGE_PARKED))
        return luaL_error(
            L, "sim:migrate: the request does not decode; expected one that runs and has emitted a token "
               "(sim:send moves one that waits)");
    if (request->transfer != MB_NONE) return luaL_error(L, "sim:migrate: the request is on its way already");
    mb_request_view_movable(L, slot);
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:migrate");
    check_way(L, request->replica, to, "sim:migrate");
    const char *refused;
    mb_error error = {0};
    if (mb_migrate(sim, slot, to, stages, last, &refused, &error) != MB_OK) return mb_host_raise(L, &error);
    return push_answer(L, refused);
}

// copy(req, from, to): true, or false and why not.
int mb_copy_call(lua_State *L) {
    mb_sim *sim = mb_sim_view_going(L, "sim:copy");
    const uint32_t slot = mb_request_view_check(L, 2), from = check_target(L, 3, "sim:copy");
    const uint32_t to = check_target(L, 4, "sim:copy");
    if (mb_request_at(&sim->requests, slot)->stage != MB_STAGE_NEW)
        return luaL_error(
            L, "sim:copy: the request has its KV memory already; expected one that waits with nothing in "
               "memory");
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:copy");
    check_way(L, from, to, "sim:copy");
    const char *refused;
    mb_error error = {0};
    if (mb_copy(sim, slot, from, to, &refused, &error) != MB_OK) return mb_host_raise(L, &error);
    return push_answer(L, refused);
}

// abort(req): what moves it is given up; true if something did.
int mb_abort_call(lua_State *L) {
    mb_sim *sim = mb_sim_view_going(L, "sim:abort");
    const uint32_t slot = mb_request_view_check(L, 2);
    const mb_request *request = mb_request_at(&sim->requests, slot);
    mb_request_view_movable(L, slot);
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:abort");
    const bool moves = sim->transfers && request->transfer != MB_NONE;
    mb_error error = {0};
    if (moves && mb_transfer_abort(sim, slot, &error) != MB_OK) return mb_host_raise(L, &error);
    lua_pushboolean(L, moves);
    return 1;
}

// What the hook `handoff` returned, at the top of the stack: a replica, or MB_NONE.
uint32_t mb_handoff_answer(lua_State *L, uint32_t slot) {
    const mb_view *view = lua_touserdata(L, -1);
    if (lua_isnil(L, -1)) return MB_NONE;
    if (!view || view->kind != MB_VIEW_REPLICA)
        luaL_error(L, "the hook 'handoff' returns a replica, or nil to send the request later, not %s",
                   view ? "this" : luaL_typename(L, -1));
    const uint32_t to = check_target(L, lua_gettop(L), "handoff");
    check_way(L, mb_request_at(&mb_host_of(L)->sim->requests, slot)->replica, to, "handoff");
    return to;
}

void mb_role_set(lua_State *L, mb_replica *replica) {
    const mb_sim *sim = mb_host_of(L)->sim;
    for (mb_role role = 0; role < MB_ROLE_COUNT; role++) {
        if (strcmp(mb_role_name(role), lua_tostring(L, 3)) != 0) continue;
        if (role != MB_ROLE_BOTH && !sim->by_steps)
            luaL_error(L, "replica.role: KV memory does not move under a batch model");
        if (role != MB_ROLE_BOTH && sim->groups)
            luaL_error(
                L, "replica.role: the replicas of cluster.experts step together, and KV memory does not move "
                   "between them");
        mb_replica_set_role(replica, role);
        mb_beside_look(mb_host_of(L)->sim, replica);
        return;
    }
    luaL_error(L, "replica.role is \"both\", \"prefill\" or \"decode\", not \"%s\"", lua_tostring(L, 3));
}
