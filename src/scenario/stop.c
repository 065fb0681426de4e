// SPDX-License-Identifier: MIT
#include "scenario/scenario_state.h"

static void look_at_stop(lua_State *L, lua_Debug *unused) {
    (void)unused;
    lua_getfield(L, LUA_REGISTRYINDEX, "mbsand.stop");
    const atomic_bool *stop = lua_touserdata(L, -1);
    lua_pop(L, 1);
    // The hook stays: the script may catch the error, and go on.
    if (atomic_load(stop)) luaL_error(L, "the script was interrupted");
}

void mb_scenario_end_on(lua_State *L, const atomic_bool *stop) {
    if (!stop || atomic_load(stop)) return; // set already: what runs now is about what was stopped
    mb_lua_interpret(L);                    // compiled code looks at nothing
    lua_pushlightuserdata(L, (void *)(uintptr_t)stop);
    lua_setfield(L, LUA_REGISTRYINDEX, "mbsand.stop");
    lua_sethook(L, look_at_stop, LUA_MASKCOUNT, 10000);
}
