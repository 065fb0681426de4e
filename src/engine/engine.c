// SPDX-License-Identifier: MIT
#include "engine/engine.h"

#include "engine/pipeline.h"

#include <stdlib.h>

mb_status mb_engine_init(mb_engine *engine, uint32_t id, mb_surroundings *around, const mb_latency *latency,
                         const mb_engine_memory *memory, bool naive, mb_error *error) {
    *engine = (mb_engine){.around = around,
                          .latency = latency,
                          .id = id,
                          .max_requests = MB_NONE,
                          .token_budget = UINT64_MAX,
                          .chunked = true,
                          .event_s = INFINITY};
    mb_kv_pool_init(&engine->kv, memory->kind, memory->capacity, memory->max_length);
    if (!mb_latency_is_step(latency)) return MB_OK;
    engine->stepper = calloc(1, sizeof *engine->stepper);
    if (!engine->stepper) return mb_fail_memory(error);
    return mb_stepper_init(engine->stepper, around, memory, naive, error);
}

mb_status mb_engine_deal_out(mb_engine *engine, const mb_pipeline_plan *plan, mb_error *error) {
    if (plan->stages < 2) return MB_OK;
    if (!engine->stepper)
        return mb_fail(error, MB_BAD_INPUT, "stages of a pipeline need a latency model of single steps");
    engine->stepper->staged = true;
    return mb_pipeline_new(plan, &engine->pipeline, error);
}

void mb_engine_deinit(mb_engine *engine) {
    mb_pipeline_free(engine->pipeline);
    free(engine->batch);
    if (engine->stepper) mb_stepper_deinit(engine->stepper);
    free(engine->stepper);
}

// --- building

mb_status mb_engine_barrier(mb_engine *engine, uint32_t most, uint32_t *returned, mb_error *error) {
    if (engine->stepper) return mb_build_barrier(engine, most, returned, error);
    *returned = 0;
    return MB_OK;
}

// --- running

mb_status mb_engine_start_batch(mb_engine *engine, bool *started, mb_error *error) {
    *started = true;
    if (engine->pipeline) return mb_pipeline_start(engine, error);
    if (engine->stepper && !mb_batch_from_rows(engine)) return mb_fail_memory(error);
    *started = engine->count > 0;
    return *started ? mb_batch_start(engine, error) : MB_OK;
}

void mb_engine_abandon(mb_engine *engine) {
    if (!engine->stepper) return;
    mb_run_abandon(engine);
    mb_stepper_account(engine->stepper);
}

void mb_engine_restart_sums(mb_engine *engine) {
    if (engine->stepper) mb_run_restart_sums(engine);
    if (engine->pipeline) mb_pipeline_restart(engine);
}

// --- asking

double mb_engine_fill(const mb_engine *engine) {
    return engine->stepper ? mb_stepper_fill(engine->stepper) : mb_batch_fill(engine);
}

bool mb_engine_ever_fits(const mb_engine *engine, uint32_t final_tokens) {
    if (!engine->stepper) return mb_kv_ever_fits(&engine->kv, final_tokens);
    const mb_kv_blocks *kv = &engine->stepper->kv;
    const uint64_t kept_free = (uint64_t)(engine->watermark * (double)kv->total);
    if (engine->kv.kind == MB_KV_CONTIGUOUS && final_tokens > kv->block_tokens) return false;
    return mb_kv_blocks_for(kv, final_tokens) + kept_free <= kv->total;
}

bool mb_engine_all_go_on(const mb_engine *engine, mb_joining others) {
    const mb_stepper *stepper = engine->stepper;
    if (!stepper || stepper->prefill_count || stepper->parked || stepper->built) return false;
    if (others.any && engine->reserve > MB_RESERVE_PROMPT) return false;
    const uint64_t kept_free = others.any ? (uint64_t)(engine->watermark * (double)stepper->kv.total) : 0;
    return stepper->running + others.tokens <= engine->token_budget &&
           mb_stepper_has_blocks(stepper, others.blocks + kept_free) &&
           (!others.blank || mb_stepper_due_now(stepper) + others.blocks <= mb_kv_blocks_blank(&stepper->kv));
}

uint64_t mb_engine_blocks_for(const mb_engine *engine, uint64_t tokens) {
    return mb_kv_blocks_for(&engine->stepper->kv, tokens);
}

uint64_t mb_engine_kv_used(mb_engine *engine) {
    mb_run_settle(engine);
    return mb_stepper_blocks_used(engine->stepper) * engine->stepper->kv.block_tokens;
}

uint64_t mb_engine_kv_computed(mb_engine *engine) {
    mb_run_settle(engine);
    return engine->stepper->resident_tokens;
}

bool mb_engine_fits(mb_engine *engine, uint64_t tokens) {
    mb_run_settle(engine);
    const mb_kv_blocks *kv = &engine->stepper->kv;
    return mb_kv_blocks_for(kv, tokens) + (uint64_t)(engine->watermark * (double)kv->total) <= kv->free;
}

// own: with what the request itself left here when it was preempted.
static uint32_t find_cached(mb_engine *engine, uint32_t slot, bool own) {
    const mb_request *request = mb_request_at(engine->around->requests, slot);
    const mb_stepper *stepper = engine->stepper;
    if (!stepper || request->stage != MB_STAGE_NEW) return 0;
    const mb_kv_names names = mb_request_names(request);
    mb_kv_hold hold = request->hold;
    if (mb_kv_unknown(&names, &hold)) return 0;
    mb_run_settle(engine); // steps take free blocks, and what these still held
    if (!own || request->replica != engine->id) hold.left = MB_KV_NO_RUN; // what it left is elsewhere
    return mb_kv_blocks_match(&stepper->kv, &hold, &names, request->prompt_tokens + request->generated)
               .blocks *
           stepper->kv.block_tokens;
}

uint32_t mb_engine_cached(mb_engine *engine, uint32_t slot) {
    return find_cached(engine, slot, true);
}

uint32_t mb_engine_cached_for_all(mb_engine *engine, uint32_t slot) {
    return find_cached(engine, slot, false);
}

bool mb_engine_release(mb_engine *engine, mb_request *request) {
    mb_stepper *stepper = engine->stepper;
    mb_stepper_account(stepper);
    mb_kv_blocks_forget(&stepper->kv, &request->hold);
    if (request->stage == MB_STAGE_SWAPPED) engine->around->host_used -= request->computed;
    if (!mb_stage_holds(request->stage)) return true;
    const mb_kv_names names = mb_request_names(request);
    stepper->paused--;
    stepper->resident_tokens -= request->computed;
    return mb_kv_blocks_release(&stepper->kv, &request->hold, &names, request->computed, MB_KV_FORGET);
}

void mb_engine_forget(mb_engine *engine, mb_request *request) {
    mb_kv_blocks_forget(&engine->stepper->kv, &request->hold);
}
