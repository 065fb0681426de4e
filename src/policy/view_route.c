// SPDX-License-Identifier: MIT
// sim:route(rule): where arrivals go, said once; sim:least(what), which it may say.
#include "policy/views.h"
#include "sim/route.h"

#include <string.h>

static mb_sim *check_sim(lua_State *L) {
    mb_view_check(L, 1, MB_VIEW_SIM);
    return mb_host_of(L)->sim;
}

int mb_least_call(lua_State *L) { // (sim, what)
    static const char *const whats[] = {"load", "running", "waiting", NULL};
    mb_sim *sim = check_sim(L);
    const int what = luaL_checkoption(L, 2, "load", whats);
    if (!sim->least[what].nodes) mb_host_work(L, sim->replica_count); // the first time each is looked at
    if (!mb_least_begin(sim, (mb_measured)what)) return luaL_error(L, "not enough memory");
    mb_replica_view_push(mb_host_of(L), mb_least_replica(sim, (mb_measured)what));
    return 1;
}

// What the second argument says the route is of; where there is none, of all replicas.
static mb_role read_role(lua_State *L) {
    if (lua_isnoneornil(L, 3)) return MB_ROLE_BOTH;
    const char *role = lua_type(L, 3) == LUA_TSTRING ? lua_tostring(L, 3) : luaL_typename(L, 3);
    if (strcmp(role, "prefill") == 0) return MB_ROLE_PREFILL;
    if (strcmp(role, "decode") == 0) return MB_ROLE_DECODE;
    luaL_error(L,
               "sim:route: of replicas with the role \"prefill\" (arrivals) or \"decode\" (what is handed "
               "over), not \"%s\"",
               role);
    return MB_ROLE_BOTH;
}

static mb_route_kind read_rule(lua_State *L, mb_role role) {
    if (lua_isboolean(L, 2) && !lua_toboolean(L, 2)) return MB_ROUTE_NONE;
    // In the order of mb_route_kind.
    static const char *const rules[] = {"turns", "random", "two", "load", "running", "waiting", NULL};
    const char *rule = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    int at = 0;
    while (rules[at] && strcmp(rules[at], rule) != 0)
        at++;
    if (!rules[at])
        luaL_error(L,
                   "sim:route: arrivals go to the replica with the least \"load\", \"running\" or "
                   "\"waiting\", in \"turns\", to a \"random\" one or the less loaded of \"two\" drawn "
                   "at random, and false takes it back; not \"%s\"",
                   rule);
    const mb_route_kind kind = (mb_route_kind)(at + MB_ROUTE_TURNS);
    if (role != MB_ROLE_BOTH && kind < MB_ROUTE_LOAD)
        luaL_error(L,
                   "sim:route: among replicas of a role requests go to the one with the least \"load\", "
                   "\"running\" or \"waiting\", not \"%s\"",
                   rule);
    return kind;
}

int mb_route_call(lua_State *L) { // (sim, rule or false [, role])
    mb_sim *sim = check_sim(L);
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:route");
    const mb_role role = read_role(L);
    const mb_route_kind kind = read_rule(L, role);
    if (kind >= MB_ROUTE_LOAD && role == MB_ROLE_BOTH &&
        !mb_least_begin(sim, (mb_measured)(kind - MB_ROUTE_LOAD)))
        return luaL_error(L, "not enough memory");
    mb_host_work(L, sim->replica_count);
    for (uint32_t i = 0; kind != MB_ROUTE_NONE && i < sim->replica_count; i++)
        if (mb_replica_own_queue(sim, sim->replicas[i]) == MB_NONE) return luaL_error(L, "not enough memory");
    *(role == MB_ROLE_DECODE ? &sim->handed_route : &sim->route) =
        (mb_route_said){.kind = kind, .role = role, .random = &mb_host_of(L)->random};
    return 0;
}
