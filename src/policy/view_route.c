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

int mb_route_call(lua_State *L) { // (sim, rule or false)
    mb_sim *sim = check_sim(L);
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:route");
    if (lua_isboolean(L, 2) && !lua_toboolean(L, 2)) {
        sim->route = (mb_route_said){0};
        return 0;
    }
    // In the order of mb_route_kind.
    static const char *const rules[] = {"turns", "random", "two", "load", "running", "waiting", NULL};
    const char *rule = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    int at = 0;
    while (rules[at] && strcmp(rules[at], rule) != 0)
        at++;
    if (!rules[at])
        return luaL_error(
            L,
            "sim:route: arrivals go to the replica with the least \"load\", \"running\" or "
            "\"waiting\", in \"turns\", to a \"random\" one or the less loaded of \"two\" drawn "
            "at random, and false takes it back; not \"%s\"",
            rule);
    const mb_route_kind kind = (mb_route_kind)(at + MB_ROUTE_TURNS);
    if (kind >= MB_ROUTE_LOAD && !mb_least_begin(sim, (mb_measured)(kind - MB_ROUTE_LOAD)))
        return luaL_error(L, "not enough memory");
    mb_host_work(L, sim->replica_count);
    for (uint32_t i = 0; i < sim->replica_count; i++)
        if (mb_replica_own_queue(sim, sim->replicas[i]) == MB_NONE) return luaL_error(L, "not enough memory");
    sim->route = (mb_route_said){.kind = kind, .random = &mb_host_of(L)->random};
    return 0;
}
