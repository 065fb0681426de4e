// SPDX-License-Identifier: MIT
// The step: built by `schedule`, read by `stepped`.
#include "script/views.h"

#include <math.h>
#include <string.h>

static mb_sim *building(lua_State *L) {
    mb_view_check(L, 1, MB_VIEW_STEP);
    mb_sim *sim = mb_host_of(L)->sim;
    if (!sim->building) luaL_error(L, "a step can only be filled while `schedule` runs");
    return sim;
}

// A count of requests: at least 0; nil and infinity mean all.
static uint32_t check_limit(lua_State *L, int index) {
    if (lua_isnoneornil(L, index)) return UINT32_MAX;
    const lua_Number n = luaL_checknumber(L, index);
    if (isnan(n)) luaL_error(L, "admit: the number of requests is NaN");
    return n <= 0 ? 0 : n >= UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static int admit(lua_State *L) {
    mb_sim *sim = building(L);
    const mb_view *queue = mb_view_check(L, 2, MB_VIEW_QUEUE);
    mb_refusal refusal;
    lua_pushinteger(L, mb_step_admit(sim, queue->index, check_limit(L, 3), &refusal));
    if (refusal == MB_FITS) return 1;
    lua_pushstring(L, mb_refusal_name(refusal));
    return 2;
}

static int add(lua_State *L) {
    mb_sim *sim = building(L);
    const uint32_t slot = mb_request_view_check(L, 2);
    if (mb_request_at(&sim->requests, slot)->phase == MB_PHASE_RUNNING)
        return luaL_error(L, "step:add: the request runs already; a batch cannot be joined or left");
    if (!lua_isnoneornil(L, 3))
        return luaL_error(L,
                          "step:add: under a batch latency model a request runs whole; leave the tokens out");
    mb_request_view_movable(L, slot);
    const mb_refusal refusal = mb_step_add(sim, slot);
    lua_pushboolean(L, refusal == MB_FITS);
    if (refusal == MB_FITS) return 1;
    lua_pushstring(L, mb_refusal_name(refusal));
    return 2;
}

static int
carry(lua_State *L) { // nothing runs at the boundary of a batch, so nothing is carried or preempted
    building(L);
    lua_pushinteger(L, 0);
    return 1;
}

static int no_effect(lua_State *L) { // barrier, quantum: every batch is a barrier step of one step
    building(L);
    return 0;
}

static int preempt(lua_State *L) {
    building(L);
    return luaL_error(L, "step:preempt: under a batch latency model nothing runs at a step boundary");
}

#define MAX_IDLES 100 // each is an event of the core, outside the memory that the policy's limit covers

static int idle(lua_State *L) {
    mb_sim *sim = building(L);
    const lua_Number until = luaL_optnumber(L, 2, HUGE_VAL);
    if (!(until > sim->now_s))
        return luaL_error(L,
                          "step:idle: the time must lie after now; leave it out to wait for the next change");
    if (++mb_host_of(L)->idles > MAX_IDLES)
        return luaL_error(L, "step:idle: called more than %d times in one step", MAX_IDLES);
    if (!mb_step_idle(sim, until)) return luaL_error(L, "not enough memory");
    return 0;
}

enum {
    STEP_TOKENS,
    STEP_REQUESTS,
    STEP_BUDGET,
    STEP_DURATION,
    STEP_COUNT,
    STEP_PREFILL,
    STEP_DECODE,
    STEP_TBT,
    STEP_LONGEST
};

static int read_report(lua_State *L, const mb_step_report *report, int property) {
    switch (property) {
    case STEP_TOKENS:
        lua_pushnumber(L, (double)(report->prefill_tokens + report->decode_tokens));
        break;
    case STEP_REQUESTS:
        lua_pushinteger(L, report->requests);
        break;
    case STEP_DURATION:
        lua_pushnumber(L, report->duration_s);
        break;
    case STEP_COUNT:
        lua_pushinteger(L, report->count);
        break;
    case STEP_PREFILL:
        lua_pushnumber(L, (double)report->prefill_tokens);
        break;
    case STEP_DECODE:
        lua_pushnumber(L, (double)report->decode_tokens);
        break;
    case STEP_TBT:
        lua_pushnumber(L, report->tbt_s);
        break;
    case STEP_LONGEST:
        lua_pushinteger(L, report->longest_tokens);
        break;
    default:
        lua_pushnumber(L, 0);
    }
    return 1;
}

static int read_step(lua_State *L, const mb_view *view, int property) {
    (void)view;
    const mb_host *host = mb_host_of(L);
    if (host->reporting) return read_report(L, &host->report, property);
    const mb_replica *replica = host->sim->building;
    if (!replica) return luaL_error(L, "a step can only be read while `schedule` or `stepped` runs");
    switch (property) {
    case STEP_TOKENS:
        lua_pushnumber(L, (double)replica->prompt_tokens);
        break;
    case STEP_REQUESTS:
        lua_pushinteger(L, replica->count);
        break;
    case STEP_BUDGET:
        lua_pushnumber(L, replica->token_budget == UINT64_MAX ? HUGE_VAL
                          : replica->token_budget < replica->prompt_tokens // lowered meanwhile
                              ? 0
                              : (double)(replica->token_budget - replica->prompt_tokens));
        break;
    default:
        return luaL_error(L, "this is known when the step has ended, in the hook `stepped`");
    }
    return 1;
}

static int index_step(lua_State *L) {
    return mb_view_index(L, "step", read_step);
}

void mb_step_view_open(lua_State *L) {
    static const mb_member members[] = {{"admit", admit, 0},
                                        {"add", add, 0},
                                        {"carry", carry, 0},
                                        {"barrier", no_effect, 0},
                                        {"quantum", no_effect, 0},
                                        {"preempt", preempt, 0},
                                        {"idle", idle, 0},
                                        {"tokens", NULL, STEP_TOKENS},
                                        {"requests", NULL, STEP_REQUESTS},
                                        {"budget", NULL, STEP_BUDGET},
                                        {"duration", NULL, STEP_DURATION},
                                        {"count", NULL, STEP_COUNT},
                                        {"prefill_tokens", NULL, STEP_PREFILL},
                                        {"decode_tokens", NULL, STEP_DECODE},
                                        {"tbt", NULL, STEP_TBT},
                                        {"longest", NULL, STEP_LONGEST},
                                        {NULL, NULL, 0}};
    mb_host *host = mb_host_of(L);
    mb_view_singleton(L, members, index_step);
    lua_pop(L, 1);
    const int meta = luaL_ref(L, LUA_REGISTRYINDEX);
    mb_view_new(L, MB_VIEW_STEP, 0, meta);
    host->step_view = luaL_ref(L, LUA_REGISTRYINDEX);
}
