// SPDX-License-Identifier: MIT
// queue:wait_estimate([req]): how long until those ahead are gone, at the pace of what runs now.
#include "engine/sums.h"
#include "policy/views.h"

#include <math.h>

// Who waits ahead.
typedef struct ahead {
    double count, prompt, predicted; // requests, and the sums of their tokens
} ahead;

static ahead all_of(const mb_queue *queue) {
    return (ahead){queue->count, (double)queue->prompt_tokens, (double)queue->predicted_tokens};
}

static ahead before(lua_State *L, mb_queue *queue, uint32_t last) {
    mb_request_store *store = &mb_host_of(L)->sim->requests;
    if (mb_request_at(store, last)->queue != queue->index)
        luaL_error(L, "queue:wait_estimate: the request is not in this queue");
    if (queue->ageing == MB_AGEING_RATIO) mb_host_work(L, queue->count);
    mb_queue_settle(queue, store);
    ahead sum = {0};
    for (uint32_t slot = mb_queue_peek(queue, store); slot != last;
         slot = mb_queue_after(queue, store, slot)) {
        const mb_request *request = mb_request_at(store, slot);
        sum.count += 1;
        sum.prompt += request->prompt_tokens;
        sum.predicted += request->predicted_output;
        mb_host_work(L, 1);
    }
    return sum;
}

static double step_seconds(lua_State *L, const mb_engine *engine, double decodes, double context,
                           double prompt) {
    const mb_chunk chunk = {.tokens = (uint32_t)fmin(prompt, UINT32_MAX)};
    const bool prefill = chunk.tokens > 0;
    const mb_step_shape shape = {.chunks = &chunk,
                                 .prefill_requests = prefill,
                                 .prefill_tokens = chunk.tokens,
                                 .decode_requests = (uint32_t)decodes,
                                 .decode_context = (uint64_t)context};
    double seconds = 0;
    mb_error error; // large, and filled where something fails
    if (mb_shape_seconds(engine, &shape, &seconds, &error) != MB_OK) mb_host_raise(L, &error);
    return seconds;
}

// Seconds that one engine would take for them alone: each prompt makes a step of those that run longer, and
// each token is one of the n that such a step emits.
static double alone(lua_State *L, const mb_replica *replica, const ahead *sum) {
    const int number = (int)replica->engine.id + 1;
    if (!replica->engine.stepper)
        luaL_error(L,
                   "queue:wait_estimate: replica %d serves whole batches, which have no steps; ask "
                   "replica:estimate{ requests =, longest = }",
                   number);
    if (replica->engine.pipeline)
        luaL_error(L,
                   "queue:wait_estimate: replica %d is a pipeline, whose batches overlap; what a step of it "
                   "takes says nothing of its pace",
                   number);
    const double prompt = floor(sum->prompt / sum->count + 0.5);
    double running = mb_engine_running(&replica->engine), context = (double)mb_sum_context(&replica->engine);
    if (running == 0) running = 1; // idle: they would run by themselves
    if (context == 0) context = running * prompt;
    const double step = step_seconds(L, &replica->engine, running, context, 0);
    const double longer = step_seconds(L, &replica->engine, running, context, prompt) - step;
    return sum->count * fmax(longer, 0) + sum->predicted * step / running;
}

int mb_wait_estimate_call(lua_State *L) {
    mb_sim *sim = mb_host_of(L)->sim;
    mb_queue *queue = &sim->queues[mb_view_check(L, 1, MB_VIEW_QUEUE)->index];
    const ahead sum = lua_isnoneornil(L, 2) ? all_of(queue) : before(L, queue, mb_request_view_check(L, 2));
    double pace = 0; // of all engines together: such queues in a second
    mb_host_work(L, sim->replica_count);
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        mb_replica *replica = sim->replicas[i];
        if (replica->state != MB_UP || replica->role == MB_ROLE_DECODE) continue;
        if (queue->owner != MB_NONE && queue->owner != i) continue;
        if (replica->engine.stepper) mb_engine_settle(&replica->engine);
        const ahead some = sum.count > 0 ? sum : (ahead){1, 1, 1}; // the same is refused of an empty queue
        const double seconds = alone(L, replica, &some);
        pace += seconds > 0 ? 1 / seconds : INFINITY;
    }
    if (pace == 0)
        lua_pushnil(L); // nobody is up who could serve them
    else
        lua_pushnumber(L, sum.count > 0 ? 1 / pace : 0);
    return 1;
}
