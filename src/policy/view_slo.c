// SPDX-License-Identifier: MIT
// What requests are promised, as a policy sees it.
#include "policy/views.h"

#include <math.h>

static void set_bound(lua_State *L, const char *name, double bound) {
    if (isinf(bound)) return; // absent where the scenario has none
    mb_lua_push_quantity(L, bound);
    lua_setfield(L, -2, name);
}

static void push_bounds(lua_State *L, const mb_slo *slo, const mb_reader *reader) {
    lua_newtable(L);
    set_bound(L, "ttft", slo->ttft_s);
    set_bound(L, "tbt", slo->tbt_s);
    set_bound(L, "e2e", slo->e2e_s);
    set_bound(L, "gap", slo->gap_s > 0 ? slo->gap_s : INFINITY);
    set_bound(L, "late", slo->of_late ? slo->late : INFINITY);
    if (!(reader->speed > 0)) return;
    lua_newtable(L);
    set_bound(L, "speed", reader->speed);
    set_bound(L, "ttft", reader->ttft_s);
    lua_setfield(L, -2, "qoe");
}

void mb_slo_push(lua_State *L, uint32_t class_index) {
    const mb_host *host = mb_host_of(L);
    const mb_sim_config *config = host->sim->config;
    const bool classed = class_index < config->class_count;
    const int index = classed ? (int)class_index + 1 : 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->slo_views);
    lua_rawgeti(L, -1, index);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        const mb_class *class = classed ? &config->classes[class_index] : NULL;
        push_bounds(L, class ? &class->slo : &config->slo, class ? &class->reader : &config->reader);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, index);
    }
    lua_remove(L, -2);
}
