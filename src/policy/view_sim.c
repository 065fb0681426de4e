// SPDX-License-Identifier: MIT
// The simulation as a policy sees it.
#include "policy/library.h"
#include "policy/views.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// What a policy may write: some 200 MB of rows.
#define MAX_OBSERVED 5000000
#define MAX_OBSERVED_NAME 64

static mb_sim *check_sim(lua_State *L) {
    mb_view_check(L, 1, MB_VIEW_SIM);
    return mb_host_of(L)->sim;
}

static int reject(lua_State *L) {
    mb_sim *sim = mb_sim_view_going(L, "sim:reject");
    const uint32_t slot = mb_request_view_check(L, 2);
    const char *reason = luaL_optstring(L, 3, "turned away by the policy");
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const bool running = request->phase == MB_PHASE_RUNNING;
    if (running && !sim->by_steps)
        return luaL_error(L, "sim:reject: the request runs, and a whole batch is served to its end");
    if (running && (!sim->building || request->replica != sim->building->engine.id))
        return luaL_error(L, "sim:reject: the request runs; it can be turned away in the hook `schedule` for "
                             "the replica that it runs on");
    if (running && request->in_flight)
        return luaL_error(L,
                          "sim:reject: the request is in a batch under way; it can be turned away when that "
                          "has left the last stage");
    mb_request_view_movable(L, slot);
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:reject");
    mb_error error = {0};
    mb_host_enter(L); // `finish` may reject the next one
    const mb_status status =
        running ? mb_step_reject(sim, slot, reason, &error) : mb_sim_reject(sim, slot, reason, &error);
    if (status != MB_OK) return mb_host_raise(L, &error);
    mb_host_leave(L);
    return 0;
}

static int sample(lua_State *L) {
    check_sim(L);
    const char *name = luaL_optstring(L, 2, "predicted_output");
    const mb_key key = mb_key_from_name(name);
    if (key != MB_KEY_PROMPT_TOKENS && key != MB_KEY_PREDICTED_OUTPUT && key != MB_KEY_PREDICTED_TOTAL &&
        key != MB_KEY_OUTPUT_TOKENS)
        return luaL_error(L,
                          "sim:sample(\"%s\"): expected \"prompt_tokens\", \"predicted_output\", "
                          "\"predicted_total\" or \"output_tokens\"",
                          name);
    mb_sample_push(L, key);
    return 1;
}

static int log_line(lua_State *L) {
    check_sim(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb_host_of(L)->environment);
    lua_getfield(L, -1, "print");
    lua_replace(L, 1);
    lua_pop(L, 1);
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}

static int observe(lua_State *L) {
    mb_host *host = mb_host_of(L);
    mb_sim *sim = check_sim(L);
    const char *name = luaL_checkstring(L, 2);
    const double value = luaL_checknumber(L, 3);
    if (!sim->observer.decision) return 0;
    if (strlen(name) > MAX_OBSERVED_NAME)
        return luaL_error(L, "sim:observe: the name is longer than %d characters", MAX_OBSERVED_NAME);
    if (++host->observed > MAX_OBSERVED)
        return luaL_error(L, "sim:observe: more than %d values in a run; observe less often", MAX_OBSERVED);
    mb_error error = {0};
    const uint32_t replica = sim->building ? sim->building->engine.id : MB_NONE;
    if (sim->observer.decision(sim->observer.self, host->sim->now_s, replica, name, value, &error) != MB_OK)
        return mb_host_raise(L, &error);
    return 0;
}

enum { SIM_NOW, SIM_RUNNING, SIM_WAITING, SIM_INBOX, SIM_ENDED };

static int read_sim(lua_State *L, const mb_view *view, int property) {
    (void)view;
    mb_host *host = mb_host_of(L);
    const mb_sim *sim = host->sim;
    switch (property) {
    case SIM_NOW:
        lua_pushnumber(L, sim->now_s);
        break;
    case SIM_RUNNING:
        mb_lua_push_quantity(L, (double)sim->running);
        break;
    case SIM_WAITING:
        mb_lua_push_quantity(L, (double)sim->waiting);
        break;
    case SIM_INBOX:
        if (sim->inbox_is_bins)
            lua_rawgeti(L, LUA_REGISTRYINDEX, host->inbox_bins);
        else
            mb_queue_view_push(host, sim->inbox);
        break;
    default:
        lua_pushboolean(L, sim->arrivals_ended);
    }
    return 1;
}

static int index_sim(lua_State *L) {
    return mb_view_index(L, "sim", read_sim);
}

static int set_sim(lua_State *L) {
    mb_host *host = mb_host_of(L);
    mb_sim *sim = check_sim(L);
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    if (strcmp(name, "inbox") != 0)
        return luaL_error(L, "sim.%s cannot be set; keep your own values in self.%s", name, name);
    const mb_view *view = lua_touserdata(L, 3);
    if (!view || (view->kind != MB_VIEW_QUEUE && view->kind != MB_VIEW_BINS))
        return luaL_error(L, "sim.inbox must be a queue or bins, not %s", luaL_typename(L, 3));
    mb_host_check_fence(L, MB_FENCE_ALL, "setting sim.inbox");
    sim->inbox_is_bins = view->kind == MB_VIEW_BINS;
    sim->inbox = view->index;
    if (sim->inbox_is_bins) {
        lua_pushvalue(L, 3);
        lua_rawseti(L, LUA_REGISTRYINDEX, host->inbox_bins);
    }
    return 0;
}

void mb_sim_view_open(lua_State *L) {
    static const mb_member members[] = {{"reject", reject, 0},
                                        {"bins", mb_bins_make, 0},
                                        {"after", mb_timer_after, 0},
                                        {"every", mb_timer_every, 0},
                                        {"cancel", mb_timer_cancel, 0},
                                        {"least", mb_least_call, 0},
                                        {"route", mb_route_call, 0},
                                        {"group", mb_group_call, 0},
                                        {"rank", mb_rank_all_call, 0},
                                        {"add", mb_sim_add_call, 0},
                                        {"send", mb_send_call, 0},
                                        {"migrate", mb_migrate_call, 0},
                                        {"abort", mb_abort_call, 0},
                                        {"copy", mb_copy_call, 0},
                                        {"sample", sample, 0},
                                        {"log", log_line, 0},
                                        {"observe", observe, 0},
                                        {"random", mb_library_random, 0},
                                        {"now", NULL, SIM_NOW},
                                        {"running", NULL, SIM_RUNNING},
                                        {"waiting", NULL, SIM_WAITING},
                                        {"inbox", NULL, SIM_INBOX},
                                        {"arrivals_ended", NULL, SIM_ENDED},
                                        {NULL, NULL, 0}};
    mb_host *host = mb_host_of(L);
    lua_newtable(L);
    host->timers = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    host->slo_views = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    host->cluster_views = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushboolean(L, 0);
    host->inbox_bins = luaL_ref(L, LUA_REGISTRYINDEX);
    mb_view_metatable(L, members, index_sim);
    lua_pushcfunction(L, set_sim);
    lua_setfield(L, -2, "__newindex");
    const int meta = luaL_ref(L, LUA_REGISTRYINDEX);
    mb_view_new(L, MB_VIEW_SIM, 0, meta);
    mb_view_keep(L, lua_gettop(L));
    lua_pushboolean(L, host->observing);
    lua_setfield(L, -2, "observing");
    lua_pushboolean(L, host->oracle);
    lua_setfield(L, -2, "oracle");
    mb_queue_view_push(host, 0);
    lua_setfield(L, -2, "queue");
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->replica_views);
    lua_setfield(L, -2, "replicas");
    mb_clients_push(L);
    lua_setfield(L, -2, "clients");
    mb_cluster_push(L, NULL);
    lua_setfield(L, -2, "cluster");
    mb_slo_push(L, UINT32_MAX);
    lua_setfield(L, -2, "slo");
    lua_pop(L, 1);
    host->sim_view = luaL_ref(L, LUA_REGISTRYINDEX);
}
