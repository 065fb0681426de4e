// SPDX-License-Identifier: MIT
// Queues and bins as a policy sees them.
#include "policy/views.h"
#include "sim/news.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static mb_queue *queue_of(lua_State *L, const mb_view *view) {
    return &mb_host_of(L)->sim->queues[view->index];
}

static mb_queue *check_queue(lua_State *L) {
    return queue_of(L, mb_view_check(L, 1, MB_VIEW_QUEUE));
}

// A request that may be pushed: waiting, and in no queue (one that is in a queue moves).
static uint32_t take_waiting(lua_State *L, int index, const char *call) {
    mb_sim *sim = mb_host_of(L)->sim;
    const uint32_t slot = mb_request_view_check(L, index);
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->phase == MB_PHASE_RUNNING)
        luaL_error(L, "the request runs; only a waiting one can be queued");
    mb_request_view_movable(L, slot);
    mb_host_check_fence(L, MB_FENCE_ALL, call);
    if (request->stage == MB_STAGE_MOVING)
        luaL_error(
            L, "%s: the request's KV memory is on its way to another replica; it is queued when it arrives",
            call);
    if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    return slot;
}

// What that function is, in sentences.
static const char *asker(uint32_t queue) {
    return queue < MB_BINS_KEYS ? "the queue's `by` function" : "the bins' `key` function";
}

double mb_key_take(lua_State *L, uint32_t queue) {
    const char *what = asker(queue);
    const double key = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
    if (isnan(key))
        luaL_error(L, "%s must return a number, and returned %s", what,
                   lua_type(L, -1) == LUA_TNUMBER ? "NaN" : luaL_typename(L, -1));
    if (queue < MB_BINS_KEYS && mb_host_of(L)->sim->queues[queue].ageing == MB_AGEING_RATIO &&
        !(key > 0 && key < HUGE_VAL))
        luaL_error(L, "%s must return a number above 0, since ages are divided by it", what);
    lua_pop(L, 1);
    return key;
}

// The key that the policy's function gives the request on top of the stack, which is popped; of a queue, or
// of bins.
static double call_key(lua_State *L, uint32_t queue, mb_fence_level level) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb_host_of(L)->keys);
    lua_rawgeti(L, -1, (int)queue + 1);
    lua_remove(L, -2);
    lua_insert(L, -2);
    const mb_fence outer = mb_host_fence(mb_host_of(L), level, asker(queue));
    mb_host_enter(L);
    lua_call(L, 1, 1);
    mb_host_leave(L);
    mb_host_of(L)->fence = outer;
    return mb_key_take(L, queue);
}

// The same of all that wait in one, where `asked` is whom the function belongs to.
static void ask_keys(lua_State *L, const mb_queue *queue, uint32_t asked) {
    mb_host *host = mb_host_of(L);
    const mb_request_store *store = &host->sim->requests;
    for (uint32_t slot = mb_queue_peek(queue, store); slot != MB_NONE;
         slot = mb_queue_after(queue, store, slot)) {
        mb_request_view_push(host, slot);
        mb_request_at(store, slot)->key = call_key(L, asked, MB_FENCE_ALL);
    }
}

// What is off serves nothing.
static void check_owner_on(lua_State *L, uint32_t queue) {
    const mb_sim *sim = mb_host_of(L)->sim;
    const uint32_t owner = sim->queues[queue].owner;
    if (owner != MB_NONE && sim->replicas[owner]->state == MB_OFF)
        luaL_error(L,
                   "queue:push: this is the queue of replica %d, which is off (replica.state) and serves "
                   "nothing any more",
                   (int)owner + 1);
}

static int push(lua_State *L, bool front) {
    mb_host *host = mb_host_of(L);
    const mb_view *view = mb_view_check(L, 1, MB_VIEW_QUEUE);
    const mb_key order = host->sim->queues[view->index].order;
    if (front && order != MB_KEY_NONE)
        return luaL_error(L, "push_front: the queue is ordered by a key; only a plain queue has a front");
    check_owner_on(L, view->index);
    double key = 0;
    if (order == MB_KEY_GIVEN) {
        mb_request_view_check(L, 2);
        lua_pushvalue(L, 2);
        key = call_key(L, view->index, MB_FENCE_STEP);
    }
    const uint32_t slot = take_waiting(L, 2, front ? "queue:push_front" : "queue:push");
    mb_request_at(&host->sim->requests, slot)->key = key;
    mb_sim_push(host->sim, view->index, slot, front);
    return 0;
}

static int push_back(lua_State *L) {
    return push(L, false);
}

static int push_front(lua_State *L) {
    return push(L, true);
}

static int push_request_or_nil(lua_State *L, uint32_t slot) {
    if (slot == MB_NONE)
        lua_pushnil(L);
    else
        mb_request_view_push(mb_host_of(L), slot);
    return 1;
}

static int pop(lua_State *L) {
    mb_queue *queue = check_queue(L);
    mb_host_check_fence(L, MB_FENCE_ALL, "queue:pop");
    return push_request_or_nil(L, mb_queue_pop(queue, &mb_host_of(L)->sim->requests));
}

static int peek(lua_State *L) {
    const mb_queue *queue = check_queue(L);
    return push_request_or_nil(L, mb_queue_peek(queue, &mb_host_of(L)->sim->requests));
}

// Its last, after what a queue whose order changes with time has to do for that.
static uint32_t find_last(lua_State *L, mb_queue *queue) {
    if (queue->ageing == MB_AGEING_RATIO) mb_host_work(L, queue->count);
    return mb_queue_last(queue, &mb_host_of(L)->sim->requests);
}

static int peek_back(lua_State *L) {
    mb_queue *queue = check_queue(L);
    return push_request_or_nil(L, find_last(L, queue));
}

static int pop_back(lua_State *L) {
    mb_queue *queue = check_queue(L);
    mb_host_check_fence(L, MB_FENCE_ALL, "queue:pop_back");
    const uint32_t slot = find_last(L, queue);
    if (slot != MB_NONE) mb_queue_remove(queue, &mb_host_of(L)->sim->requests, slot);
    return push_request_or_nil(L, slot);
}

static int reorder(lua_State *L) {
    const mb_view *view = mb_view_check(L, 1, MB_VIEW_QUEUE);
    mb_host *host = mb_host_of(L);
    mb_sim *sim = host->sim;
    mb_queue *queue = queue_of(L, view);
    mb_host_check_fence(L, MB_FENCE_ALL, "queue:reorder");
    if (queue->order == MB_KEY_NONE)
        return luaL_error(L, "queue:reorder: a plain queue has no order but that of coming; make one with "
                             "sim:queue{ by = ... }");
    mb_host_work(L, 1 + queue->count);
    mb_queue_settle(queue, &sim->requests);
    if (queue->order == MB_KEY_GIVEN) ask_keys(L, queue, view->index);
    mb_queue_reorder(queue, &sim->requests);
    if (!sim->building) mb_sim_reordered(sim, view->index);
    return 0;
}

static int remove_request(lua_State *L) {
    mb_queue *queue = check_queue(L);
    mb_sim *sim = mb_host_of(L)->sim;
    const uint32_t slot = mb_request_view_check(L, 2);
    mb_host_check_fence(L, MB_FENCE_ALL, "queue:remove");
    const bool here = mb_request_at(&sim->requests, slot)->queue == queue->index;
    if (here) mb_queue_remove(queue, &sim->requests, slot);
    lua_pushboolean(L, here);
    return 1;
}

// upvalues: queue, slot of the next request + 1 (0: none), its generation
static int each_step(lua_State *L) {
    mb_sim *sim = mb_host_of(L)->sim;
    const mb_queue *queue = queue_of(L, lua_touserdata(L, lua_upvalueindex(1)));
    const double next = lua_tonumber(L, lua_upvalueindex(2));
    if (next == 0) return push_request_or_nil(L, MB_NONE);
    const uint32_t slot = (uint32_t)next - 1;
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->queue != queue->index ||
        request->generation != (uint32_t)lua_tonumber(L, lua_upvalueindex(3)))
        return luaL_error(
            L, "the queue changed while it was walked through; only the current request may leave it");
    const uint32_t after = mb_queue_after(queue, &sim->requests, slot);
    lua_pushnumber(L, after == MB_NONE ? 0 : (double)after + 1);
    lua_replace(L, lua_upvalueindex(2));
    lua_pushnumber(L, after == MB_NONE ? 0 : mb_request_at(&sim->requests, after)->generation);
    lua_replace(L, lua_upvalueindex(3));
    return push_request_or_nil(L, slot);
}

static int each(lua_State *L) {
    mb_queue *queue = check_queue(L);
    mb_request_store *store = &mb_host_of(L)->sim->requests;
    if (queue->ageing == MB_AGEING_RATIO) mb_host_work(L, queue->count);
    mb_queue_settle(queue, store);
    const uint32_t first = mb_queue_peek(queue, store);
    lua_pushvalue(L, 1);
    lua_pushnumber(L, first == MB_NONE ? 0 : (double)first + 1);
    lua_pushnumber(L, first == MB_NONE ? 0 : mb_request_at(store, first)->generation);
    lua_pushcclosure(L, each_step, 3);
    return 1;
}

static int queue_length(lua_State *L) {
    lua_pushinteger(L, check_queue(L)->count);
    return 1;
}

enum { QUEUE_TOKENS, QUEUE_MEAN_PROMPT, QUEUE_MEAN_PREDICTED };

static int read_queue(lua_State *L, const mb_view *view, int property) {
    const mb_queue *queue = queue_of(L, view);
    const double count = queue->count ? queue->count : 1; // means of an empty queue are 0
    switch (property) {
    case QUEUE_TOKENS:
        mb_lua_push_quantity(L, (double)queue->prompt_tokens);
        break;
    case QUEUE_MEAN_PROMPT:
        lua_pushnumber(L, (double)queue->prompt_tokens / count);
        break;
    default:
        lua_pushnumber(L, (double)queue->predicted_tokens / count);
    }
    return 1;
}

static int index_queue(lua_State *L) {
    return mb_view_index(L, "queue", read_queue);
}

void mb_queue_view_push(mb_host *host, uint32_t queue) {
    lua_State *L = host->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->queue_views);
    lua_rawgeti(L, -1, (int)queue + 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        mb_view_new(L, MB_VIEW_QUEUE, queue, host->queue_meta);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, (int)queue + 1);
    }
    lua_remove(L, -2);
}

// Queues live outside the policy's memory, which its limit covers; and they stay until the run ends.
#define MAX_QUEUES 65536u

static void check_queue_count(lua_State *L, uint32_t more) {
    if (mb_host_of(L)->sim->queue_count + more > MAX_QUEUES)
        luaL_error(L, "more than %d queues; make them in the hook 'init', they stay until the run ends",
                   (int)MAX_QUEUES);
}

// The value as a sentence shows it: a text in quotes, or the kind of thing that it is; pushes it.
static const char *push_shown(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TSTRING || lua_type(L, index) == LUA_TNUMBER)
        return lua_pushfstring(L, "\"%s\"", lua_tostring(L, index));
    return lua_pushfstring(L, "a %s", luaL_typename(L, index));
}

// The replica whose own queue is to be made, of the options at 3; NULL: none.
static mb_replica *check_owner(lua_State *L) {
    lua_getfield(L, 3, "of");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return NULL;
    }
    mb_replica *owner = mb_host_of(L)->sim->replicas[mb_view_check(L, lua_gettop(L), MB_VIEW_REPLICA)->index];
    if (owner->own_queue != MB_NONE)
        luaL_error(L,
                   "queue: replica %d has a queue of its own already; make it before replica.queue is read",
                   (int)owner->engine.id + 1);
    lua_pop(L, 1);
    return owner;
}

// How its order changes with time, of the options at 3, given its order.
static mb_ageing check_age(lua_State *L, mb_key order, double *rate) {
    *rate = 0;
    lua_getfield(L, 3, "age");
    const int type = lua_type(L, -1);
    const bool ratio = type == LUA_TSTRING && strcmp(lua_tostring(L, -1), "ratio") == 0;
    if (type != LUA_TNIL && !ratio) {
        *rate = type == LUA_TNUMBER ? lua_tonumber(L, -1) : (lua_Number)NAN;
        if (!(*rate >= 0 && *rate < HUGE_VAL))
            luaL_error(
                L,
                "queue: age = %s is unknown; expected a number of at least 0, by which the key falls in "
                "a second, or \"ratio\", the time since arrival divided by the key",
                push_shown(L, -1));
    }
    if (type != LUA_TNIL && order == MB_KEY_NONE)
        luaL_error(L, "queue: age changes an order, and this queue has none; give `by` as well");
    if (ratio && (order == MB_KEY_ARRIVAL || order == MB_KEY_RANK || order == MB_KEY_PRIORITY ||
                  order == MB_KEY_DEADLINE || order == MB_KEY_PAUSED))
        luaL_error(L,
                   "queue: age = \"ratio\" divides by the key, which must be a length or a function that "
                   "returns a number above 0, not \"%s\"",
                   mb_key_name(order));
    lua_pop(L, 1);
    return ratio ? MB_AGEING_RATIO : *rate > 0 ? MB_AGEING_RATE : MB_AGEING_NONE;
}

int mb_queue_make(lua_State *L) { // (default queue or nil, sim, options)
    mb_host *host = mb_host_of(L);
    mb_view_check(L, 2, MB_VIEW_SIM);
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:queue");
    mb_key order = MB_KEY_NONE;
    mb_replica *owner = NULL;
    mb_ageing ageing = MB_AGEING_NONE;
    double rate = 0;
    if (!lua_isnoneornil(L, 3)) {
        static const char *const options[] = {"by", "of", "age", NULL};
        luaL_checktype(L, 3, LUA_TTABLE);
        mb_view_check_options(L, 3, "queue", options);
        owner = check_owner(L);
        lua_getfield(L, 3, "by");
        if (lua_isfunction(L, -1))
            order = MB_KEY_GIVEN;
        else if (lua_isstring(L, -1))
            order = mb_key_from_name(lua_tostring(L, -1));
        else if (!lua_isnil(L, -1))
            order = MB_KEY_COUNT;
        if (order == MB_KEY_COUNT)
            return luaL_error(L,
                              "queue: by = %s is unknown; expected a function(req), \"arrival\", "
                              "\"prompt_tokens\", \"predicted_output\", \"predicted_total\", "
                              "\"predicted_remaining\", \"expected_output\", \"expected_remaining\", "
                              "\"rank\", \"priority\" or \"deadline\"",
                              push_shown(L, -1));
        if (order == MB_KEY_OUTPUT_TOKENS && !host->oracle)
            return luaL_error(L, "queue: by = \"output_tokens\" needs oracle = true in the scenario");
        ageing = check_age(L, order, &rate);
    }
    check_queue_count(L, 1);
    const uint32_t queue =
        owner ? mb_replica_make_queue(host->sim, owner, order) : mb_sim_add_queue(host->sim, order);
    if (queue == MB_NONE) return luaL_error(L, "not enough memory");
    if (ageing) mb_queue_age(&host->sim->queues[queue], ageing, rate, &host->sim->now_s);
    if (order == MB_KEY_GIVEN) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, host->keys);
        lua_insert(L, -2);
        lua_rawseti(L, -2, (int)queue + 1);
    }
    mb_queue_view_push(host, queue);
    return 1;
}

// --- bins
// -----------------------------------------------------------------------------------------------------

static const mb_bins *check_bins(lua_State *L) {
    const mb_bins *bins = &mb_host_of(L)->sim->bins[mb_view_check(L, 1, MB_VIEW_BINS)->index];
    mb_host_work(L, bins->count / 16); // whoever asks looks at each
    return bins;
}

static uint32_t bin_count(lua_State *L, const mb_bins *bins, uint32_t bin) {
    return mb_host_of(L)->sim->queues[bins->queues[bin]].count;
}

static int bins_length(lua_State *L) {
    lua_pushinteger(L, check_bins(L)->count);
    return 1;
}

static int push_bin_or_nil(lua_State *L, uint32_t bin) {
    if (bin == MB_NONE)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)bin + 1);
    return 1;
}

static int bins_next(lua_State *L) {
    const mb_bins *bins = check_bins(L);
    const lua_Number after = luaL_optnumber(L, 2, 0);
    if (!(after >= 0 && after <= bins->count && after == floor(after)))
        return luaL_error(L, "bins:next(%f): expected a whole number from 0 to %d", after, (int)bins->count);
    for (uint32_t i = 0; i < bins->count; i++) {
        const uint32_t bin = ((uint32_t)after + i) % bins->count;
        if (bin_count(L, bins, bin)) return push_bin_or_nil(L, bin);
    }
    return push_bin_or_nil(L, MB_NONE);
}

static int bins_longest(lua_State *L) {
    const mb_bins *bins = check_bins(L);
    uint32_t best = MB_NONE, most = 0;
    for (uint32_t bin = 0; bin < bins->count; bin++) {
        if (bin_count(L, bins, bin) <= most) continue;
        most = bin_count(L, bins, bin);
        best = bin;
    }
    return push_bin_or_nil(L, best);
}

static int bins_oldest(lua_State *L) {
    const mb_bins *bins = check_bins(L);
    const mb_sim *sim = mb_host_of(L)->sim;
    uint32_t best = MB_NONE;
    uint64_t lowest = UINT64_MAX;
    for (uint32_t bin = 0; bin < bins->count; bin++) {
        const uint32_t head = mb_queue_peek(&sim->queues[bins->queues[bin]], &sim->requests);
        if (head == MB_NONE || mb_request_at(&sim->requests, head)->id >= lowest) continue;
        lowest = mb_request_at(&sim->requests, head)->id;
        best = bin;
    }
    return push_bin_or_nil(L, best);
}

static int bins_push(lua_State *L) {
    const mb_view *view = mb_view_check(L, 1, MB_VIEW_BINS);
    mb_sim *sim = mb_host_of(L)->sim;
    double key = 0;
    if (sim->bins[view->index].key == MB_KEY_GIVEN) {
        mb_request_view_check(L, 2);
        lua_pushvalue(L, 2);
        key = call_key(L, MB_BINS_KEYS + view->index, MB_FENCE_STEP);
    }
    const uint32_t slot = take_waiting(L, 2, "bins:push");
    mb_request_at(&sim->requests, slot)->key = key;
    mb_sim_push_bins(sim, view->index, slot);
    const mb_bins *bins = &sim->bins[view->index];
    lua_pushinteger(
        L, (lua_Integer)mb_bins_route(bins, mb_key_of(bins->key, mb_request_at(&sim->requests, slot))) + 1);
    return 1;
}

static int bins_set_edges(lua_State *L) {
    const mb_view *view = mb_view_check(L, 1, MB_VIEW_BINS);
    mb_sim *sim = mb_host_of(L)->sim;
    mb_host_check_fence(L, MB_FENCE_ALL, "bins:set_edges");
    luaL_checktype(L, 2, LUA_TTABLE);
    const size_t given = lua_rawlen(L, 2);
    if (given >= MB_MAX_BINS)
        return luaL_error(L, "set_edges: %d edges; expected at most %d", (int)given, MB_MAX_BINS - 1);
    const uint32_t wanted = (uint32_t)given, queues = sim->bins[view->index].queue_count;
    if (wanted + 1 > queues) check_queue_count(L, wanted + 1 - queues);
    double *edges =
        lua_newuserdatauv(L, (wanted + 1) * sizeof *edges, 0); // freed by the collector, also on errors
    for (uint32_t i = 0; i < wanted; i++) {
        lua_rawgeti(L, 2, (int)i + 1);
        edges[i] = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
        lua_pop(L, 1);
        if (isnan(edges[i]) || (i && edges[i] < edges[i - 1]))
            return luaL_error(L, "set_edges: edge %d is not a number at least as large as the one before",
                              (int)i + 1);
    }
    for (uint32_t i = 0; i < sim->bins[view->index].count; i++)
        mb_host_work(L, 1 + bin_count(L, &sim->bins[view->index], i)); // are filed again
    const mb_bins *bins = &sim->bins[view->index];
    for (uint32_t i = 0; bins->key == MB_KEY_GIVEN && i < bins->count; i++)
        ask_keys(L, &sim->queues[bins->queues[i]], MB_BINS_KEYS + view->index);
    if (!mb_sim_set_edges(sim, view->index, edges, wanted + 1)) return luaL_error(L, "not enough memory");
    return 0;
}

static int push_edges(lua_State *L, const mb_bins *bins) {
    lua_createtable(L, (int)bins->count, 0);
    for (uint32_t i = 0; i + 1 < bins->count; i++) {
        mb_lua_push_quantity(L, bins->edges[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

static int read_bins(lua_State *L, const mb_view *view, int property) {
    (void)property; // `edges` is the only one
    return push_edges(L, &mb_host_of(L)->sim->bins[view->index]);
}

static int index_bins(lua_State *L) {
    if (lua_type(L, 2) != LUA_TNUMBER) return mb_view_index(L, "bins object", read_bins);
    const mb_view *view = mb_view_asked(L);
    mb_host *host = mb_host_of(L);
    const mb_bins *bins = &host->sim->bins[view->index];
    const lua_Number i = lua_tonumber(L, 2);
    if (i >= 1 && i <= bins->count && i == floor(i))
        mb_queue_view_push(host, bins->queues[(uint32_t)i - 1]);
    else
        lua_pushnil(L); // so that ipairs ends
    return 1;
}

int mb_bins_make(lua_State *L) { // (sim, options)
    mb_host *host = mb_host_of(L);
    mb_view_check(L, 1, MB_VIEW_SIM);
    mb_host_check_fence(L, MB_FENCE_ALL, "sim:bins");
    luaL_checktype(L, 2, LUA_TTABLE);
    static const char *const options[] = {"key", "edges", "count", NULL};
    lua_getfield(L, 2, "rule"); // it is given all options, and may have some of its own
    if (lua_isnil(L, -1)) mb_view_check_options(L, 2, "bins", options);
    const bool ruled = !lua_isnil(L, -1);
    lua_getfield(L, 2, "key");
    const int function = lua_isfunction(L, -1) ? lua_gettop(L) : 0;
    mb_key key = MB_KEY_PREDICTED_OUTPUT;
    if (function)
        key = MB_KEY_GIVEN;
    else if (!lua_isnil(L, -1))
        key = lua_isstring(L, -1) ? mb_key_from_name(lua_tostring(L, -1)) : MB_KEY_COUNT;
    if (function && ruled)
        return luaL_error(L,
                          "bins: a rule cuts lengths that are known before the run, and what a function says "
                          "is not; expected edges = {...}, or a key by its name");
    if (key == MB_KEY_COUNT || key == MB_KEY_DEADLINE)
        return luaL_error(L,
                          "bins: key = %s is unknown; expected \"predicted_output\", \"prompt_tokens\", "
                          "\"predicted_total\", \"priority\", or a function(req) that returns a number",
                          push_shown(L, -1));
    if (key == MB_KEY_OUTPUT_TOKENS && !host->oracle)
        return luaL_error(L, "bins: key = \"output_tokens\" needs oracle = true in the scenario");
    double *edges = NULL;
    uint32_t count = 0;
    mb_edges_from_options(L, 2, key, &edges, &count);
    if (host->sim->queue_count + count > MAX_QUEUES) free(edges);
    check_queue_count(L, count);
    const uint32_t bins = mb_sim_add_bins(host->sim, key, count, edges);
    free(edges);
    if (bins == MB_NONE) return luaL_error(L, "not enough memory");
    if (function) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, host->keys);
        lua_pushvalue(L, function);
        lua_rawseti(L, -2, (int)(MB_BINS_KEYS + bins) + 1);
    }
    mb_view_new(L, MB_VIEW_BINS, bins, host->bins_meta);
    return 1;
}

void mb_queue_views_open(lua_State *L) {
    static const mb_member queue_members[] = {{"push", push_back, 0},
                                              {"push_front", push_front, 0},
                                              {"pop", pop, 0},
                                              {"peek", peek, 0},
                                              {"pop_back", pop_back, 0},
                                              {"peek_back", peek_back, 0},
                                              {"reorder", reorder, 0},
                                              {"remove", remove_request, 0},
                                              {"each", each, 0},
                                              {"starved", mb_starved_call, 0},
                                              {"longest_cached", mb_longest_cached_call, 0},
                                              {"wait_estimate", mb_wait_estimate_call, 0},
                                              {"tokens", NULL, QUEUE_TOKENS},
                                              {"mean_prompt", NULL, QUEUE_MEAN_PROMPT},
                                              {"mean_predicted", NULL, QUEUE_MEAN_PREDICTED},
                                              {NULL, NULL, 0}};
    static const mb_member bins_members[] = {
        {"next", bins_next, 0}, {"longest", bins_longest, 0},     {"oldest", bins_oldest, 0},
        {"push", bins_push, 0}, {"set_edges", bins_set_edges, 0}, {"edges", NULL, 0},
        {NULL, NULL, 0}};
    mb_host *host = mb_host_of(L);
    mb_view_metatable(L, queue_members, index_queue);
    lua_pushcfunction(L, queue_length);
    lua_setfield(L, -2, "__len");
    lua_pushcfunction(L, mb_queue_make); // sim:queue{...} calls the value of sim.queue
    lua_setfield(L, -2, "__call");
    host->queue_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    mb_view_metatable(L, bins_members, index_bins);
    lua_pushcfunction(L, bins_length);
    lua_setfield(L, -2, "__len");
    host->bins_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    host->queue_views = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    host->keys = luaL_ref(L, LUA_REGISTRYINDEX);
}
