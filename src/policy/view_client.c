// SPDX-License-Identifier: MIT
// Clients as a policy sees them: sim.clients[req.client], or sim.clients["name"].
#include "policy/views.h"

#include <string.h>

enum { CLIENT_PROMPT, CLIENT_OUTPUT, CLIENT_WAITING, CLIENT_RUNNING, CLIENT_NAME };

static int read_client(lua_State *L, const mb_view *view, int property) {
    mb_sim *sim = mb_host_of(L)->sim;
    const mb_client client = mb_sim_client(sim, view->index);
    switch (property) {
    case CLIENT_PROMPT:
        mb_lua_push_quantity(L, (double)client.prompt_tokens);
        break;
    case CLIENT_OUTPUT:
        mb_lua_push_quantity(L, (double)client.output_tokens);
        break;
    case CLIENT_WAITING:
        lua_pushinteger(L, client.waiting);
        break;
    case CLIENT_RUNNING:
        lua_pushinteger(L, client.running);
        break;
    default:
        lua_pushstring(L, mb_source_client_name(sim->source, view->index));
    }
    return 1;
}

static int index_client(lua_State *L) {
    return mb_view_index(L, "client", read_client);
}

// The number of the client that the key names; only clients that have been seen have one.
static uint32_t find_client(lua_State *L, const mb_sim *sim) {
    if (lua_type(L, 2) == LUA_TNUMBER) {
        const lua_Number number = lua_tonumber(L, 2);
        if (number >= 0 && number < sim->client_count) return (uint32_t)number;
    } else if (lua_type(L, 2) == LUA_TSTRING) {
        const char *name = lua_tostring(L, 2);
        mb_host_work(L, sim->client_count);
        for (uint32_t i = 0; i < sim->client_count; i++)
            if (strcmp(mb_source_client_name(sim->source, i), name) == 0) return i;
    } else
        luaL_error(L, "sim.clients[...]: expected req.client or a name, got %s", luaL_typename(L, 2));
    return MB_NONE;
}

// Looked up the first time; afterwards the view stands in the table. nil: no such client was seen.
static int missing_client(lua_State *L) { // (table, key); upvalue: the views' metatable, as a reference
    const uint32_t client = find_client(L, mb_host_of(L)->sim);
    if (client == MB_NONE) return 0;
    mb_view_new(L, MB_VIEW_CLIENT, client, (int)lua_tointeger(L, lua_upvalueindex(1)));
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

static int set_client(lua_State *L) {
    return luaL_error(L, "sim.clients is read only; keep your own values in a table of your own");
}

void mb_clients_push(lua_State *L) {
    static const mb_member members[] = {{"prompt_tokens", NULL, CLIENT_PROMPT},
                                        {"output_tokens", NULL, CLIENT_OUTPUT},
                                        {"waiting", NULL, CLIENT_WAITING},
                                        {"running", NULL, CLIENT_RUNNING},
                                        {"name", NULL, CLIENT_NAME},
                                        {NULL, NULL, 0}};
    mb_view_metatable(L, members, index_client);
    const int meta = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushinteger(L, meta);
    lua_pushcclosure(L, missing_client, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, set_client);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}
