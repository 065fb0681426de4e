// SPDX-License-Identifier: MIT
// replica:peak{ with = }, replica:foresee(weight) and step:estimate{ prefill =, prefix = }: what would
// happen.
#include "engine/peak.h"
#include "engine/sums.h"
#include "policy/views.h"
#include "sim/check.h"
#include "sim/standing.h"

#include <math.h>

static void add(lua_State *L, mb_places *places, int index) {
    const mb_sim *sim = mb_host_of(L)->sim;
    const mb_request *request = mb_request_at(&sim->requests, mb_request_view_check(L, index));
    if (request->phase == MB_PHASE_RUNNING)
        luaL_error(L,
                   "replica:peak: a request of `with` runs already; those that run here are counted anyway");
    if (!mb_peak_add(places, request)) luaL_error(L, "not enough memory");
}

// Is the value at the top a request, and not a list of them?
static bool is_request(lua_State *L) {
    lua_rawgeti(L, -1, 1);
    const bool handle = lua_type(L, -1) == LUA_TNUMBER;
    lua_pop(L, 1);
    return handle;
}

int mb_peak_call(lua_State *L) {
    mb_sim *sim = mb_host_of(L)->sim;
    mb_engine *engine = &sim->replicas[mb_view_check(L, 1, MB_VIEW_REPLICA)->index]->engine;
    mb_places *places = &sim->places;
    if (!lua_isnoneornil(L, 2)) {
        static const char *const known[] = {"with", NULL};
        luaL_checktype(L, 2, LUA_TTABLE);
        mb_view_check_options(L, 2, "replica:peak", known);
    }
    if (!engine->stepper) {
        mb_lua_push_quantity(L, (double)engine->kv.reserved);
        return 1;
    }
    mb_engine_settle(engine);
    if (!mb_peak_begin(places, engine)) return luaL_error(L, "not enough memory");
    if (lua_istable(L, 2)) {
        lua_getfield(L, 2, "with");
        if (lua_istable(L, -1) && !is_request(L)) {
            const int list = lua_gettop(L), count = (int)lua_rawlen(L, -1);
            for (int i = 1; i <= count; i++) {
                lua_rawgeti(L, list, i);
                add(L, places, lua_gettop(L));
                lua_pop(L, 1);
            }
        } else if (!lua_isnil(L, -1))
            add(L, places, lua_gettop(L));
    }
    mb_host_work(L, places->count + places->end_count);
    mb_sim_check_peak(sim, engine, places);
    mb_lua_push_quantity(L, (double)mb_peak(places));
    return 1;
}

// --- what is expected of answers

// So far towards what the predictor says now. In its rank, unrounded: what was expected so far.
static void foresee(lua_State *L, uint32_t slot, double weight) {
    const mb_host *host = mb_host_of(L);
    mb_request *request = mb_request_at(&host->sim->requests, slot);
    const double now = mb_request_view_says(host, request, MB_SAYS_OUTPUT, 0);
    const double rank = mb_request_rank(request), before = rank > 0 ? rank : request->predicted_output;
    if (before == INFINITY)
        luaL_error(L, "replica:foresee: the rank of request %d, inf, is no answer that was expected so far",
                   (int)request->id);
    const double expected = before + weight * (now - before);
    mb_request_note(request)->rest->rank = expected;
    mb_request_expect(request, expected);
}

// foresee(weight | list): what each that runs is expected to put out changes.
int mb_foresee_call(lua_State *L) {
    mb_host *host = mb_host_of(L);
    mb_sim *sim = host->sim;
    mb_replica *replica = sim->replicas[mb_view_check(L, 1, MB_VIEW_REPLICA)->index];
    const bool drawn = lua_istable(L, 2);
    const lua_Number weight = drawn ? 0 : luaL_checknumber(L, 2);
    if (!(weight >= 0 && weight <= 1))
        return luaL_error(L, "replica:foresee: the weight must be a number from 0 to 1");
    if (!replica->engine.stepper)
        return luaL_error(L, "replica:foresee: under a batch model nothing is seen of what runs");
    mb_host_check_fence(L, MB_FENCE_ALL, "replica:foresee");
    mb_engine_settle(&replica->engine);
    mb_host_work(L, mb_engine_running(&replica->engine));
    mb_endings_forget(&replica->engine);
    mb_standing_forget(replica->standing); // their ranks change
    for (uint32_t slot = mb_engine_oldest(&replica->engine); slot != MB_NONE;
         slot = mb_request_at(&sim->requests, slot)->next) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->in_flight && sim->building == replica) continue; // as each_running
        mb_engine_show_progress(&replica->engine, request);
        if (drawn)
            mb_request_expect(request, mb_expect_drawn(L, 2, request->generated));
        else
            foresee(L, slot, weight);
    }
    return 0;
}

// --- the step

static uint32_t tokens_of(lua_State *L, const char *name) {
    lua_getfield(L, 2, name);
    const lua_Number tokens = lua_isnil(L, -1)                 ? 0
                              : lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1)
                                                               : -1;
    if (!(tokens >= 0 && tokens <= UINT32_MAX))
        luaL_error(L, "step:estimate: %s must be a number of tokens of at least 0", name);
    lua_pop(L, 1);
    return (uint32_t)tokens;
}

int mb_step_estimate_call(lua_State *L) {
    const mb_engine *engine = &mb_step_peek(L)->building->engine;
    mb_chunk more = {0};
    if (!lua_isnoneornil(L, 2)) {
        static const char *const known[] = {"prefill", "prefix", NULL};
        luaL_checktype(L, 2, LUA_TTABLE);
        mb_view_check_options(L, 2, "step:estimate", known);
        more = (mb_chunk){.tokens = tokens_of(L, "prefill"), .prefix = tokens_of(L, "prefix")};
    }
    if (!engine->stepper)
        return luaL_error(
            L, "step:estimate: under a batch latency model ask replica:estimate{ requests =, longest = }");
    mb_chunk *chunks = lua_newuserdatauv(L, (mb_step_rows(engine) + 1) * sizeof *chunks, 0);
    double seconds;
    mb_error error;
    if (mb_step_seconds(engine, more, chunks, &seconds, &error) != MB_OK) return mb_host_raise(L, &error);
    if (seconds > 0)
        lua_pushnumber(L, seconds);
    else
        lua_pushnil(L);
    return 1;
}
