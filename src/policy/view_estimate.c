// SPDX-License-Identifier: MIT
// replica:estimate{ ... }: how long a batch or a step would take.
#include "engine/sums.h"
#include "policy/views.h"

#include <math.h>

enum { OPTIONS = 2 }; // place on the stack

// The number on top of the stack, popped, if it is a count; NAN.
static double pop_count(lua_State *L, double otherwise) {
    const bool given = lua_type(L, -1) == LUA_TNUMBER;
    const lua_Number value = given ? lua_tonumber(L, -1) : lua_isnil(L, -1) ? otherwise : (double)NAN;
    lua_pop(L, 1);
    return value >= 0 && value <= 0x1p53 ? value : (double)NAN;
}

static double count_field(lua_State *L, const char *name, double otherwise) {
    lua_getfield(L, OPTIONS, name);
    return pop_count(L, otherwise);
}

// Item `i`, from 0, of a list of tokens, or the number that stands for all of them.
static uint32_t tokens_of(lua_State *L, const char *name, size_t i) {
    lua_getfield(L, OPTIONS, name);
    if (lua_istable(L, -1)) {
        lua_rawgeti(L, -1, (int)i + 1);
        lua_remove(L, -2);
    }
    const double tokens = pop_count(L, 0);
    if (!(tokens <= UINT32_MAX))
        luaL_error(L, "estimate: %s is a number of tokens of at least 0, or a list of such numbers", name);
    return (uint32_t)tokens;
}

static size_t length_of(lua_State *L, const char *name) {
    lua_getfield(L, OPTIONS, name);
    const size_t length = lua_istable(L, -1) ? lua_rawlen(L, -1) : 1;
    lua_pop(L, 1);
    return length;
}

// estimate{ prefill = tokens, prefix = , decodes = , context = }: seconds of one such step, without noise.
// Several prompts: lists of tokens.
static int estimate_step(lua_State *L, const mb_engine *engine) {
    const double decodes = count_field(L, "decodes", 0), context = count_field(L, "context", 0);
    if (!(decodes <= UINT32_MAX && context >= 0))
        return luaL_error(L, "estimate: expected { prefill = tokens, prefix = tokens, decodes = requests, "
                             "context = tokens }, numbers of at least 0");
    const size_t count = length_of(L, "prefill");
    mb_host_work(L, count);
    mb_chunk one;
    mb_chunk *chunks = count > 1 ? lua_newuserdatauv(L, count * sizeof *chunks, 0) : &one;
    mb_step_shape shape = {
        .chunks = chunks, .decode_requests = (uint32_t)decodes, .decode_context = (uint64_t)context};
    for (size_t i = 0; i < count; i++) {
        const mb_chunk chunk = {.tokens = tokens_of(L, "prefill", i), .prefix = tokens_of(L, "prefix", i)};
        if (chunk.tokens == 0) continue;
        chunks[shape.prefill_requests++] = chunk;
        shape.prefill_tokens += chunk.tokens;
    }
    double seconds = 0;
    mb_error error = {0};
    if (mb_shape_seconds(engine, &shape, &seconds, &error) != MB_OK) return mb_host_raise(L, &error);
    lua_pushnumber(L, seconds);
    return 1;
}

// estimate{ requests =, longest = [, service =] }: seconds that such a batch would take, without noise.
int mb_estimate_call(lua_State *L) {
    const mb_view *view = mb_view_check(L, 1, MB_VIEW_REPLICA);
    const mb_engine *engine = &mb_host_of(L)->sim->replicas[view->index]->engine;
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    if (mb_latency_is_step(engine->latency)) return estimate_step(L, engine);
    mb_latency quiet = *engine->latency;
    quiet.noise = 0;
    const double requests = count_field(L, "requests", 1), longest = count_field(L, "longest", 0);
    const double service = count_field(L, "service", 0);
    if (!(requests >= 1 && requests <= UINT32_MAX && longest <= UINT32_MAX && service >= 0))
        return luaL_error(L, "estimate: expected { requests = at least 1, longest = tokens }");
    const mb_batch_time time = mb_latency_batch(&quiet, (uint32_t)requests, (uint32_t)longest, service, NULL);
    lua_pushnumber(L, time.duration_s);
    lua_pushnumber(L, time.tbt_s);
    return 2;
}
