// SPDX-License-Identifier: MIT
// sim:add{ ... }: a replica more.
#include "policy/views.h"
#include "sim/add.h"

#include <string.h>

// The group of the options at 2.
static uint32_t check_group(lua_State *L, const mb_sim_config *config) {
    if (lua_istable(L, 2))
        lua_getfield(L, 2, "group");
    else
        lua_pushnil(L);
    if (lua_isnil(L, -1) && config->hardware_count == 1) return 0;
    luaL_Buffer names;
    luaL_buffinit(L, &names);
    const char *wanted = lua_type(L, 3) == LUA_TSTRING ? lua_tostring(L, 3) : NULL;
    for (size_t i = 0; i < config->hardware_count; i++) {
        const char *name = config->hardware[i].group;
        if (!name)
            return (uint32_t)luaL_error(L, "sim:add: the scenario's cluster has no groups (cluster.groups)");
        if (wanted && strcmp(name, wanted) == 0) return (uint32_t)i;
        if (i > 0) luaL_addstring(&names, ", ");
        luaL_addstring(&names, name);
    }
    luaL_pushresult(&names);
    return (uint32_t)luaL_error(L, "sim:add: which group is it to join? group = one of %s",
                                lua_tostring(L, -1));
}

// A function that orders the own queue of the first of its kind orders that of the new one, too.
static void share_key(lua_State *L, uint32_t id) {
    const mb_host *host = mb_host_of(L);
    const mb_sim *sim = host->sim;
    const uint32_t own = sim->replicas[id]->own_queue;
    if (own == MB_NONE || sim->queues[own].order != MB_KEY_GIVEN) return;
    uint32_t first = 0;
    while (sim->replicas[first]->hardware != sim->replicas[id]->hardware)
        first++;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->keys);
    lua_rawgeti(L, -1, (int)sim->replicas[first]->own_queue + 1);
    lua_rawseti(L, -2, (int)own + 1);
    lua_pop(L, 1);
}

int mb_sim_add_call(lua_State *L) { // (sim, options)
    static const char *const options[] = {"group", "delay", NULL};
    mb_sim *sim = mb_sim_view_going(L, "sim:add");
    mb_host *host = mb_host_of(L);
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:add");
    lua_settop(L, 2);
    if (!lua_isnil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        mb_view_check_options(L, 2, "sim:add", options);
    }
    const uint32_t hardware = check_group(L, sim->config);
    lua_settop(L, 2);
    if (lua_istable(L, 2))
        lua_getfield(L, 2, "delay");
    else
        lua_pushnil(L);
    const double delay = mb_view_seconds(L, 3, sim->config->hardware[hardware].start_s, "sim:add", "delay");
    if (sim->replica_count - sim->metrics.replicas >= MB_MOST_ADDED)
        return luaL_error(L,
                          "sim:add: %d replicas were added in this run already, and no more can be; is the "
                          "policy to stop? (cluster.max_gpus bounds how many there are at a time)",
                          (int)(sim->replica_count - sim->metrics.replicas));
    if (sim->config->hardware[hardware].max_replicas) mb_host_work(L, sim->replica_count / 16);
    bool failed;
    const uint32_t id = mb_replica_add(sim, hardware, delay, &failed);
    if (failed) return luaL_error(L, "not enough memory");
    if (id == MB_NONE) {
        lua_pushnil(L);
        lua_pushliteral(L, "limit");
        return 2;
    }
    for (uint32_t i = id; i < sim->replica_count; i++) {
        share_key(L, i);
        mb_replica_view_add(host, i);
    }
    mb_replica_view_push(host, id);
    return 1;
}
