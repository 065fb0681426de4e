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

// Tokens of chunk `i`, from 0: of the list at `index`, or the number that stands for all of them.
static uint32_t tokens_of(lua_State *L, int index, const char *name, size_t i) {
    if (lua_istable(L, index))
        lua_rawgeti(L, index, (int)i + 1);
    else
        lua_pushvalue(L, index);
    const double tokens = pop_count(L, 0);
    if (!(tokens <= UINT32_MAX))
        luaL_error(L, "estimate: %s is a number of tokens of at least 0, or a list of such numbers", name);
    return (uint32_t)tokens;
}

static double seconds_of(lua_State *L, const mb_engine *engine, const mb_step_shape *shape) {
    double seconds = 0;
    mb_error error; // large, and filled where something fails
    if (mb_shape_seconds(engine, shape, &seconds, &error) != MB_OK) mb_host_raise(L, &error);
    return seconds;
}

// estimate{ prefill = tokens, prefix = , decodes = , context = }: seconds of one such step, without noise.
// Several prompts: lists of tokens.
static int estimate_step(lua_State *L, const mb_engine *engine) {
    enum { PREFILL = OPTIONS + 1, PREFIX }; // places on the stack
    const double decodes = count_field(L, "decodes", 0), context = count_field(L, "context", 0);
    if (!(decodes <= UINT32_MAX && context >= 0))
        return luaL_error(L, "estimate: expected { prefill = tokens, prefix = tokens, decodes = requests, "
                             "context = tokens }, numbers of at least 0");
    lua_settop(L, OPTIONS);
    lua_getfield(L, OPTIONS, "prefill");
    const size_t count = lua_istable(L, PREFILL) ? (size_t)lua_rawlen(L, PREFILL) : !lua_isnil(L, PREFILL);
    if (count) lua_getfield(L, OPTIONS, "prefix");
    mb_host_work(L, count);
    mb_chunk one;
    mb_chunk *chunks = count > 1 ? lua_newuserdatauv(L, count * sizeof *chunks, 0) : &one;
    mb_step_shape shape = {
        .chunks = chunks, .decode_requests = (uint32_t)decodes, .decode_context = (uint64_t)context};
    for (size_t i = 0; i < count; i++) {
        const mb_chunk chunk = {.tokens = tokens_of(L, PREFILL, "prefill", i),
                                .prefix = tokens_of(L, PREFIX, "prefix", i)};
        if (chunk.tokens == 0) continue;
        chunks[shape.prefill_requests++] = chunk;
        shape.prefill_tokens += chunk.tokens;
    }
    lua_pushnumber(L, seconds_of(L, engine, &shape));
    return 1;
}

// --- how long a chunk of prompts may be

typedef struct asker {
    lua_State *L;
    const mb_engine *engine;
    mb_step_shape decodes;
} asker;

static double with_chunk(const asker *a, double tokens) {
    const mb_chunk chunk = {.tokens = (uint32_t)tokens};
    mb_step_shape shape = a->decodes;
    shape.chunks = &chunk;
    shape.prefill_requests = tokens > 0;
    shape.prefill_tokens = chunk.tokens;
    return seconds_of(a->L, a->engine, &shape);
}

// Between `low`, short enough, and `high`, which is not.
static double between(const asker *a, double seconds, double low, double high) {
    double bottom = with_chunk(a, low), top = with_chunk(a, high);
    if (top <= seconds) return high;
    while (high - low > 1 && bottom <= seconds) {
        // Most laws are straight lines: there the first guess is the answer, and the next token refutes more.
        const double share = bottom < seconds ? (seconds - bottom) / (top - bottom) : 0.5;
        const double guess = fmin(fmax(low + floor((high - low) * share), low + 1), high - 1);
        const double taken = with_chunk(a, guess);
        mb_host_work(a->L, 1);
        if (taken > seconds) {
            high = guess;
            top = taken;
        } else {
            low = guess;
            bottom = taken;
            if (with_chunk(a, guess + 1) > seconds) break;
        }
    }
    return low;
}

// longest_chunk(seconds, least, most): of `least` to `most` tokens, as many as a step with all decodes
// computes in that time; `least` where none does.
int mb_longest_chunk_call(lua_State *L) {
    mb_engine *engine = &mb_host_of(L)->sim->replicas[mb_view_check(L, 1, MB_VIEW_REPLICA)->index]->engine;
    const lua_Number seconds = luaL_checknumber(L, 2), least = luaL_checknumber(L, 3),
                     most = luaL_checknumber(L, 4);
    if (!mb_latency_is_step(engine->latency))
        return luaL_error(L, "replica:longest_chunk: a batch model has no steps and no chunks");
    if (!(least >= 0 && least <= UINT32_MAX && most >= 0 && most <= UINT32_MAX && least == floor(least) &&
          most == floor(most)))
        return luaL_error(L, "replica:longest_chunk: expected whole numbers of tokens of at least 0");
    if (isnan(seconds)) return luaL_error(L, "replica:longest_chunk: the time is NaN");
    if (seconds == HUGE_VAL) {
        lua_pushinteger(L, (lua_Integer)most);
        return 1;
    }
    if (engine->stepper) mb_engine_settle(engine);
    const asker a = {
        L, engine, {.decode_requests = mb_sum_decodes(engine), .decode_context = mb_sum_context(engine)}};
    lua_pushinteger(L, (lua_Integer)between(&a, seconds, least, most));
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
