// SPDX-License-Identifier: MIT
// latency.custom: a function of the scenario that times steps.
#include "scenario/step_clock.h"

#include "base/clock.h"
#include "scenario/scenario_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct mb_step_clock {
    mb_scenario *scenario;
    const mb_experiment *experiment;
    uint64_t instructions;      // of the call, in steps of LOOK_EVERY
    double since_s;             // on its thread's CPU clock, when the first of these steps was done
    const mb_step_shape *shape; // of the call
    double *seconds;
    const atomic_bool *stop; // the program is to end
    mb_call_mark *mark;
};

static void push_shape(lua_State *L, const mb_step_shape *shape) {
    lua_createtable(L, 0, 6);
    lua_pushinteger(L, (lua_Integer)(shape->prefill_tokens + shape->decode_requests));
    lua_setfield(L, -2, "tokens");
    lua_pushinteger(L, (lua_Integer)shape->prefill_tokens);
    lua_setfield(L, -2, "prefill_tokens");
    lua_pushinteger(L, shape->decode_requests);
    lua_setfield(L, -2, "decodes");
    lua_pushinteger(L, (lua_Integer)shape->decode_context);
    lua_setfield(L, -2, "context");
    lua_pushinteger(L, (lua_Integer)shape->prefill_requests + shape->decode_requests);
    lua_setfield(L, -2, "requests");
    lua_createtable(L, (int)shape->prefill_requests, 0);
    for (uint32_t i = 0; i < shape->prefill_requests; i++) {
        lua_createtable(L, 0, 2);
        lua_pushinteger(L, shape->chunks[i].tokens);
        lua_setfield(L, -2, "tokens");
        lua_pushinteger(L, shape->chunks[i].prefix);
        lua_setfield(L, -2, "prefix");
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "chunks");
}

static int time_step(lua_State *L) {
    const mb_step_clock *clock = lua_touserdata(L, 1);
    mb_scenario_push_experiment(clock->scenario, clock->experiment);
    lua_getfield(L, -1, "latency");
    lua_getfield(L, -1, "time");
    push_shape(L, clock->shape);
    lua_call(L, 1, 1);
    *clock->seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : (double)NAN;
    return 0;
}

// Between two looks at the CPU clock: a tenth of a millisecond.
#define LOOK_EVERY 10000

// The limits that hold for a hook of a policy hold for this function. The state's allocator is Lua's own, so
// the clock is found in the registry.
static void look_at_clock(lua_State *L, lua_Debug *unused) {
    (void)unused;
    lua_getfield(L, LUA_REGISTRYINDEX, "mbsand.clock");
    mb_step_clock *clock = lua_touserdata(L, -1);
    lua_pop(L, 1);
    const mb_limits *limits = &clock->experiment->limits;
    const double now_s = mb_clock_read(CLOCK_THREAD_CPUTIME_ID);
    if (!clock->instructions) clock->since_s = now_s;
    clock->instructions += LOOK_EVERY;
    // The hook stays: the function may catch the error, and go on.
    if (clock->stop && atomic_load(clock->stop)) luaL_error(L, "latency.custom was interrupted");
    const bool over = limits->hook_instructions && clock->instructions > limits->hook_instructions;
    if (!over && now_s - clock->since_s < limits->hook_s) return;
    char text[160];
    if (over)
        snprintf(text, sizeof text,
                 "latency.custom: the function used more than %llu instructions (limits.hook_instructions)",
                 (unsigned long long)limits->hook_instructions);
    else
        snprintf(
            text, sizeof text,
            "latency.custom: the function ran longer than %g s of CPU time (limits.hook_seconds); is there "
            "an endless loop?",
            limits->hook_s);
    luaL_where(L, 0);
    lua_pushstring(L, text);
    lua_concat(L, 2);
    lua_error(L);
}

static mb_status call_clock(void *self, const mb_step_shape *shape, double *seconds, mb_error *error) {
    mb_step_clock *clock = self;
    clock->shape = shape;
    clock->seconds = seconds;
    clock->instructions = 0;
    lua_sethook(mb_scenario_state(clock->scenario), look_at_clock, LUA_MASKCOUNT, LOOK_EVERY);
    mb_call_begin(clock->mark);
    const mb_status status = mb_scenario_call(clock->scenario, time_step, clock, error);
    mb_call_end(clock->mark);
    if (status == MB_OK) return MB_OK;
    return error->status = MB_FAILED; // the scenario was good enough to begin with
}

mb_status mb_step_clock_open(const mb_scenario *scenario, mb_step_clock **clock, mb_error *error) {
    *clock = calloc(1, sizeof **clock);
    if (!*clock) return mb_fail_memory(error);
    const mb_status status = mb_scenario_again(scenario, &(*clock)->scenario, error);
    if (status != MB_OK) {
        free(*clock);
        *clock = NULL;
        return status;
    }
    lua_State *L = mb_scenario_state((*clock)->scenario);
    lua_pushlightuserdata(L, *clock);
    lua_setfield(L, LUA_REGISTRYINDEX, "mbsand.clock");
    return MB_OK;
}

void mb_step_clock_use(mb_step_clock *clock, const mb_experiment *experiment, const atomic_bool *stop,
                       mb_call_mark *mark, mb_latency *latency) {
    clock->experiment = experiment;
    clock->stop = stop;
    clock->mark = mark;
    if (!experiment->limits.jit) mb_lua_interpret(mb_scenario_state(clock->scenario));
    latency->custom = call_clock;
    latency->custom_self = clock;
}

void mb_step_clock_close(mb_step_clock *clock) {
    if (!clock) return;
    mb_scenario_free(clock->scenario);
    free(clock);
}
