// SPDX-License-Identifier: MIT
// One replica's executor, whichever of the two it is. It is driven from outside: a step is built and started;
// at event_s the driver asks whether it ends; then it is ended, or goes on. Nothing here knows a policy.
#pragma once
#include "engine/batch.h"
#include "engine/build.h"
#include "engine/run.h"
#include "engine/stepper.h"
#include "engine/victim.h"

// Under a step model it goes step by step, else it serves whole batches. `naive`: it visits every running
// request at every iteration (--step). `around` and `latency` must outlive it. Release with mb_engine_deinit,
// also after a failure.
mb_status mb_engine_init(mb_engine *engine, uint32_t id, mb_surroundings *around, const mb_latency *latency,
                         const mb_engine_memory *memory, bool naive, mb_error *error);
// Deal it out to the stages of a plan (of two at least), which must outlive it; a stepper only.
mb_status mb_engine_deal_out(mb_engine *engine, const mb_pipeline_plan *plan, mb_error *error);
void mb_engine_deinit(mb_engine *engine);

// Is it in a run of steps?
static inline bool mb_engine_stepping(const mb_engine *engine) {
    return engine->stepper && engine->stepper->stepping;
}

// --- building what runs next; nothing may be under way

static inline void mb_engine_begin(mb_engine *engine) {
    engine->cost_s = 0;
    mb_batch_begin(engine);
    if (engine->stepper) mb_build_begin(engine->stepper);
}
// A request that waits, or runs here and is not in the step yet. `wanted`: 0, or the tokens of its chunk.
static inline mb_refusal mb_engine_add(mb_engine *engine, uint32_t slot, uint32_t wanted) {
    return engine->stepper ? mb_build_add(engine, slot, wanted) : mb_batch_add(engine, slot);
}
// --- of these nothing is done to whole batches
// Go on with all that run; how many were preempted for want of memory.
static inline mb_status mb_engine_carry(mb_engine *engine, mb_carry_rule rule, uint32_t *preempted,
                                        mb_error *error) {
    if (engine->stepper) return mb_build_carry(engine, rule, preempted, error);
    *preempted = 0;
    return MB_OK;
}
// Set aside one that runs here; queue MB_NONE: back to that which it came from.
static inline mb_status mb_engine_preempt(mb_engine *engine, uint32_t slot, mb_preemption how, uint32_t queue,
                                          bool front, mb_refusal *refusal, mb_error *error) {
    return mb_build_preempt(engine, slot, how, queue, front, refusal, error);
}
// Whom the step being built has set aside so far, one after the other.
static inline const uint32_t *mb_engine_set_aside(const mb_engine *engine, uint32_t *count) {
    *count = engine->stepper ? engine->stepper->aside_count : 0;
    return engine->stepper ? engine->stepper->aside : NULL;
}
// One that runs here leaves it, to be turned away.
static inline mb_status mb_engine_cancel(mb_engine *engine, uint32_t slot, mb_error *error) {
    return mb_build_cancel(engine, slot, error);
}
// The last of those that run here, see victim.h. False when out of memory.
static inline bool mb_engine_find_victim(mb_engine *engine, const mb_victim_rule *rule, double above,
                                         uint32_t *slot) {
    return mb_victim_find(engine->stepper, rule, above, slot);
}
// The step becomes a static batch, which gives each row at most so many tokens (0: all); how many rows went
// back to their queues because their ends do not fit.
mb_status mb_engine_barrier(mb_engine *engine, uint32_t most, uint32_t *returned, mb_error *error);
// The run ends after so many steps; 0: no limit.
static inline void mb_engine_quantum(mb_engine *engine, uint64_t steps) {
    if (engine->stepper) engine->stepper->quantum = steps;
}

// Is there anything to start?
static inline bool mb_engine_built(const mb_engine *engine) {
    return engine->stepper ? engine->stepper->built > 0 : engine->count > 0;
}

// --- running

// Start what was built, if there is anything in it (all may have been returned).
mb_status mb_engine_start_batch(mb_engine *engine, bool *started, mb_error *error); // whole, or of a pipeline
static inline mb_status mb_engine_start(mb_engine *engine, bool *started, mb_error *error) {
    if (engine->pipeline || !engine->stepper || engine->stepper->barrier)
        return mb_engine_start_batch(engine, started, error);
    *started = true;
    return mb_run_start(engine, error);
}
// event_s has come. First all engines that wait for this instant reach it; then each is asked whether what it
// does ends by itself. If not, it stands between two steps: it is to be continued, or ended.
static inline void mb_engine_reach(mb_engine *engine) {
    if (mb_engine_stepping(engine)) mb_run_reach(engine);
}
static inline bool mb_engine_stops(mb_engine *engine) {
    return !mb_engine_stepping(engine) || mb_run_stops(engine);
}
// Both, where no other engine waits for this instant.
static inline bool mb_engine_reach_alone(mb_engine *engine) {
    return !mb_engine_stepping(engine) || mb_run_reach_alone(engine);
}
static inline mb_status mb_engine_continue(mb_engine *engine, mb_error *error) {
    return mb_run_continue(engine, error);
}
// Who is done leaves, and nothing is under way any more. report: NULL, or what it was.
static inline mb_status mb_engine_end(mb_engine *engine, mb_step_report *report, mb_error *error) {
    return mb_engine_stepping(engine) ? mb_run_end(engine, report, error)
                                      : mb_batch_end(engine, report, error);
}
// Something has changed: look up at the first boundary between two steps from now on (after now, if it had
// its turn). When that is, which may be now, and is event_s then; INFINITY: it looks as soon anyway.
static inline double mb_engine_look_up(mb_engine *engine) {
    return mb_run_interrupt(engine);
}
// That boundary; of an engine in a run.
static inline double mb_engine_next_boundary(const mb_engine *engine) {
    return mb_run_next_boundary(engine);
}
// What is under way is given up: its steps so far count.
void mb_engine_abandon(mb_engine *engine);
// What was summed up to now does not count.
void mb_engine_restart_sums(mb_engine *engine);

// --- asking

// Bring everything up to now.
static inline void mb_engine_settle(mb_engine *engine) {
    mb_run_settle(engine);
}
// Requests in batches of a pipeline.
static inline uint32_t mb_engine_in_flight(const mb_engine *engine) {
    return engine->pipeline ? engine->pipeline->requests : 0;
}
// Requests that run here; whether a stepper has any that could be in the next step, as between two runs.
static inline uint32_t mb_engine_running(const mb_engine *engine) {
    if (engine->stepper) return engine->stepper->running;
    return isinf(engine->event_s) ? 0 : engine->count;
}
static inline bool mb_engine_holds_requests(const mb_engine *engine) {
    return engine->stepper && engine->stepper->running > mb_engine_in_flight(engine);
}
// The first request that runs on a stepper, in order of admission; MB_NONE.
static inline uint32_t mb_engine_oldest(const mb_engine *engine) {
    return engine->stepper->oldest;
}
// The progress of a request that runs here, as of the last mb_engine_settle, is written into it.
static inline void mb_engine_show_progress(const mb_engine *engine, mb_request *request) {
    mb_stepper_materialize(engine->stepper, request);
}
// What it generated since that was written into it.
static inline uint32_t mb_engine_made(const mb_engine *engine, const mb_request *request) {
    return mb_stepper_made(engine->stepper, request);
}
static inline bool mb_engine_in_step(const mb_engine *engine, uint32_t slot) {
    return mb_build_holds(engine->stepper, slot);
}
// Free blocks, and whether a decode must take one for its next step (its progress was written into it).
static inline uint64_t mb_engine_free_blocks(const mb_engine *engine) {
    return engine->stepper->kv.free;
}
static inline bool mb_engine_lacks_block(const mb_engine *engine, const mb_request *request) {
    const uint64_t held = (uint64_t)request->hold.own + request->hold.shared;
    return (request->computed + UINT64_C(1)) > held * engine->stepper->kv.block_tokens;
}
// Can all that run here make their next step in this one, and others join, with so many tokens and blocks,
// and as many places as they find? `blank`: without taking a block whose content somebody may look for. False
// where it is not sure.
typedef struct mb_joining {
    uint64_t tokens, blocks;
    bool any, blank;
} mb_joining;
bool mb_engine_all_go_on(const mb_engine *engine, mb_joining others);
uint64_t mb_engine_blocks_for(const mb_engine *engine, uint64_t tokens);
// Was the step filled by mb_engine_carry already, or made a static batch?
static inline bool mb_engine_carried(const mb_engine *engine) {
    return engine->stepper && (engine->stepper->with_decodes || engine->stepper->barrier);
}
// Could a request of this length be held if nothing else were?
bool mb_engine_ever_fits(const mb_engine *engine, uint32_t final_tokens);
// --- of memory. Its share that is taken;
double mb_engine_fill(const mb_engine *engine);
// of a stepper's, now: tokens in blocks that are taken; tokens computed and in memory; whether so
// many more would fit above the watermark; tokens of a waiting request in the cache
uint64_t mb_engine_kv_used(mb_engine *engine);
uint64_t mb_engine_kv_computed(mb_engine *engine);
bool mb_engine_fits(mb_engine *engine, uint64_t tokens);
uint32_t mb_engine_cached(mb_engine *engine, uint32_t slot);
// The same, but for what the request itself left here when it was preempted, which nobody else can find.
uint32_t mb_engine_cached_for_all(mb_engine *engine, uint32_t slot);
// A waiting request leaves for good: what it holds or left here goes. False when out of memory.
bool mb_engine_release(mb_engine *engine, mb_request *request);
// The same of what it left only.
void mb_engine_forget(mb_engine *engine, mb_request *request);

#ifdef MB_DEBUG
// The name of an invariant that does not hold; NULL.
const char *mb_engine_broken(const mb_engine *engine, bool busy);
#endif
