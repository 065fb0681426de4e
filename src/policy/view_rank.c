// SPDX-License-Identifier: MIT
// step:rank{ from =, by =, per_token =, edges =, most =, preempt =, to = }
#include "policy/views.h"
#include "sim/rank.h"

#include <math.h>
#include <string.h>

// Places on the stack: the table of options, and what each of them is.
enum { OPTIONS = 2, BY, FROM, PER_TOKEN, EDGES, MOST, PREEMPT, TO };

static const char *const known[] = {"by", "from", "per_token", "edges", "most", "preempt", "to"};
enum { KNOWN = sizeof known / sizeof *known };

// Which of the known ones this is. It is asked at each step, so most that it is not are told by a letter.
static int option_at(const char *name) {
    int i = 0;
    while (i < KNOWN && (known[i][0] != name[0] || strcmp(known[i], name) != 0))
        i++;
    return i;
}

// All options to their places, in one walk over the table (policies make no metatables); nil where there is
// none.
static void spread_options(lua_State *L) {
    lua_settop(L, TO);
    lua_pushnil(L);
    while (lua_next(L, OPTIONS)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
        const int option = option_at(name);
        if (option == KNOWN)
            luaL_error(
                L,
                "step:rank: there is no option '%s'; expected from, by, per_token, edges, most, preempt "
                "and to",
                name);
        lua_replace(L, BY + option);
    }
}

static uint32_t read_queue(lua_State *L, int option, uint32_t otherwise) {
    return lua_isnil(L, option) ? otherwise : mb_view_check(L, option, MB_VIEW_QUEUE)->index;
}

static lua_Number read_number(lua_State *L, int option, lua_Number otherwise) {
    const int type = lua_type(L, option);
    if (type == LUA_TNIL) return otherwise;
    const lua_Number number = type == LUA_TNUMBER ? lua_tonumber(L, option) : (lua_Number)NAN;
    if (isnan(number)) luaL_error(L, "step:rank: %s must be a number", known[option - BY]);
    return number;
}

static void read_edges(lua_State *L, mb_ranking *ranking) {
    if (lua_isnil(L, EDGES)) return;
    if (!lua_istable(L, EDGES) || lua_rawlen(L, EDGES) > MB_MAX_RANK_EDGES)
        luaL_error(L, "step:rank: edges is a list of at most %d ascending numbers", MB_MAX_RANK_EDGES);
    ranking->edge_count = (uint32_t)lua_rawlen(L, EDGES);
    for (uint32_t i = 0; i < ranking->edge_count; i++) {
        lua_rawgeti(L, EDGES, (int)i + 1);
        ranking->edges[i] = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : (double)NAN;
        if (isnan(ranking->edges[i]) || (i && ranking->edges[i] < ranking->edges[i - 1]))
            luaL_error(L, "step:rank: edge %d is not a number at least as large as the one before",
                       (int)i + 1);
        lua_pop(L, 1);
    }
}

static void read_preempt(lua_State *L, mb_ranking *ranking) {
    if (!lua_toboolean(L, PREEMPT)) return;
    const char *how =
        lua_type(L, PREEMPT) == LUA_TSTRING ? lua_tostring(L, PREEMPT) : luaL_typename(L, PREEMPT);
    for (mb_preemption i = MB_PREEMPT_RECOMPUTE; i <= MB_PREEMPT_PAUSE && !ranking->preempts; i++) {
        ranking->preempts = strcmp(how, mb_preemption_name(i)) == 0;
        ranking->how = i;
    }
    if (!ranking->preempts)
        luaL_error(L, "step:rank: preempt = \"recompute\", \"swap\" or \"pause\", not \"%s\"", how);
}

// The key of those that run, and of those that wait in a plain queue; by default that of the queue. Leaves
// `by` at BY where it is a function.
static void read_by(lua_State *L, mb_ranking *ranking) {
    const mb_host *host = mb_host_of(L);
    const mb_key order = host->sim->queues[ranking->from].order;
    if (host->sim->queues[ranking->from].ageing)
        luaL_error(L, "step:rank: the order of the queue `from` changes with its age, and what runs does not "
                      "wait; make it without `age`");
    if (lua_isnil(L, BY) && order == MB_KEY_GIVEN) { // the queue's own function
        lua_rawgeti(L, LUA_REGISTRYINDEX, host->keys);
        lua_rawgeti(L, -1, (int)ranking->from + 1);
        lua_replace(L, BY);
        lua_pop(L, 1);
    }
    if (lua_isnil(L, BY))
        ranking->by = order == MB_KEY_NONE ? MB_KEY_ARRIVAL : order;
    else if (lua_isfunction(L, BY))
        ranking->by = MB_KEY_GIVEN;
    else
        ranking->by = lua_type(L, BY) == LUA_TSTRING ? mb_key_from_name(lua_tostring(L, BY)) : MB_KEY_COUNT;
    if (ranking->by == MB_KEY_COUNT)
        luaL_error(L,
                   "step:rank: by = %s is unknown; expected \"rank\", a key that queues are ordered by, or a "
                   "function(req)",
                   lua_type(L, BY) == LUA_TSTRING ? lua_tostring(L, BY) : luaL_typename(L, BY));
    if (ranking->by == MB_KEY_OUTPUT_TOKENS && !host->oracle)
        luaL_error(L, "step:rank: by = \"output_tokens\" needs oracle = true in the scenario");
}

static void call_by(lua_State *L, uint32_t slot) {
    mb_host *host = mb_host_of(L);
    lua_pushvalue(L, BY);
    mb_request_view_push(host, slot);
    lua_call(L, 1, 1);
    const double key = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : (double)NAN;
    if (isnan(key))
        luaL_error(L, "step:rank: the function `by` must return a number, and returned %s",
                   lua_type(L, -1) == LUA_TNUMBER ? "NaN" : luaL_typename(L, -1));
    mb_request_at(&host->sim->requests, slot)->key = key;
    lua_pop(L, 1);
}

// Ask the function of everyone that it is to put in order.
static void ask_keys(lua_State *L, const mb_ranking *ranking) {
    mb_host *host = mb_host_of(L);
    mb_sim *sim = host->sim;
    const mb_engine *engine = &sim->building->engine;
    const mb_queue *queue = &sim->queues[ranking->from];
    const mb_fence outer = mb_host_fence(host, MB_FENCE_ALL, "the function `by`");
    mb_host_enter(L);
    for (uint32_t slot = sim->by_steps ? mb_engine_oldest(engine) : MB_NONE; slot != MB_NONE;
         slot = mb_request_at(&sim->requests, slot)->next)
        call_by(L, slot);
    const bool plain = queue->order == MB_KEY_NONE;
    for (uint32_t slot = plain ? mb_queue_peek(queue, &sim->requests) : MB_NONE; slot != MB_NONE;
         slot = mb_queue_after(queue, &sim->requests, slot))
        call_by(L, slot);
    mb_host_leave(L);
    host->fence = outer;
}

int mb_rank_call(lua_State *L) {
    mb_sim *sim = mb_step_open(L, "step:rank");
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    lua_settop(L, OPTIONS);
    if (!sim->ranked && mb_engine_carried(&sim->building->engine))
        return luaL_error(L, "step:rank: it stands instead of step:carry and step:barrier, not after them");
    spread_options(L);
    mb_ranking ranking = {.from = read_queue(L, FROM, 0), .per_token = read_number(L, PER_TOKEN, 0)};
    if (!(fabs(ranking.per_token) <= MB_MAX_RANK_PER_TOKEN))
        return luaL_error(
            L, "step:rank: per_token must be between -1e290 and 1e290, so that every key is a number");
    ranking.to = read_queue(L, TO, ranking.from);
    const lua_Number most = read_number(L, MOST, HUGE_VAL);
    ranking.most = most <= 0 ? 0 : most >= UINT32_MAX ? UINT32_MAX : (uint32_t)most;
    read_edges(L, &ranking);
    read_preempt(L, &ranking);
    read_by(L, &ranking);
    mb_host_work(L, (uint64_t)mb_engine_running(&sim->building->engine) + sim->queues[ranking.from].count);
    if (ranking.by == MB_KEY_GIVEN) ask_keys(L, &ranking);
    mb_ranked ranked;
    mb_error error;
    mb_host_enter(L); // a queue's `by` function may be asked
    if (mb_step_rank(sim, &ranking, &ranked, &error) != MB_OK) return mb_host_raise(L, &error);
    mb_host_leave(L);
    lua_pushinteger(L, ranked.rows);
    lua_pushinteger(L, ranked.preempted);
    if (ranked.steps == 0) return 2;
    mb_lua_push_quantity(L, (double)ranked.steps);
    return 3;
}
