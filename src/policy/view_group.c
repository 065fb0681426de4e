// SPDX-License-Identifier: MIT
// sim:group(name): groups of replicas as a policy sees them.
#include "policy/views.h"

#include <string.h>

int mb_group_call(lua_State *L) {
    mb_host *host = mb_host_of(L);
    mb_view_check(L, 1, MB_VIEW_SIM);
    const char *name = luaL_checkstring(L, 2);
    const mb_sim *sim = host->sim;
    bool known = false;
    int count = 0;
    lua_newtable(L);
    mb_host_work(L, sim->replica_count / 16);
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        const char *group = sim->replicas[i]->hardware->group;
        if (!group || strcmp(group, name) != 0) continue;
        known = true;
        mb_replica_view_push(host, i);
        lua_rawseti(L, -2, ++count);
    }
    if (known) return 1;
    if (!sim->config->hardware->group)
        return luaL_error(L, "sim:group: the scenario's cluster has no groups (cluster.groups)");
    luaL_Buffer names;
    luaL_buffinit(L, &names);
    for (size_t i = 0; i < sim->config->hardware_count; i++) {
        if (i > 0) luaL_addstring(&names, ", ");
        luaL_addstring(&names, sim->config->hardware[i].group);
    }
    luaL_pushresult(&names);
    return luaL_error(L, "sim:group: the cluster has no group \"%s\"; its groups: %s", name,
                      lua_tostring(L, -1));
}
