// SPDX-License-Identifier: MIT
// Timers. Each has a place in a list, which its event names; its function is kept in the registry. One that
// was cancelled keeps its place until its event comes up.
#include "policy/views.h"

#include <math.h>
#include <stdlib.h>

#define NUMBER_STEP (MB_EVENT_MAX_PAYLOAD + 1.0)
enum { GENERATIONS = 1 << 28 }; // of a place; a number that scripts keep is exact

static uint32_t take_place(lua_State *L) {
    mb_host *host = mb_host_of(L);
    if (host->free_timer) { // the first of those free again, plus 1
        const uint32_t place = host->free_timer - 1;
        host->free_timer = host->timers_known[place].next_free;
        return place;
    }
    if (host->timer_count >= MB_EVENT_MAX_PAYLOAD) luaL_error(L, "too many timers");
    if (host->timer_count == host->timer_capacity) {
        const uint32_t more = host->timer_capacity ? 2 * host->timer_capacity : 16;
        mb_timer *grown = realloc(host->timers_known, more * sizeof *grown);
        if (!grown) luaL_error(L, "not enough memory");
        host->timers_known = grown;
        host->timer_capacity = more;
    }
    host->timers_known[host->timer_count] = (mb_timer){0};
    return host->timer_count++;
}

static void free_place(mb_host *host, uint32_t place) {
    mb_timer *timer = &host->timers_known[place];
    timer->generation = (timer->generation + 1) % GENERATIONS;
    timer->state = MB_TIMER_FREE;
    timer->next_free = host->free_timer;
    host->free_timer = place + 1;
}

bool mb_timer_gone(mb_host *host, uint32_t place) {
    if (host->timers_known[place].state != MB_TIMER_CANCELLED) return false;
    free_place(host, place);
    return true;
}

static int set(lua_State *L, double first_s, double period_s) {
    mb_host *host = mb_host_of(L);
    lua_createtable(L, 2, 0); // whatever may fail for want of the policy's memory comes first
    lua_pushvalue(L, 3);
    lua_rawseti(L, -2, 1);
    lua_pushnumber(L, period_s);
    lua_rawseti(L, -2, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->timers);
    lua_insert(L, -2);
    const uint32_t place = take_place(L);
    lua_rawseti(L, -2, (int)place + 1);
    if (!mb_sim_set_timer(host->sim, first_s, place)) return luaL_error(L, "not enough memory");
    mb_timer *timer = &host->timers_known[place];
    timer->state = MB_TIMER_WAITS;
    mb_lua_push_quantity(L, timer->generation * NUMBER_STEP + place + 1);
    return 1;
}

int mb_timer_after(lua_State *L) {
    const mb_sim *sim = mb_sim_view_going(L, "sim:after");
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:after");
    const lua_Number delay = luaL_checknumber(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    if (!(delay >= 0 && delay < HUGE_VAL)) return luaL_error(L, "a timer needs a time of at least 0 seconds");
    return set(L, sim->now_s + delay, 0);
}

int mb_timer_every(lua_State *L) {
    const mb_sim *sim = mb_sim_view_going(L, "sim:every");
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:every");
    const lua_Number period = luaL_checknumber(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    if (!(period > 0 && period < HUGE_VAL)) return luaL_error(L, "sim:every needs a period above 0 seconds");
    if (!(sim->now_s + period > sim->now_s))
        return luaL_error(L, "sim:every: the period is so short that the clock would stand still");
    const lua_Number first = luaL_optnumber(L, 4, sim->now_s + period);
    if (!(first >= sim->now_s && first < HUGE_VAL))
        return luaL_error(
            L, "sim:every: the first time is one on the clock of sim.now, and must not lie before now");
    return set(L, first, period);
}

// cancel(number): does it not fire any more that would have?
int mb_timer_cancel(lua_State *L) {
    mb_host *host = mb_host_of(L);
    mb_sim_view_going(L, "sim:cancel");
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:cancel");
    const lua_Number number = luaL_checknumber(L, 2);
    if (!(number >= 1 && number < NUMBER_STEP * GENERATIONS && number == floor(number)))
        return luaL_error(L, "sim:cancel: expected a number that sim:after or sim:every returned");
    const uint32_t place = (uint32_t)fmod(number - 1, NUMBER_STEP);
    const double generation = floor((number - 1) / NUMBER_STEP);
    const bool waits = place < host->timer_count && host->timers_known[place].generation == generation &&
                       host->timers_known[place].state == MB_TIMER_WAITS;
    if (waits) {
        host->timers_known[place].state = MB_TIMER_CANCELLED;
        lua_rawgeti(L, LUA_REGISTRYINDEX, host->timers);
        lua_pushnil(L);
        lua_rawseti(L, -2, (int)place + 1);
    }
    lua_pushboolean(L, waits);
    return 1;
}

int mb_timer_call(lua_State *L) {
    const uint32_t place = *(const uint32_t *)lua_touserdata(L, 1);
    mb_host *host = mb_host_of(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->timers);
    lua_rawgeti(L, -1, (int)place + 1); // { function, period }; period 0: it fires once
    lua_rawgeti(L, -1, 2);
    const double period = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (period > 0) {
        if (!mb_sim_set_timer(host->sim, host->sim->now_s + period, place))
            return luaL_error(L, "not enough memory");
    } else {
        lua_pushnil(L);
        lua_rawseti(L, -3, (int)place + 1);
        free_place(host, place);
    }
    lua_rawgeti(L, -1, 1);
    lua_call(L, 0, 0);
    return 0;
}
