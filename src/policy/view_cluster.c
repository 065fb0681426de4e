// SPDX-License-Identifier: MIT
// What the scenario's cluster asks of admission, as a policy sees it.
#include "policy/views.h"

static void set_number(lua_State *L, const char *name, double value) {
    if (!(value > 0)) return; // absent where the scenario says nothing
    mb_lua_push_quantity(L, value);
    lua_setfield(L, -2, name);
}

// What all from `first` on, `count` of them, ask alike.
static void push_asked(lua_State *L, const mb_hardware *first, size_t count) {
    mb_hardware all = *first;
    for (size_t i = 1; i < count; i++) {
        const mb_hardware *other = first + i;
        if (other->reserve != all.reserve) all.reserve_given = false;
        if (!other->reserve_given) all.reserve_given = false;
        if (other->watermark != all.watermark) all.watermark = 0;
        if (other->max_requests != all.max_requests) all.max_requests = 0;
        if (other->token_budget != all.token_budget) all.token_budget = 0;
    }
    lua_newtable(L);
    if (all.reserve_given) {
        lua_pushstring(L, mb_reserve_name(all.reserve));
        lua_setfield(L, -2, "reserve");
    }
    set_number(L, "watermark", all.watermark);
    set_number(L, "max_requests", all.max_requests);
    set_number(L, "token_budget", (double)all.token_budget);
}

void mb_cluster_push(lua_State *L, const mb_hardware *hardware) {
    const mb_host *host = mb_host_of(L);
    const mb_sim_config *config = host->sim->config;
    const bool one = config->hardware_count == 1; // then a group is the cluster
    const int index = hardware && !one ? (int)(hardware - config->hardware) + 1 : 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->cluster_views);
    lua_rawgeti(L, -1, index);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        if (index)
            push_asked(L, hardware, 1);
        else
            push_asked(L, config->hardware, config->hardware_count);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, index);
    }
    lua_remove(L, -2);
}
