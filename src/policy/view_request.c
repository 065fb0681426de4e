// SPDX-License-Identifier: MIT
// A request as a policy sees it: a table made once, with its handle in [1] and its number in [2]. Facts that
// never change are fields, each put there when it is first read: most policies read few of them, and a router
// often none. Facts that change are methods, which check the handle.
#include "policy/views.h"
#include "sim/life.h"

#include "base/strbuf.h"
#include "engine/peak.h"
#include "sim/fail.h"
#include "sim/standing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// A handle packs slot and generation into an integer that a double holds exactly.
enum { SLOT_BITS = 26 };
#define GENERATIONS (UINT32_C(1) << SLOT_BITS)

static double handle_of(uint32_t slot, uint32_t generation) {
    return (double)slot + (double)(generation % GENERATIONS) * (double)(UINT32_C(1) << SLOT_BITS);
}

// A number where it is exact on every engine, else its digits.
void mb_view_push_id(lua_State *L, uint64_t id) {
    char digits[24];
    if (id <= UINT64_C(1) << 53) {
        mb_lua_push_quantity(L, (double)id);
        return;
    }
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)id);
    lua_pushstring(L, digits);
}

// prefix: the tokens of the units that name the prompt's content (the last may be shorter), and their ids.
static void push_prefix(lua_State *L, const mb_request *request) {
    lua_createtable(L, (int)request->prefix_count, 1);
    for (uint32_t i = 0; i < request->prefix_count; i++) {
        mb_view_push_id(L, request->prefix_ids[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_pushinteger(L, request->prefix_unit_tokens);
    lua_setfield(L, -2, "unit");
}

static void make(mb_host *host, uint32_t slot, const mb_request *request) {
    lua_State *L = host->L;
    lua_createtable(L, 2, 4); // room for the first fields that are read, so that it need not grow for each
    lua_pushnumber(L, handle_of(slot, request->generation));
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, (lua_Integer)request->id);
    lua_rawseti(L, -2, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->request_meta);
    lua_setmetatable(L, -2);
}

void mb_request_view_push(mb_host *host, uint32_t slot) {
    lua_State *L = host->L;
    mb_request *request = mb_request_at(&host->sim->requests, slot);
    luaL_checkstack(L, 8, "too many values");
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->requests);
    if (request->script_view) {
        lua_rawgeti(L, -1, (int)slot + 1);
    } else {
        make(host, slot, request);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, (int)slot + 1);
        request->script_view = 1; // only now: the lines above may fail for want of memory
    }
    lua_remove(L, -2);
    host->last_view = lua_topointer(L, -1);
    host->last_slot = slot;
}

void mb_request_view_forget(mb_host *host, uint32_t slot) {
    mb_request *request = mb_request_at(&host->sim->requests, slot);
    if (!request->script_view) return;
    lua_State *L = host->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->requests);
    lua_pushnil(L);
    lua_rawseti(L, -2, (int)slot + 1); // no allocation: the key is there
    lua_pop(L, 1);
    request->script_view = 0;
    host->last_view = NULL;
}

uint32_t mb_request_view_find(lua_State *L, int index) {
    const mb_host *host = mb_host_of(L);
    if (host->last_view && lua_topointer(L, index) == host->last_view) return host->last_slot;
    if (!lua_istable(L, index)) {
        luaL_error(L, "expected a request, got %s", luaL_typename(L, index));
        return MB_NONE;
    }
    lua_rawgeti(L, index, 1);
    const double handle = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
    lua_pop(L, 1);
    if (!(handle >= 0 && handle < 0x1p52)) {
        luaL_error(L, "expected a request, got another table");
        return MB_NONE;
    }
    const uint64_t packed = (uint64_t)handle;
    const uint32_t slot = (uint32_t)(packed & (GENERATIONS - 1)),
                   generation = (uint32_t)(packed >> SLOT_BITS);
    const mb_request_store *store = &host->sim->requests;
    if (slot < mb_request_slots(store)) {
        const mb_request *request = mb_request_at(store, slot);
        if (request->phase != MB_PHASE_FREE && request->generation % GENERATIONS == generation) return slot;
    }
    return MB_NONE;
}

uint32_t mb_request_view_check(lua_State *L, int index) {
    const uint32_t slot = mb_request_view_find(L, index);
    if (slot != MB_NONE) return slot;
    lua_rawgeti(L, index, 2);
    char id[32];
    snprintf(id, sizeof id, "%.0f", lua_tonumber(L, -1));
    luaL_error(L, "request %s has left the system; drop it from your own tables in the hook 'finish'", id);
    return MB_NONE;
}

void mb_request_view_movable(lua_State *L, uint32_t slot) {
    if (mb_host_holds(mb_host_of(L), slot))
        luaL_error(
            L,
            "the request is on its way (it leaves the system, or is being filed in a queue); it can be read "
            "here, and not moved");
}

static const mb_request *check(lua_State *L) {
    return mb_request_at(&mb_host_of(L)->sim->requests, mb_request_view_check(L, 1));
}

static int waited(lua_State *L) {
    lua_pushnumber(L, mb_request_waited(mb_host_of(L)->sim, check(L)));
    return 1;
}

static int phase(lua_State *L) {
    static const char *const stages[] = {"waiting", "prefill", "decode",  "decode",
                                         "paused",  "swapped", "handoff", "moving"};
    const mb_request *request = check(L);
    const bool running = request->phase == MB_PHASE_RUNNING;
    const bool steps = mb_host_of(L)->sim->by_steps;
    lua_pushstring(L, steps ? stages[request->stage] : running ? "running" : "waiting");
    return 1;
}

// Tokens; 0 under a batch model, where nobody sees a request's progress before its batch ends.
static int progress(lua_State *L, bool of_output) {
    uint32_t computed, generated;
    mb_request_progress(mb_host_of(L)->sim, mb_request_view_check(L, 1), &computed, &generated);
    lua_pushinteger(L, of_output ? generated : computed);
    return 1;
}

static int computed(lua_State *L) {
    return progress(L, false);
}

static int generated(lua_State *L) {
    return progress(L, true);
}

static int preemptions(lua_State *L) {
    lua_pushinteger(L, check(L)->preemptions);
    return 1;
}

static int failures(lua_State *L) {
    lua_pushinteger(L, mb_request_failures(mb_host_of(L)->sim, check(L)));
    return 1;
}

static int attained(lua_State *L) {
    lua_pushnumber(L, mb_request_attained(mb_host_of(L)->sim, check(L)));
    return 1;
}

static int first_token_at(lua_State *L) {
    const double at_s = mb_request_first_token(mb_host_of(L)->sim, check(L));
    if (isnan(at_s))
        lua_pushnil(L);
    else
        lua_pushnumber(L, at_s);
    return 1;
}

enum { TRIES = 8 };

double mb_expect_drawn(lua_State *L, int list, uint32_t generated) {
    mb_host *host = mb_host_of(L);
    const size_t count = lua_rawlen(L, list);
    if (count == 0) luaL_error(L, "the list of answers to expect one of is empty");
    for (int i = 0; i < TRIES; i++) {
        lua_rawgeti(L, list, (int)mb_rng_below(&host->random, count) + 1);
        const double tokens = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
        lua_pop(L, 1);
        if (!(tokens >= 0)) luaL_error(L, "answers to expect one of are numbers of tokens of at least 0");
        if (tokens > generated) return tokens;
    }
    return generated + 1.0;
}

// expect(tokens | list): what the policy believes the whole output to be.
static int expect(lua_State *L) {
    const uint32_t slot = mb_request_view_check(L, 1);
    mb_sim *sim = mb_host_of(L)->sim;
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_host_check_fence(L, MB_FENCE_ALL, "req:expect");
    lua_Number tokens;
    if (lua_istable(L, 2)) {
        uint32_t computed, generated;
        mb_request_progress(sim, slot, &computed, &generated);
        tokens = mb_expect_drawn(L, 2, generated);
    } else
        tokens = luaL_checknumber(L, 2);
    if (!(tokens >= 0)) return luaL_error(L, "req:expect: expected a number of tokens of at least 0");
    mb_request_expect(request, tokens);
    if (request->phase == MB_PHASE_RUNNING) mb_endings_forget(&sim->replicas[request->replica]->engine);
    return 0;
}

// rank(number): for `by = "rank"`; rank(): what it is.
static int rank(lua_State *L) {
    mb_sim *sim = mb_host_of(L)->sim;
    const uint32_t slot = mb_request_view_check(L, 1);
    if (lua_gettop(L) == 1) {
        lua_pushnumber(L, mb_request_rank(mb_request_at(&sim->requests, slot)));
        return 1;
    }
    const lua_Number number = luaL_checknumber(L, 2);
    if (isnan(number)) return luaL_error(L, "req:rank: the rank is NaN");
    mb_host_check_fence(L, MB_FENCE_ALL, "req:rank");
    mb_request_set_rank(sim, slot, number);
    return 0;
}

// clock(): what it was served and what it waited, in s, by clocks that clock(served, waited) sets.
static int set_clock(lua_State *L) {
    const mb_sim *sim = mb_host_of(L)->sim;
    mb_request *request = mb_request_at(&sim->requests, mb_request_view_check(L, 1));
    if (lua_gettop(L) == 1) {
        lua_pushnumber(L, mb_request_clock_served(sim, request));
        lua_pushnumber(L, mb_request_clock_waited(sim, request));
        return 2;
    }
    const lua_Number served = luaL_checknumber(L, 2), waited_s = luaL_checknumber(L, 3);
    if (!(fabs(served) < HUGE_VAL && fabs(waited_s) < HUGE_VAL))
        return luaL_error(L, "req:clock: expected two numbers of seconds");
    mb_host_check_fence(L, MB_FENCE_ALL, "req:clock");
    mb_request_set_clocks(sim, request, served, waited_s);
    return 0;
}

static double read_option(lua_State *L, int options, const char *call, const char *name) {
    lua_getfield(L, options, name);
    const double value = lua_isnil(L, -1) ? 0 : lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
    if (!(value >= 0 && value < HUGE_VAL)) luaL_error(L, "%s: %s must be a number of at least 0", call, name);
    lua_pop(L, 1);
    return value;
}

mb_gain_asked mb_gain_read(lua_State *L, int options, const char *call) {
    static const char *const known[] = {"horizon", "speed", "ttft", NULL};
    luaL_checktype(L, options, LUA_TTABLE);
    mb_view_check_options(L, options, call, known);
    const mb_gain_asked asked = {.horizon_s = read_option(L, options, call, "horizon"),
                                 .other.speed = read_option(L, options, call, "speed"),
                                 .other.ttft_s = read_option(L, options, call, "ttft")};
    if (!(asked.horizon_s > 0)) luaL_error(L, "%s: horizon, in seconds, must be above 0", call);
    return asked;
}

void mb_gain_unknown(lua_State *L, const mb_request *request) {
    luaL_error(L,
               "qoe_gain: nothing is known of who reads request %d; give speed, in tokens/s, and ttft here, "
               "or qoe in the scenario",
               (int)request->id);
}

static int qoe_gain(lua_State *L) {
    mb_sim *sim = mb_host_of(L)->sim;
    const uint32_t slot = mb_request_view_check(L, 1);
    const mb_gain_asked asked = mb_gain_read(L, 2, "req:qoe_gain");
    const mb_request *request = mb_request_at(&sim->requests, slot);
    uint32_t computed, generated;
    mb_request_progress(sim, slot, &computed, &generated);
    const double gain = mb_request_gain(sim, request, generated, asked.horizon_s, &asked.other);
    if (isnan(gain)) mb_gain_unknown(L, request);
    lua_pushnumber(L, gain);
    return 1;
}

static mb_saying read_saying(lua_State *L, double *quantile) {
    static const char *const words[] = {"output", "low", "high"};
    *quantile = 0;
    if (lua_isnoneornil(L, 2)) return MB_SAYS_OUTPUT;
    if (lua_type(L, 2) == LUA_TNUMBER) {
        *quantile = lua_tonumber(L, 2);
        if (*quantile > 0 && *quantile < 1) return MB_SAYS_QUANTILE;
    } else if (lua_type(L, 2) == LUA_TSTRING)
        for (int i = 0; i < 3; i++)
            if (strcmp(lua_tostring(L, 2), words[i]) == 0) return (mb_saying)i;
    mb_view_describe(L, 2);
    luaL_error(L, "req:predict: expected \"output\", \"low\", \"high\" or a quantile between 0 and 1, not %s",
               lua_tostring(L, -1));
    return MB_SAYS_OUTPUT;
}

uint32_t mb_request_view_says(const mb_host *host, const mb_request *request, mb_saying what,
                              double quantile) {
    if (!host->workload || !mb_predictor_refines(&host->workload->predictor))
        return request->predicted_output;
    const mb_refinement of = {
        .noise = request->rest->noise, .output = request->output_tokens, .generated = request->generated};
    return mb_predictor_refine(&host->workload->predictor, &of, what, quantile);
}

// predict([what]): what the predictor says of the whole output now.
static int predict(lua_State *L) {
    const mb_host *host = mb_host_of(L);
    const uint32_t slot = mb_request_view_check(L, 1);
    const mb_request *request = mb_request_at(&host->sim->requests, slot);
    double quantile;
    const mb_saying what = read_saying(L, &quantile);
    uint32_t computed, generated;
    mb_request_progress(host->sim, slot, &computed, &generated);
    lua_pushinteger(L, mb_request_view_says(host, request, what, quantile));
    return 1;
}

typedef enum request_field {
    FIELD_ID,
    FIELD_ARRIVAL,
    FIELD_PROMPT,
    FIELD_PREDICTED,
    FIELD_CLIENT,
    FIELD_PRIORITY,
    FIELD_DEADLINE,
    FIELD_SESSION,
    FIELD_PREFIX,
    FIELD_CLASS,
    FIELD_SLO,
    FIELD_MAX_OUTPUT,
    FIELD_OUTPUT,
    FIELD_USER
} request_field;

static const struct {
    const char *name;
    request_field field;
} FIELDS[] = {{"id", FIELD_ID},
              {"arrival", FIELD_ARRIVAL},
              {"prompt_tokens", FIELD_PROMPT},
              {"predicted_output", FIELD_PREDICTED},
              {"client", FIELD_CLIENT},
              {"priority", FIELD_PRIORITY},
              {"deadline", FIELD_DEADLINE},
              {"session", FIELD_SESSION},
              {"prefix", FIELD_PREFIX},
              {"class", FIELD_CLASS},
              {"slo", FIELD_SLO},
              {"max_output", FIELD_MAX_OUTPUT},
              {"output_tokens", FIELD_OUTPUT},
              {"user", FIELD_USER}};

// Push the value of a field, or nil for one that this request lacks.
static void push_field(lua_State *L, request_field field, const mb_request *request) {
    switch (field) {
    case FIELD_ARRIVAL:
        lua_pushnumber(L, request->arrival_s);
        return;
    case FIELD_PROMPT:
        lua_pushinteger(L, request->prompt_tokens);
        return;
    case FIELD_PREDICTED:
        lua_pushinteger(L, request->predicted_output);
        return;
    case FIELD_CLIENT:
        lua_pushinteger(L, request->client);
        return;
    case FIELD_PRIORITY:
        lua_pushinteger(L, request->priority);
        return;
    case FIELD_DEADLINE:
        lua_pushnumber(L, request->deadline_s);
        return;
    case FIELD_SESSION:
        if (request->session)
            mb_lua_push_quantity(L, (double)request->session);
        else
            lua_pushnil(L);
        return;
    case FIELD_PREFIX:
        if (request->prefix_count)
            push_prefix(L, request);
        else
            lua_pushnil(L);
        return;
    case FIELD_CLASS:
        if (request->class_index < mb_host_of(L)->sim->config->class_count)
            lua_pushstring(L, mb_host_of(L)->sim->config->classes[request->class_index].name);
        else
            lua_pushnil(L);
        return;
    case FIELD_SLO:
        mb_slo_push(L, request->class_index);
        return;
    case FIELD_MAX_OUTPUT:
        if (request->rest->max_output)
            lua_pushinteger(L, request->rest->max_output);
        else
            lua_pushnil(L);
        return;
    case FIELD_OUTPUT:
        if (!mb_host_of(L)->oracle)
            luaL_error(L, "a request has no 'output_tokens' before it finished: nobody knows it; use "
                          "'predicted_output', or let the scenario say oracle = true");
        lua_pushinteger(L, request->output_tokens);
        return;
    default:
        lua_pushnil(L);
    }
}

static int unknown_field(lua_State *L) {
    static const char *const known[] = {"id",       "arrival",       "prompt_tokens", "predicted_output",
                                        "client",   "priority",      "deadline",      "session",
                                        "prefix",   "user",          "generated",     "computed",
                                        "waited",   "attained",      "preemptions",   "first_token_at",
                                        "phase",    "output_tokens", "class",         "slo",
                                        "expect",   "rank",          "predict",       "max_output",
                                        "failures", "clock",         "qoe_gain"};
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    const char *nearest = mb_nearest_word(name, known, sizeof known / sizeof *known);
    if (nearest) return luaL_error(L, "a request has no field '%s'; did you mean '%s'?", name, nearest);
    return luaL_error(L, "a request has no field '%s'; keep notes of your own in 'user'", name);
}

// Called where a field is absent: methods, fields not yet read, the policy's own `user`, and mistakes.
static int missing_field(lua_State *L) {
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (lua_type(L, -1) != LUA_TNUMBER) return lua_isnil(L, -1) ? unknown_field(L) : 1;
    const request_field field = (request_field)lua_tointeger(L, -1);
    if (field == FIELD_USER) {
        lua_pushnil(L);
        return 1;
    }
    if (field == FIELD_ID) // known of one that has left, too
        lua_rawgeti(L, 1, 2);
    else
        push_field(L, field, check(L));
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

void mb_request_views_open(lua_State *L) {
    mb_host *host = mb_host_of(L);
    static const luaL_Reg methods[] = {{"generated", generated},
                                       {"computed", computed},
                                       {"preemptions", preemptions},
                                       {"failures", failures},
                                       {"waited", waited},
                                       {"attained", attained},
                                       {"phase", phase},
                                       {"first_token_at", first_token_at},
                                       {"expect", expect},
                                       {"rank", rank},
                                       {"predict", predict},
                                       {"clock", set_clock},
                                       {"qoe_gain", qoe_gain}};
    lua_newtable(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        lua_pushcfunction(L, methods[i].func);
        lua_setfield(L, -2, methods[i].name);
    }
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        lua_pushinteger(L, FIELDS[i].field);
        lua_setfield(L, -2, FIELDS[i].name);
    }
    lua_pushcclosure(L, missing_field, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    host->request_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    host->requests = luaL_ref(L, LUA_REGISTRYINDEX);
}
