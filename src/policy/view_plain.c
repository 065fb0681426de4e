// SPDX-License-Identifier: MIT
// replica:plain{ ... }: the step that the core fills by itself; step:displace, which it may say.
#include "policy/hook_names.h"
#include "policy/views.h"

#include <math.h>
#include <string.h>

typedef struct displacing {
    bool newest;
    double age;
} displacing;

// Who of equals goes, and from which share of its prediction on somebody stays, at two places of the stack.
static displacing check_displacing(lua_State *L, int equals, int age, uint32_t queue, const char *call) {
    const mb_key order = mb_host_of(L)->sim->queues[queue].order;
    const char *who = lua_isnoneornil(L, equals)           ? "newest"
                      : lua_type(L, equals) == LUA_TSTRING ? lua_tostring(L, equals)
                                                           : luaL_typename(L, equals);
    const bool newest = strcmp(who, "newest") == 0;
    if (!newest && strcmp(who, "oldest") != 0)
        luaL_error(L, "%s: of equals the \"newest\" makes room, or the \"oldest\", not \"%s\"", call, who);
    if (order == MB_KEY_NONE || order == MB_KEY_GIVEN)
        luaL_error(L,
                   "%s: who runs makes room by the order of the queue, which must be one of the named ones, "
                   "as sim:queue{ by = \"priority\" } makes",
                   call);
    if (mb_host_of(L)->sim->queues[queue].ageing)
        luaL_error(L,
                   "%s: the order of the queue changes with its age, and what runs does not wait; make it "
                   "without `age`",
                   call);
    if (lua_isnoneornil(L, age)) return (displacing){newest, INFINITY};
    const lua_Number share = lua_type(L, age) == LUA_TNUMBER ? lua_tonumber(L, age) : (lua_Number)NAN;
    if (!(share >= 0)) luaL_error(L, "%s: the age is a share of the predicted output, at least 0", call);
    return (displacing){newest, share};
}

// Back to the hook.
static int take_back(lua_State *L, mb_replica *replica) {
    if (mb_host_of(L)->hooks[MB_HOOK_SCHEDULE] == LUA_NOREF)
        return luaL_error(L, "replica:plain(false): the policy has no hook 'schedule' to be asked instead");
    replica->plain = (mb_plain){0};
    return 0;
}

static bool flag(lua_State *L, const char *name) {
    lua_getfield(L, 2, name);
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
        luaL_error(L, "replica:plain: %s is true or false, not %s", name, luaL_typename(L, -1));
    return lua_toboolean(L, -1);
}

static mb_plain read_plain(lua_State *L) {
    static const char *const options[] = {"queue",    "most", "carry", "after_preemption",
                                          "displace", "age",  NULL};
    if (!lua_istable(L, 2))
        luaL_error(L, "replica:plain: expected { queue = ... }, or false to be asked again, not %s",
                   luaL_typename(L, 2));
    mb_view_check_options(L, 2, "replica:plain", options);
    lua_settop(L, 2);
    lua_getfield(L, 2, "queue"); // 3
    if (lua_isnil(L, 3))
        luaL_error(L, "replica:plain: which queue does it admit from? queue = ... is missing");
    lua_getfield(L, 2, "most");     // 4
    lua_getfield(L, 2, "carry");    // 5
    lua_getfield(L, 2, "displace"); // 6
    lua_getfield(L, 2, "age");      // 7
    mb_plain plain = {.declared = true,
                      .queue = mb_view_check(L, 3, MB_VIEW_QUEUE)->index,
                      .most = mb_step_view_limit(L, 4, "replica:plain"),
                      .carry = mb_step_view_carry(L, 5, "replica:plain"),
                      .after_preemption = flag(L, "after_preemption"),
                      .displace = !lua_isnil(L, 6)};
    if (!plain.displace && !lua_isnil(L, 7)) luaL_error(L, "replica:plain: age needs displace beside it");
    if (!plain.displace) return plain;
    const displacing how = check_displacing(L, 6, 7, plain.queue, "replica:plain");
    plain.newest = how.newest;
    plain.age = how.age;
    return plain;
}

int mb_replica_plain(lua_State *L) { // (replica, options or false)
    const mb_view *view = mb_view_check(L, 1, MB_VIEW_REPLICA);
    mb_host_check_fence(L, MB_FENCE_ALL, "replica:plain");
    mb_replica *replica = mb_host_of(L)->sim->replicas[view->index];
    if (lua_isboolean(L, 2) && !lua_toboolean(L, 2)) return take_back(L, replica);
    replica->plain = read_plain(L);
    return 0;
}

int mb_step_displace_call(lua_State *L) { // (step, queue [, equals [, age]])
    mb_sim *sim = mb_step_open(L, "step:displace");
    const uint32_t queue = mb_view_check(L, 2, MB_VIEW_QUEUE)->index;
    const displacing how = check_displacing(L, 3, 4, queue, "step:displace");
    mb_error error = {0};
    mb_displaced done;
    mb_host_enter(L);
    if (mb_step_displace(sim, queue, UINT32_MAX, how.newest, how.age, &done, &error) != MB_OK)
        return mb_host_raise(L, &error);
    mb_host_leave(L);
    mb_host_work(L, (uint64_t)done.taken + done.preempted);
    lua_pushinteger(L, done.taken);
    if (done.refusal == MB_FITS)
        lua_pushnil(L);
    else
        lua_pushstring(L, mb_refusal_name(done.refusal));
    lua_pushinteger(L, done.preempted);
    return 3;
}
