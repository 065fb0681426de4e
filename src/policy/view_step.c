// SPDX-License-Identifier: MIT
// The step: built by `schedule`, read by `stepped`.
#include "policy/views.h"

#include <math.h>
#include <string.h>

// What the policy's number is due to: for the shares of admissions that ended at it.
static void check_why(lua_State *L, mb_sim *sim, int index) {
    mb_step_limited_by(sim, MB_STOP_CAP);
    if (lua_isnoneornil(L, index)) return;
    const char *why = luaL_checkstring(L, index);
    const bool sla = strcmp(why, "b_sla") == 0, mem = strcmp(why, "b_mem") == 0;
    if (!sla && !mem && strcmp(why, "cap") != 0)
        luaL_error(L, "step:admit: the number is due to \"cap\", \"b_sla\" or \"b_mem\", not \"%s\"", why);
    if (sla || mem) mb_step_limited_by(sim, sla ? MB_STOP_B_SLA : MB_STOP_B_MEM);
}

static int admit(lua_State *L) {
    mb_sim *sim = mb_step_open(L, "step:admit");
    const mb_view *queue = mb_view_check(L, 2, MB_VIEW_QUEUE);
    mb_refusal refusal;
    check_why(L, sim, 4);
    const uint32_t taken = mb_step_admit(sim, queue->index, mb_step_view_limit(L, 3, "step:admit"), &refusal);
    mb_host_work(L, taken);
    lua_pushinteger(L, taken);
    if (refusal == MB_FITS) return 1;
    lua_pushstring(L, mb_refusal_name(refusal));
    return 2;
}

// An explicit chunk; 0: what the step has room for.
static uint32_t check_chunk(lua_State *L, uint32_t slot, bool steps) {
    if (lua_isnoneornil(L, 3)) return 0;
    if (!steps)
        luaL_error(L, "step:add: under a batch latency model a request runs whole; leave the tokens out");
    const lua_Number tokens = luaL_checknumber(L, 3);
    if (!(tokens >= 1 && tokens <= UINT32_MAX && tokens == floor(tokens)))
        luaL_error(L, "step:add: the tokens must be a whole number of at least 1");
    uint32_t computed, generated;
    mb_sim *sim = mb_host_of(L)->sim;
    mb_request_progress(sim, slot, &computed, &generated);
    const uint64_t known = (uint64_t)mb_request_at(&sim->requests, slot)->prompt_tokens + generated;
    if (generated > 0 && computed + UINT64_C(1) == known && tokens > 1)
        luaL_error(
            L,
            "step:add: the request decodes, and a decode computes one token in a step, not %d; leave the "
            "tokens out",
            (int)tokens);
    return (uint32_t)tokens;
}

static int add(lua_State *L) {
    mb_sim *sim = mb_step_peek(L);
    const uint32_t slot = mb_request_view_check(L, 2);
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const bool running = request->phase == MB_PHASE_RUNNING, steps = sim->by_steps;
    if (running && !steps)
        return luaL_error(L, "step:add: the request runs already; a batch cannot be joined or left");
    if (running && request->replica != sim->building->engine.id)
        return luaL_error(L, "step:add: the request runs on replica %d", (int)request->replica + 1);
    if (running && mb_step_holds(sim, slot) && !request->in_flight)
        return luaL_error(L, "step:add: the request is in the step already");
    const uint32_t tokens = check_chunk(L, slot, steps);
    if (!running) mb_request_view_movable(L, slot);
    mb_host_check_fence(L, MB_FENCE_STEP, "step:add");
    const mb_refusal refusal = mb_step_add(sim, slot, tokens);
    lua_pushboolean(L, refusal == MB_FITS);
    if (refusal == MB_FITS) return 1;
    lua_pushstring(L, mb_refusal_name(refusal));
    return 2;
}

// Under a batch model nothing runs at a boundary, so nothing is carried or preempted.
static int carry(lua_State *L) {
    mb_sim *sim = mb_step_open(L, "step:carry");
    const mb_carry_rule rule = mb_step_view_carry(L, 2, "step:carry");
    mb_error error;
    uint32_t preempted;
    if (!sim->by_steps) {
        lua_pushinteger(L, 0);
        return 1;
    }
    mb_host_enter(L); // a queue's `by` function may be asked
    if (mb_step_carry(sim, rule, &preempted, &error) != MB_OK) return mb_host_raise(L, &error);
    mb_host_leave(L);
    mb_host_work(L, mb_engine_running(&sim->building->engine) / 16 + preempted);
    lua_pushinteger(L, preempted);
    return 1;
}

static int barrier(lua_State *L) { // every batch is one already
    mb_sim *sim = mb_step_open(L, "step:barrier");
    mb_error error;
    uint32_t returned;
    const lua_Number most = luaL_optnumber(L, 2, HUGE_VAL);
    if (!(most >= 1 && (most == HUGE_VAL || most == floor(most))))
        return luaL_error(
            L, "step:barrier: expected a whole number of tokens of at least 1 for each row, or nothing");
    if (!sim->by_steps) {
        if (most < HUGE_VAL)
            return luaL_error(L,
                              "step:barrier: under a batch latency model a batch is served to its end; leave "
                              "the tokens out");
        lua_pushinteger(L, 0);
        return 1;
    }
    if (!mb_step_is_fresh(sim))
        return luaL_error(
            L, "step:barrier: requests run here already; a static batch starts on an empty replica, "
               "with requests admitted by this call of `schedule`");
    mb_host_enter(L);
    if (mb_step_barrier(sim, most < UINT32_MAX ? (uint32_t)most : 0, &returned, &error) != MB_OK)
        return mb_host_raise(L, &error);
    mb_host_leave(L);
    lua_pushinteger(L, returned);
    return 1;
}

static int quantum(lua_State *L) {
    mb_sim *sim = mb_step_open(L, "step:quantum");
    const lua_Number steps = luaL_checknumber(L, 2);
    if (!(steps >= 1)) return luaL_error(L, "step:quantum: expected a number of steps of at least 1");
    mb_step_quantum(sim, steps < 0x1p62 ? (uint64_t)steps : 0);
    return 0;
}

#define MAX_COST_S 1000000000 // times beyond it say nothing, and a sum may become infinite

static int cost(lua_State *L) {
    mb_sim *sim = mb_step_open(L, "step:cost");
    const lua_Number seconds = luaL_checknumber(L, 2);
    double *cost_s = &sim->building->engine.cost_s;
    if (!(seconds >= 0 && seconds < HUGE_VAL))
        return luaL_error(L, "step:cost: expected a number of seconds of at least 0");
    if (*cost_s + seconds > MAX_COST_S)
        return luaL_error(L, "step:cost: composing one step takes more than %d s in all; were they seconds?",
                          MAX_COST_S);
    *cost_s += seconds;
    return 0;
}

static bool check_place(lua_State *L, int index) {
    const char *place = luaL_optstring(L, index, "front");
    const bool front = strcmp(place, "front") == 0;
    if (!front && strcmp(place, "back") != 0)
        luaL_error(L, "step:preempt: the place is \"front\" or \"back\", not \"%s\"", place);
    return front;
}

static mb_preemption check_preemption(lua_State *L, int index) {
    const char *how = luaL_optstring(L, index, "recompute");
    for (mb_preemption i = MB_PREEMPT_RECOMPUTE; i <= MB_PREEMPT_RESTART; i++)
        if (strcmp(how, mb_preemption_name(i)) == 0) return i;
    return (mb_preemption)luaL_error(
        L, "step:preempt: expected \"recompute\", \"swap\", \"pause\" or \"restart\", not \"%s\"", how);
}

static int preempt(lua_State *L) {
    mb_sim *sim = mb_step_open(L, "step:preempt");
    const uint32_t slot = mb_request_view_check(L, 2);
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (!sim->by_steps)
        return luaL_error(L, "step:preempt: under a batch latency model nothing runs at a step boundary");
    if (request->phase != MB_PHASE_RUNNING || request->replica != sim->building->engine.id)
        return luaL_error(L, "step:preempt: the request does not run on this replica");
    const mb_preemption how = check_preemption(L, 3);
    const uint32_t queue = lua_isnoneornil(L, 4) ? MB_NONE : mb_view_check(L, 4, MB_VIEW_QUEUE)->index;
    const bool front = check_place(L, 5);
    mb_error error;
    mb_refusal refusal;
    mb_host_enter(L);
    if (mb_step_preempt(sim, slot, how, queue, front, &refusal, &error) != MB_OK)
        return mb_host_raise(L, &error);
    mb_host_leave(L);
    lua_pushboolean(L, refusal == MB_FITS);
    if (refusal == MB_FITS) return 1;
    lua_pushstring(L, mb_refusal_name(refusal));
    return 2;
}

// preempted(): a list of those that this step has set aside, one after the other, and that wait.
static int preempted(lua_State *L) {
    mb_host *host = mb_host_of(L);
    const mb_sim *sim = mb_step_peek(L);
    uint32_t count;
    const uint32_t *slots = mb_engine_set_aside(&sim->building->engine, &count);
    mb_host_work(L, 1 + count);
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0, listed = 0; i < count; i++) {
        if (mb_request_at(&sim->requests, slots[i])->phase != MB_PHASE_WAITING) continue;
        mb_request_view_push(host, slots[i]);
        lua_rawseti(L, -2, (int)++listed);
    }
    return 1;
}

// Each is an event of the core, outside the memory that the policy's limit covers: in one step, and to come
// at a time.
#define MAX_IDLES 100
#define MAX_WAKES 1000000

static int idle(lua_State *L) {
    mb_sim *sim = mb_step_open(L, "step:idle");
    const lua_Number until = luaL_optnumber(L, 2, HUGE_VAL);
    if (!(until > sim->now_s))
        return luaL_error(L,
                          "step:idle: the time must lie after now; leave it out to wait for the next change");
    if (++mb_host_of(L)->idles > MAX_IDLES)
        return luaL_error(L, "step:idle: called more than %d times in one step", MAX_IDLES);
    if (until < HUGE_VAL && sim->wakes >= MAX_WAKES)
        return luaL_error(L, "step:idle: %d times to wake at are still to come, and there may be no more",
                          MAX_WAKES);
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
        mb_lua_push_quantity(L, (double)(report->prefill_tokens + report->decode_tokens));
        break;
    case STEP_REQUESTS:
        lua_pushinteger(L, report->requests);
        break;
    case STEP_DURATION:
        lua_pushnumber(L, report->duration_s);
        break;
    case STEP_COUNT:
        mb_lua_push_quantity(L, (double)report->count);
        break;
    case STEP_PREFILL:
        mb_lua_push_quantity(L, (double)report->prefill_tokens);
        break;
    case STEP_DECODE:
        mb_lua_push_quantity(L, (double)report->decode_tokens);
        break;
    case STEP_TBT:
        lua_pushnumber(L, report->tbt_s);
        break;
    case STEP_LONGEST:
        lua_pushinteger(L, report->longest_tokens);
        break;
    default:
        lua_pushinteger(L, 0);
    }
    return 1;
}

static int read_step(lua_State *L, const mb_view *view, int property) {
    (void)view;
    const mb_host *host = mb_host_of(L);
    if (host->reporting) return read_report(L, &host->report, property);
    const mb_replica *replica = host->sim->building;
    if (!replica) return luaL_error(L, "a step can only be read while `schedule` or `stepped` runs");
    const uint64_t tokens = mb_step_tokens(host->sim), budget = replica->engine.token_budget;
    switch (property) {
    case STEP_TOKENS:
        mb_lua_push_quantity(L, (double)tokens);
        break;
    case STEP_REQUESTS:
        lua_pushinteger(L, mb_step_requests(host->sim));
        break;
    case STEP_BUDGET: // it may have been lowered meanwhile
        mb_lua_push_quantity(L, budget == UINT64_MAX ? HUGE_VAL
                                : budget < tokens    ? 0
                                                     : (double)(budget - tokens));
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
                                        {"displace", mb_step_displace_call, 0},
                                        {"rank", mb_rank_call, 0},
                                        {"estimate", mb_step_estimate_call, 0},
                                        {"barrier", barrier, 0},
                                        {"quantum", quantum, 0},
                                        {"cost", cost, 0},
                                        {"preempt", preempt, 0},
                                        {"preempted", preempted, 0},
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
    mb_view_metatable(L, members, index_step);
    const int meta = luaL_ref(L, LUA_REGISTRYINDEX);
    mb_view_new(L, MB_VIEW_STEP, 0, meta);
    host->step_view = luaL_ref(L, LUA_REGISTRYINDEX);
}
