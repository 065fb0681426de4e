// SPDX-License-Identifier: MIT
// Replicas that go: drain, undrain, remove and fail; sim:add{ ... } is in view_add.c.
#include "policy/views.h"
#include "sim/fail.h"
#include "sim/lifecycle.h"

#include <math.h>

// The replica at 1, of which something is to change; a Lua error where nothing may.
static mb_replica *check(lua_State *L, const char *call) {
    const mb_view *view = mb_view_check(L, 1, MB_VIEW_REPLICA);
    mb_sim *sim = mb_host_of(L)->sim;
    if (sim->ended) luaL_error(L, "%s: the run has ended; the hook 'done' can only look back", call);
    mb_host_check_fence(L, MB_FENCE_ALL, call);
    mb_replica *replica = sim->replicas[view->index];
    if (replica->state == MB_OFF)
        luaL_error(L, "%s: replica %d is off: it was removed, or drained to the end, and does not come back",
                   call, (int)view->index + 1);
    return replica;
}

// Would nothing serve any more, now or later, without it?
static void check_not_last(lua_State *L, const mb_replica *replica, const char *call) {
    const mb_sim *sim = mb_host_of(L)->sim;
    const bool counts = replica->state == MB_UP || !isinf(replica->up_s);
    const uint32_t ranks = mb_sim_ranks(sim);
    if (mb_replicas_to_come(sim) > (counts ? ranks : 0)) return;
    luaL_error(L,
               "%s: replica %d %s the last one%s, and what waits would never be served; add another first "
               "(sim:add)",
               call, (int)replica->engine.id + 1,
               ranks > 1 ? "and those that step with it (cluster.experts) are" : "is", ranks > 1 ? "s" : "");
}

double mb_view_seconds(lua_State *L, int index, double otherwise, const char *call, const char *what) {
    if (lua_isnoneornil(L, index)) return otherwise;
    const lua_Number seconds = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : (lua_Number)NAN;
    if (!(seconds >= 0 && seconds < HUGE_VAL))
        luaL_error(L, "%s: %s is a number of seconds of at least 0", call, what);
    return seconds;
}

// Do they come and go together? Each replica does with itself.
static bool step_together(const mb_sim *sim, const mb_replica *one, const mb_replica *other) {
    return mb_replica_first_rank(sim, one) == mb_replica_first_rank(sim, other);
}

static int out_of_memory(lua_State *L) {
    return luaL_error(L, "not enough memory");
}

// drain([to])
int mb_replica_drain_call(lua_State *L) {
    mb_replica *replica = check(L, "replica:drain");
    mb_sim *sim = mb_host_of(L)->sim;
    const uint32_t to = lua_isnoneornil(L, 2) ? 0 : mb_view_check(L, 2, MB_VIEW_QUEUE)->index;
    const uint32_t owner = sim->queues[to].owner;
    if (replica->state == MB_DRAINING)
        return luaL_error(L, "replica:drain: replica %d is draining already", (int)replica->engine.id + 1);
    if (owner != MB_NONE && step_together(sim, sim->replicas[owner], replica))
        return luaL_error(L,
                          "replica:drain: what waits in its own queue is to go to another one, not to this%s",
                          owner == replica->engine.id ? "" : " of one that goes with it (cluster.experts)");
    if (owner != MB_NONE && sim->replicas[owner]->state == MB_OFF)
        return luaL_error(L, "replica:drain: the queue is the own one of replica %d, which is off",
                          (int)owner + 1);
    check_not_last(L, replica, "replica:drain");
    mb_error error = {0};
    mb_host_enter(L); // a queue's `by` function may be asked
    if (mb_replica_drain(sim, replica, to, &error) != MB_OK) return mb_host_raise(L, &error);
    mb_host_leave(L);
    return 0;
}

int mb_replica_undrain_call(lua_State *L) {
    mb_replica *replica = check(L, "replica:undrain");
    if (replica->state != MB_DRAINING)
        return luaL_error(L, "replica:undrain: replica %d is %s, not draining", (int)replica->engine.id + 1,
                          mb_replica_state_name(replica->state));
    return mb_replica_undrain(mb_host_of(L)->sim, replica) ? 0 : out_of_memory(L);
}

// It, or one that goes with it, is not empty.
static void check_empty(lua_State *L, const mb_sim *sim, const mb_replica *replica) {
    const int id = (int)replica->engine.id + 1;
    const uint32_t running = mb_engine_running(&replica->engine);
    const uint32_t waiting = replica->own_queue == MB_NONE ? 0 : sim->queues[replica->own_queue].count;
    if (sim->building == replica || replica->leaving || replica->ending)
        luaL_error(L, "replica:remove: replica %d is at work at this moment; drain it", id);
    if (!mb_replica_is_empty(replica))
        luaL_error(L, "replica:remove: replica %d holds requests (%d run); drain it, or let it fail", id,
                   (int)running);
    if (waiting)
        luaL_error(L, "replica:remove: %d requests wait in the queue of replica %d; drain it", (int)waiting,
                   id);
}

int mb_replica_remove_call(lua_State *L) {
    mb_replica *replica = check(L, "replica:remove");
    mb_sim *sim = mb_host_of(L)->sim;
    const uint32_t first = mb_replica_first_rank(sim, replica);
    for (uint32_t i = 0; i < mb_sim_ranks(sim); i++)
        check_empty(L, sim, sim->replicas[first + i]);
    check_not_last(L, replica, "replica:remove");
    return mb_replica_remove(sim, replica) ? 0 : out_of_memory(L);
}

// fail([repair])
int mb_replica_fail_call(lua_State *L) {
    mb_replica *replica = check(L, "replica:fail");
    mb_host *host = mb_host_of(L);
    mb_sim *sim = host->sim;
    const int id = (int)replica->engine.id + 1;
    const double repair_s = mb_view_seconds(L, 2, INFINITY, "replica:fail", "the time of its repair");
    if (!mb_replica_serves(replica))
        return luaL_error(L, "replica:fail: replica %d is %s: only one that is up, or draining, can fail", id,
                          mb_replica_state_name(replica->state));
    if (host->fence.level != MB_FENCE_NONE || replica->leaving)
        return luaL_error(L,
                          "replica:fail: refused inside %s: requests are leaving a replica; let it fail in "
                          "`stepped` or a timer",
                          host->fence.who);
    if (sim->building && step_together(sim, sim->building, replica))
        return luaL_error(
            L, "replica:fail: the step of replica %d is being filled%s; let it fail in `stepped` or a timer",
            (int)sim->building->engine.id + 1,
            sim->building == replica ? "" : ", which fails with it (cluster.experts)");
    mb_host_work(L, mb_request_slots(&sim->requests) / 16);
    mb_error error = {0};
    mb_host_enter(L);
    if (mb_replica_fail(sim, replica, repair_s, &error) != MB_OK) return mb_host_raise(L, &error);
    mb_host_leave(L);
    return 0;
}
