// SPDX-License-Identifier: MIT
// What requests are worth, of many at once: sim:rank(whom, by), queue:starved(seconds, ratio),
// queue:longest_cached(replica, ...).
#include "policy/views.h"
#include "sim/life.h"
#include "sim/news.h"
#include "sim/standing.h"
#include "sim/waiting.h"

#include <math.h>
#include <string.h>

// What a rank is set to.
typedef struct appraisal {
    bool is_number, of_gain;
    double number;
    mb_key key;
    mb_gain_asked gain;
} appraisal;

// --- ranks

// Of one that has generated so many tokens by now.
static inline double worth(lua_State *L, const mb_sim *sim, const appraisal *by, const mb_request *request,
                           uint32_t generated) {
    if (by->is_number) return by->number;
    if (!by->of_gain) return mb_key_at(by->key, request, generated);
    const double gain = mb_request_gain(sim, request, generated, by->gain.horizon_s, &by->gain.other);
    if (isnan(gain)) mb_gain_unknown(L, request);
    return -gain / ((double)request->prompt_tokens + generated);
}

// One that has generated so many tokens by now.
static inline void set_rank(lua_State *L, mb_sim *sim, const appraisal *by, uint32_t slot,
                            uint32_t generated) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    mb_request_set_rank(sim, slot, worth(L, sim, by, request, generated));
}

static void rank_queue(lua_State *L, const appraisal *by, uint32_t index) {
    mb_sim *sim = mb_host_of(L)->sim;
    mb_queue *queue = &sim->queues[index];
    mb_host_work(L, 1 + queue->count);
    mb_queue_settle(queue, &sim->requests);
    for (uint32_t slot = mb_queue_peek(queue, &sim->requests); slot != MB_NONE;
         slot = mb_queue_after(queue, &sim->requests, slot))
        set_rank(L, sim, by, slot, mb_request_at(&sim->requests, slot)->generated);
    if (queue->order != MB_KEY_RANK) return;
    mb_queue_reorder(queue, &sim->requests);
    if (!sim->building) mb_sim_reordered(sim, index);
}

static void rank_running(lua_State *L, const appraisal *by, uint32_t index) {
    mb_sim *sim = mb_host_of(L)->sim;
    mb_engine *engine = &sim->replicas[index]->engine;
    mb_host_work(L, 1 + mb_engine_running(engine));
    if (!engine->stepper) {
        for (uint32_t i = 0; i < engine->count; i++) {
            const mb_request *request = mb_request_at(&sim->requests, engine->batch[i]);
            if (request->phase == MB_PHASE_RUNNING)
                set_rank(L, sim, by, engine->batch[i], request->generated);
        }
        return;
    }
    mb_engine_settle(engine);
    mb_standing_forget(sim->replicas[index]->standing);
    const mb_request *request;
    for (uint32_t slot = mb_engine_oldest(engine); slot != MB_NONE; slot = request->next) {
        request = mb_request_at(&sim->requests, slot);
        set_rank(L, sim, by, slot, request->generated + mb_engine_made(engine, request));
    }
}

// One that waits in a queue by rank takes its new place.
static void rank_one(lua_State *L, const appraisal *by, uint32_t slot) {
    mb_sim *sim = mb_host_of(L)->sim;
    uint32_t computed, generated;
    mb_request_progress(sim, slot, &computed, &generated);
    set_rank(L, sim, by, slot, generated);
    const uint32_t queue = mb_request_at(&sim->requests, slot)->queue;
    if (queue == MB_NONE || sim->queues[queue].order != MB_KEY_RANK) return;
    mb_queue_remove(&sim->queues[queue], &sim->requests, slot);
    mb_sim_push(sim, queue, slot, false);
}

// A request's table, or a list of such, where those that have left are passed over.
static void rank_listed(lua_State *L, const appraisal *by) {
    lua_rawgeti(L, 2, 1);
    const bool one = lua_type(L, -1) == LUA_TNUMBER;
    lua_pop(L, 1);
    if (one) {
        rank_one(L, by, mb_request_view_check(L, 2));
        return;
    }
    const int count = (int)lua_rawlen(L, 2);
    mb_host_work(L, (uint64_t)count);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, 2, i);
        const uint32_t slot = mb_request_view_find(L, lua_gettop(L));
        if (slot != MB_NONE) rank_one(L, by, slot);
        lua_pop(L, 1);
    }
}

static appraisal read_appraisal(lua_State *L) {
    appraisal by = {0};
    if (lua_type(L, 3) == LUA_TNUMBER) {
        by.is_number = true;
        by.number = lua_tonumber(L, 3);
        if (isnan(by.number)) luaL_error(L, "sim:rank: the rank is NaN");
        return by;
    }
    const char *name = lua_type(L, 3) == LUA_TSTRING ? lua_tostring(L, 3) : luaL_typename(L, 3);
    if (strcmp(name, "qoe_gain") == 0) {
        by.of_gain = true;
        by.gain = mb_gain_read(L, 4, "sim:rank");
        return by;
    }
    by.key = lua_type(L, 3) == LUA_TSTRING ? mb_key_from_name(name) : MB_KEY_COUNT;
    if (by.key == MB_KEY_COUNT)
        luaL_error(L,
                   "sim:rank: by = %s is unknown; expected a number, \"qoe_gain\" or a key that queues are "
                   "ordered by",
                   name);
    if (by.key == MB_KEY_OUTPUT_TOKENS && !mb_host_of(L)->oracle)
        luaL_error(L, "sim:rank: by = \"output_tokens\" needs oracle = true in the scenario");
    return by;
}

int mb_rank_all_call(lua_State *L) {
    mb_sim_view_going(L, "sim:rank");
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:rank");
    const appraisal by = read_appraisal(L);
    const mb_view *view = lua_touserdata(L, 2);
    if (lua_istable(L, 2))
        rank_listed(L, &by);
    else if (view && view->kind == MB_VIEW_QUEUE)
        rank_queue(L, &by, view->index);
    else
        rank_running(L, &by, mb_view_check(L, 2, MB_VIEW_REPLICA)->index);
    return 0;
}

// --- what is in a cache

// The id of the unit that token number `beginning` + 1 of its prompt belongs to, or the last.
static void push_beginning(lua_State *L, const mb_request *request, uint32_t beginning) {
    const uint32_t unit = beginning / request->prefix_unit_tokens;
    mb_view_push_id(L, request->prefix_ids[unit < request->prefix_count ? unit : request->prefix_count - 1]);
}

// Is it the first that was met with this beginning? Then the table at MET says so from now on.
static bool is_first(lua_State *L, const mb_request *request, uint32_t beginning) {
    enum { MET = 5 };
    push_beginning(L, request, beginning);
    lua_pushvalue(L, -1);
    lua_rawget(L, MET);
    const bool met = !lua_isnil(L, -1);
    const bool first = !met || lua_tonumber(L, -1) == (lua_Number)request->id;
    lua_pop(L, 1);
    if (met)
        lua_pop(L, 1);
    else {
        mb_lua_push_quantity(L, (double)request->id);
        lua_rawset(L, MET);
    }
    return first;
}

// longest_cached(replica [, most [, beginning, met]]): of the first `most` in it the one of whose known
// tokens that replica has most in its cache, and how many. Where these are no more than `beginning`, only the
// first of those that begin alike counts, and the others come last; `met` remembers which that is, by its
// beginning.
int mb_longest_cached_call(lua_State *L) {
    mb_host *host = mb_host_of(L);
    mb_sim *sim = host->sim;
    mb_queue *queue = &sim->queues[mb_view_check(L, 1, MB_VIEW_QUEUE)->index];
    mb_engine *engine = &sim->replicas[mb_view_check(L, 2, MB_VIEW_REPLICA)->index]->engine;
    const lua_Number most = luaL_optnumber(L, 3, HUGE_VAL), beginning = luaL_optnumber(L, 4, -1);
    lua_settop(L, 5);
    if (!(most >= 1) || isnan(beginning) || beginning > UINT32_MAX)
        return luaL_error(
            L, "queue:longest_cached: how many to look at is a number of at least 1, and how long a "
               "beginning is one of at least 0");
    if (beginning >= 0) luaL_checktype(L, 5, LUA_TTABLE);
    mb_queue_settle(queue, &sim->requests);
    uint32_t best = MB_NONE, cached = 0, looked = 0;
    int64_t longest = -2;
    for (uint32_t slot = mb_queue_peek(queue, &sim->requests); slot != MB_NONE && looked < most;
         slot = mb_queue_after(queue, &sim->requests, slot), looked++) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        const uint32_t found = mb_engine_cached(engine, slot);
        const bool counts =
            !request->prefix_count || found > beginning || is_first(L, request, (uint32_t)beginning);
        if ((counts ? (int64_t)found : -1) <= longest) continue;
        longest = counts ? (int64_t)found : -1;
        best = slot;
        cached = found;
    }
    mb_host_work(L, 1 + looked);
    if (best == MB_NONE) {
        lua_pushnil(L);
        return 1;
    }
    mb_request_view_push(host, best);
    mb_lua_push_quantity(L, cached);
    return 2;
}

// --- clocks

// starved(seconds [, ratio]): a list, in order, of those in it who waited at least so long by their clocks
// and, with `ratio`, at least so many times as long as they were served, if they were.
int mb_starved_call(lua_State *L) {
    mb_host *host = mb_host_of(L);
    mb_sim *sim = host->sim;
    mb_queue *queue = &sim->queues[mb_view_check(L, 1, MB_VIEW_QUEUE)->index];
    const lua_Number seconds = luaL_checknumber(L, 2), ratio = luaL_optnumber(L, 3, 0);
    if (!(seconds >= 0 && ratio >= 0)) return luaL_error(L, "queue:starved: expected numbers of at least 0");
    mb_host_work(L, 1 + queue->count);
    mb_queue_settle(queue, &sim->requests);
    lua_newtable(L);
    int found = 0;
    for (uint32_t slot = mb_queue_peek(queue, &sim->requests); slot != MB_NONE;
         slot = mb_queue_after(queue, &sim->requests, slot)) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        const double waited = mb_request_clock_waited(sim, request);
        if (waited < seconds) continue;
        const double served = ratio > 0 ? mb_request_clock_served(sim, request) : 0;
        if (ratio > 0 && !(served > 0 && waited >= ratio * served)) continue;
        mb_request_view_push(host, slot);
        lua_rawseti(L, -2, ++found);
    }
    return 1;
}
