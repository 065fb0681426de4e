// SPDX-License-Identifier: MIT
// A request as a policy sees it: a plain table made once, whose facts that never change are fields. Facts
// that change are methods, which check the handle in [1].
#include "policy/views.h"

#include "base/strbuf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// A handle packs slot and generation into an integer that a double holds exactly.
enum { SLOT_BITS = 26 };
#define GENERATIONS (UINT32_C(1) << SLOT_BITS)

static double handle_of(uint32_t slot, uint32_t generation) {
    return (double)slot + (double)(generation % GENERATIONS) * (double)(UINT32_C(1) << SLOT_BITS);
}

static void set_number(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static void set_quantity(lua_State *L, const char *name, double value) {
    mb_lua_push_quantity(L, value);
    lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

// A number where it is exact on every engine, else its digits.
static void push_id(lua_State *L, uint64_t id) {
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
        push_id(L, request->prefix_ids[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    set_integer(L, "unit", request->prefix_unit_tokens);
    lua_setfield(L, -2, "prefix");
}

static void make(mb_host *host, uint32_t slot, const mb_request *request) {
    lua_State *L = host->L;
    lua_createtable(L, 1, 8);
    lua_pushnumber(L, handle_of(slot, request->generation));
    lua_rawseti(L, -2, 1);
    set_integer(L, "id", (lua_Integer)request->id);
    set_number(L, "arrival", request->arrival_s);
    set_integer(L, "prompt_tokens", request->prompt_tokens);
    set_integer(L, "predicted_output", request->predicted_output);
    set_integer(L, "client", request->client);
    set_integer(L, "priority", request->priority);
    set_number(L, "deadline", request->deadline_s);
    if (request->session) set_quantity(L, "session", (double)request->session);
    if (request->prefix_count) push_prefix(L, request);
    if (host->oracle) set_integer(L, "output_tokens", request->output_tokens);
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
}

uint32_t mb_request_view_check(lua_State *L, int index) {
    const mb_host *host = mb_host_of(L);
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
    lua_getfield(L, index, "id");
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
    const mb_request *request = check(L);
    const bool waits = request->phase == MB_PHASE_WAITING;
    const double now = mb_host_of(L)->sim->now_s;
    if (mb_host_of(L)->sim->engines)
        lua_pushnumber(L, request->waited_s + (waits ? now - request->since_s : 0));
    else
        lua_pushnumber(L, (waits ? now : request->start_s) - request->arrival_s);
    return 1;
}

static int phase(lua_State *L) {
    static const char *const stages[] = {"waiting", "prefill", "decode", "decode", "paused", "swapped"};
    const mb_request *request = check(L);
    const bool running = request->phase == MB_PHASE_RUNNING;
    const bool steps = mb_host_of(L)->sim->engines != NULL;
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

static int attained(lua_State *L) {
    const mb_request *request = check(L);
    const bool running = request->phase == MB_PHASE_RUNNING;
    const double now = mb_host_of(L)->sim->now_s;
    if (mb_host_of(L)->sim->engines)
        lua_pushnumber(L, request->attained_s + (running ? now - request->since_s : 0));
    else
        lua_pushnumber(L, running ? now - request->start_s : 0);
    return 1;
}

static int first_token_at(lua_State *L) {
    const mb_host *host = mb_host_of(L);
    const mb_request *request = check(L);
    lua_pushnil(L);
    if (host->sim->engines) {
        if (!isnan(request->first_token_s)) lua_pushnumber(L, request->first_token_s);
        return 1;
    }
    if (request->phase == MB_PHASE_RUNNING) {
        const mb_replica *replica = &host->sim->replicas[request->replica];
        const double at = replica->start_s + replica->time.first_token_s;
        if (replica->busy && at <= host->sim->now_s) lua_pushnumber(L, at);
    }
    return 1;
}

// Called where a field is absent: methods, the policy's own `user`, and mistakes.
static int missing_field(lua_State *L) {
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (lua_isfunction(L, -1)) return 1;
    if (lua_toboolean(L, -1)) { // an optional field that this request lacks
        lua_pushnil(L);
        return 1;
    }
    static const char *const known[] = {"id",     "arrival",      "prompt_tokens", "predicted_output",
                                        "client", "priority",     "deadline",      "session",
                                        "prefix", "user",         "generated",     "computed",
                                        "waited", "attained",     "preemptions",   "first_token_at",
                                        "phase",  "output_tokens"};
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    if (lua_type(L, 2) == LUA_TSTRING && name[0] == 'o' && strcmp(name, "output_tokens") == 0)
        return luaL_error(L, "a request has no 'output_tokens' before it finished: nobody knows it; use "
                             "'predicted_output', or let the scenario say oracle = true");
    const char *nearest = mb_nearest_word(name, known, sizeof known / sizeof *known);
    if (nearest) return luaL_error(L, "a request has no field '%s'; did you mean '%s'?", name, nearest);
    return luaL_error(L, "a request has no field '%s'; keep notes of your own in 'user'", name);
}

void mb_request_views_open(lua_State *L) {
    mb_host *host = mb_host_of(L);
    static const luaL_Reg methods[] = {{"generated", generated},
                                       {"computed", computed},
                                       {"preemptions", preemptions},
                                       {"waited", waited},
                                       {"attained", attained},
                                       {"phase", phase},
                                       {"first_token_at", first_token_at}};
    static const char *const optional[] = {"user", "session", "prefix"};
    lua_newtable(L);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        lua_pushcfunction(L, methods[i].func);
        lua_setfield(L, -2, methods[i].name);
    }
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, optional[i]);
    }
    lua_pushcclosure(L, missing_field, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    host->request_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    host->requests = luaL_ref(L, LUA_REGISTRYINDEX);
}
