// SPDX-License-Identifier: MIT
#include "engine/pipeline.h"

#include "engine/gaps.h"
#include "engine/hand.h"
#include "engine/pieces.h"
#include "engine/run.h"
#include "engine/spend.h"
#include "engine/stepper.h"
#include "engine/timing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

mb_status mb_pipeline_new(const mb_pipeline_plan *plan, mb_pipeline **pipeline, mb_error *error) {
    *pipeline = NULL;
    if (plan->stages < 2) return MB_OK;
    mb_pipeline *made = calloc(1, sizeof *made);
    *pipeline = made;
    if (!made) return mb_fail_memory(error);
    made->plan = plan;
    made->free_s = calloc(plan->stages, sizeof *made->free_s);
    made->flights = calloc(plan->batches, sizeof *made->flights);
    if (!made->free_s || !made->flights) return mb_fail_memory(error);
    for (uint32_t i = 0; i < plan->batches; i++) {
        made->flights[i].stages = calloc(plan->stages, sizeof *made->flights[i].stages);
        if (!made->flights[i].stages) return mb_fail_memory(error);
    }
    return MB_OK;
}

void mb_pipeline_free(mb_pipeline *pipeline) {
    if (!pipeline) return;
    for (uint32_t i = 0; pipeline->flights && i < pipeline->plan->batches; i++) {
        free(pipeline->flights[i].slots);
        free(pipeline->flights[i].stages);
    }
    free(pipeline->flights);
    free(pipeline->free_s);
    free(pipeline);
}

// --- time

static double send_seconds(const mb_pipeline_plan *plan, uint64_t tokens) {
    return plan->send_s + plan->send_s_per_token * (double)tokens;
}

// What comes before, the host's part, is the first stage's; a stage is busy while it sends.
static double stage_seconds(const mb_pipeline_plan *plan, uint32_t stage, double law_s, double before_s,
                            double send_s) {
    const double own_s = plan->shares ? plan->shares[stage] * law_s : law_s / plan->stages;
    return own_s + (stage == 0 ? before_s : 0) + (stage + 1 < plan->stages ? send_s : 0);
}

double mb_pipeline_through(const mb_pipeline *pipeline, double law_s, double before_s, uint64_t tokens) {
    const mb_pipeline_plan *plan = pipeline->plan;
    const double send = send_seconds(plan, tokens);
    double sum = 0;
    for (uint32_t i = 0; i < plan->stages; i++)
        sum += stage_seconds(plan, i, law_s, before_s, send);
    return sum;
}

// When it enters and leaves each stage, behind those before it.
static void pass_stages(mb_engine *engine, mb_flight *flight, double law_s, double before_s,
                        uint64_t tokens) {
    mb_pipeline *pipeline = engine->pipeline;
    const mb_pipeline_plan *plan = pipeline->plan;
    const double send = send_seconds(plan, tokens);
    double ready_s = flight->start_s;
    for (uint32_t i = 0; i < plan->stages; i++) {
        mb_stage_time *stage = &flight->stages[i];
        stage->from_s = fmax(ready_s, pipeline->free_s[i]);
        ready_s = stage->to_s = stage->from_s + stage_seconds(plan, i, law_s, before_s, send);
        pipeline->free_s[i] = ready_s;
    }
    flight->end_s = ready_s;
}

static mb_status time_flight(mb_engine *engine, mb_flight *flight, const mb_step_shape *shape,
                             mb_error *error) {
    const uint64_t tokens = shape->prefill_tokens + shape->decode_requests;
    const double cost = engine->cost_s;
    double seconds = 0, host = 0, alone;
    mb_status status = mb_time_step(engine, shape, &seconds, &flight->extrapolated, error);
    if (status == MB_OK) status = mb_time_host(engine, shape, seconds, &host, error);
    if (status != MB_OK) return status;
    pass_stages(engine, flight, seconds - host, host + cost, tokens);
    flight->work_s = flight->alone_s =
        mb_pipeline_through(engine->pipeline, seconds - host, host + cost, tokens);
    if (!engine->around->times || !shape->decode_requests || !shape->prefill_requests) return MB_OK;
    status = mb_time_decodes(engine, shape, seconds, &alone, error);
    host = fmin(host, alone);
    flight->alone_s =
        mb_pipeline_through(engine->pipeline, alone - host, host + cost, shape->decode_requests);
    return status;
}

// --- start

static mb_flight *flight_at(const mb_pipeline *pipeline, uint32_t i) {
    return &pipeline->flights[(pipeline->first + i) % pipeline->plan->batches];
}

static mb_step_shape shape_of(const mb_stepper *stepper) {
    mb_step_shape shape = {.prefill_tokens = stepper->tokens - stepper->selected_count,
                           .prefill_requests = stepper->row_count,
                           .decode_requests = stepper->selected_count,
                           .chunks = stepper->chunks};
    for (uint32_t i = 0; i < stepper->selected_count; i++)
        shape.decode_context +=
            mb_request_at(stepper->requests, stepper->selected[i])->computed + UINT64_C(1);
    return shape;
}

// Rows of prompts first.
static bool take_members(const mb_stepper *stepper, mb_flight *flight) {
    const uint32_t count = stepper->row_count + stepper->selected_count;
    while (flight->capacity < count)
        if (!mb_slots_grow(&flight->slots, &flight->capacity)) return false;
    if (stepper->row_count) memcpy(flight->slots, stepper->rows, stepper->row_count * sizeof *flight->slots);
    if (stepper->selected_count)
        memcpy(flight->slots + stepper->row_count, stepper->selected,
               stepper->selected_count * sizeof *flight->slots);
    flight->rows = stepper->row_count;
    flight->count = count;
    for (uint32_t i = 0; i < count; i++) {
        mb_request *request = mb_request_at(stepper->requests, flight->slots[i]);
        request->in_flight = true;
        if (stepper->around->times) mb_spend_turn(stepper, flight->slots[i], request);
    }
    return true;
}

mb_status mb_pipeline_start(mb_engine *engine, mb_error *error) {
    mb_pipeline *pipeline = engine->pipeline;
    mb_stepper *stepper = engine->stepper;
    assert(!stepper->with_decodes && stepper->built == stepper->row_count + stepper->selected_count);
    mb_flight *flight = flight_at(pipeline, pipeline->count);
    const mb_step_shape shape = shape_of(stepper);
    flight->start_s = mb_engine_now(engine);
    flight->prefill_tokens = shape.prefill_tokens;
    flight->extrapolated = false;
    const mb_status status = time_flight(engine, flight, &shape, error);
    if (status != MB_OK) return status;
    if (!take_members(stepper, flight)) return mb_fail_memory(error);
    pipeline->count++;
    pipeline->requests += flight->count;
    engine->cost_s = 0;
    stepper->row_count = stepper->selected_count = stepper->built = 0;
    const double fill = mb_stepper_fill(stepper);
    if (fill > engine->around->metrics->kv_peak) engine->around->metrics->kv_peak = fill;
    return mb_pipeline_wait(engine, error);
}

mb_status mb_pipeline_wait(mb_engine *engine, mb_error *error) {
    const mb_pipeline *pipeline = engine->pipeline;
    double next_s = pipeline->count ? flight_at(pipeline, 0)->end_s : INFINITY;
    const bool room = pipeline->count < pipeline->plan->batches && !pipeline->plan->ahead;
    if (room && pipeline->free_s[0] > mb_engine_now(engine)) next_s = fmin(next_s, pipeline->free_s[0]);
    engine->event_s = next_s;
    if (isinf(next_s)) return MB_OK;
    return engine->around->wake(engine->around->self, engine, next_s) ? MB_OK : mb_fail_memory(error);
}

// --- end

bool mb_pipeline_ends(const mb_engine *engine) {
    const mb_pipeline *pipeline = engine->pipeline;
    return pipeline->count > 0 && flight_at(pipeline, 0)->end_s <= mb_engine_now(engine);
}

static mb_status show(const mb_engine *engine, const mb_flight *flight, mb_error *error) {
    const mb_surroundings *around = engine->around;
    const mb_stepper *stepper = engine->stepper;
    const uint32_t decodes = flight->count - flight->rows;
    const mb_batch_record record = {.steps = 1,
                                    .batch = around->batches,
                                    .replica = engine->id,
                                    .start_s = flight->start_s,
                                    .end_s = mb_engine_now(engine),
                                    .tbt_s = decodes ? mb_engine_now(engine) - flight->start_s : 0,
                                    .requests = flight->count,
                                    .useful_tokens = flight->prefill_tokens + decodes,
                                    .kv_reserved =
                                        mb_stepper_blocks_used(stepper) * stepper->kv.block_tokens};
    mb_status status = around->ran ? around->ran(around->self, &record, error) : MB_OK;
    for (uint32_t i = 0; around->member && i < flight->count && status == MB_OK; i++) {
        const mb_request *request = mb_request_at(stepper->requests, flight->slots[i]);
        const bool prompt = i < flight->rows;
        const mb_member_record member = {.batch = around->batches,
                                         .id = request->id,
                                         .prompt_tokens = prompt ? request->chunk : 0,
                                         .output_tokens = !prompt};
        status = around->member(around->self, &member, error);
    }
    return status;
}

// A decode has computed its token. Returns whether the request is done.
static bool advance_decode(mb_stepper *stepper, uint32_t slot) {
    const double now_s = *stepper->around->clock;
    mb_request *request = mb_request_at(stepper->requests, slot);
    const double gap_s = now_s - request->last_token_s;
    request->chunk = 0;
    request->computed++;
    request->generated++;
    stepper->resident_tokens++;
    stepper->computed_tokens++;
    mb_sketch_add(&stepper->around->metrics->itl, gap_s);
    request->gap_s = fmax(request->gap_s, gap_s);
    request->last_token_s = now_s;
    if (stepper->around->readings) mb_pieces_token(stepper, slot);
    if (request->generated < request->output_tokens) return false;
    stepper->parked--;
    return true;
}

// Everybody advances first; then those that are done, decodes before prompts, each in order of admission,
// leave: they are gathered in `selected`, for which a batch has no use any more.
static mb_status advance(mb_engine *engine, mb_flight *flight, uint32_t *done, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    const uint32_t decodes = flight->count - flight->rows;
    uint32_t first_prompt = 0;
    bool failed = false;
    *done = 0;
    for (uint32_t n = 0; n < flight->count; n++) {
        const bool prompt = n >= decodes;
        const uint32_t slot = flight->slots[prompt ? n - decodes : flight->rows + n];
        mb_request *request = mb_request_at(stepper->requests, slot);
        request->in_flight = false;
        if (stepper->around->times) mb_spend_flight(stepper, slot, flight, prompt);
        const bool leaves =
            prompt ? mb_run_advance_row(stepper, slot, &failed) : advance_decode(stepper, slot);
        if (!leaves) continue;
        if (!mb_slots_room(&stepper->selected, *done, &stepper->selected_capacity))
            return mb_fail_memory(error);
        stepper->selected[(*done)++] = slot;
        first_prompt += !prompt;
    }
    if (failed) return mb_fail_memory(error);
    mb_put_in_order(stepper->requests, stepper->selected, first_prompt);
    mb_put_in_order(stepper->requests, stepper->selected + first_prompt, *done - first_prompt);
    return MB_OK;
}

static double busy_within(const mb_pipeline *pipeline, const mb_flight *flight, double from_s,
                          double until_s) {
    double sum = 0;
    for (uint32_t i = 0; i < pipeline->plan->stages; i++) {
        const mb_stage_time *stage = &flight->stages[i];
        sum += fmax(0, fmin(stage->to_s, until_s) - fmax(stage->from_s, from_s));
    }
    return sum / pipeline->plan->stages;
}

mb_status mb_pipeline_end(mb_engine *engine, mb_step_report *report, mb_error *error) {
    mb_pipeline *pipeline = engine->pipeline;
    mb_stepper *stepper = engine->stepper;
    mb_flight *flight = flight_at(pipeline, 0);
    mb_metrics *metrics = engine->around->metrics;
    const double duration_s = mb_engine_now(engine) - flight->start_s;
    const uint32_t decodes = flight->count - flight->rows;
    mb_stepper_account(stepper);
    *report = (mb_step_report){.duration_s = duration_s,
                               .tbt_s = decodes ? duration_s : 0,
                               .count = 1,
                               .requests = flight->count,
                               .prefill_tokens = flight->prefill_tokens,
                               .decode_tokens = decodes};
    metrics->batches++;
    metrics->batch_requests += flight->count;
    if (flight->extrapolated) metrics->extrapolated_batches++;
    pipeline->busy_s += busy_within(pipeline, flight, pipeline->counted_from_s, INFINITY);
    engine->around->batches++;
    mb_status status = show(engine, flight, error);
    uint32_t done = 0;
    pipeline->requests -= flight->count;
    if (status == MB_OK) status = advance(engine, flight, &done, error);
    pipeline->first = (pipeline->first + 1) % pipeline->plan->batches;
    pipeline->count--;
    if (status == MB_OK) status = mb_hand_over(engine, error);
    for (uint32_t i = 0; i < done && status == MB_OK; i++)
        status = mb_run_finish(engine, stepper->selected[i], error);
    return status;
}

// --- a failure

// Its members are what they were before it was built.
static void lose_flight(mb_engine *engine, const mb_flight *flight) {
    const mb_stepper *stepper = engine->stepper;
    for (uint32_t i = 0; i < flight->count; i++) {
        const uint32_t slot = flight->slots[i];
        mb_request *request = mb_request_at(stepper->requests, slot);
        if (stepper->around->times) mb_spend_lost(stepper, slot, true, flight->start_s);
        request->in_flight = false;
        request->chunk = 0;
    }
}

double mb_pipeline_cut(mb_engine *engine) {
    mb_pipeline *pipeline = engine->pipeline;
    const double now_s = mb_engine_now(engine);
    double lost_s = 0;
    pipeline->busy_s = mb_pipeline_busy(engine);
    for (uint32_t i = 0; i < pipeline->count; i++) {
        const mb_flight *flight = flight_at(pipeline, i);
        lost_s += busy_within(pipeline, flight, flight->start_s, now_s);
        lose_flight(engine, flight);
    }
    pipeline->first = pipeline->count = pipeline->requests = 0;
    for (uint32_t i = 0; i < pipeline->plan->stages; i++)
        pipeline->free_s[i] = now_s;
    return lost_s;
}

// --- the stages over time

double mb_pipeline_busy(const mb_engine *engine) {
    const mb_pipeline *pipeline = engine->pipeline;
    double sum = pipeline->busy_s;
    for (uint32_t i = 0; i < pipeline->count; i++)
        sum += busy_within(pipeline, flight_at(pipeline, i), pipeline->counted_from_s, mb_engine_now(engine));
    return sum;
}

void mb_pipeline_restart(mb_engine *engine) {
    engine->pipeline->busy_s = 0;
    engine->pipeline->counted_from_s = mb_engine_now(engine);
}

#ifdef MB_DEBUG
const char *mb_pipeline_broken(const mb_engine *engine) {
    const mb_pipeline *pipeline = engine->pipeline;
    const mb_stepper *stepper = engine->stepper;
    uint64_t members = 0, in_flight = 0;
    for (uint32_t i = 0; i < pipeline->count; i++) {
        const mb_flight *flight = flight_at(pipeline, i), *before = i ? flight_at(pipeline, i - 1) : NULL;
        members += flight->count;
        if (flight->count == 0) return "a batch in flight has members";
        for (uint32_t k = 0; k < flight->count; k++)
            if (!mb_request_at(stepper->requests, flight->slots[k])->in_flight)
                return "members of batches are in flight";
        for (uint32_t k = 0; k < pipeline->plan->stages; k++) {
            if (k && flight->stages[k].from_s < flight->stages[k - 1].to_s)
                return "a batch is on one stage at a time";
            if (before && flight->stages[k].from_s < before->stages[k].to_s)
                return "a stage serves one batch at a time";
        }
    }
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;
         slot = mb_request_at(stepper->requests, slot)->next) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        if (request->stage == MB_STAGE_DECODE) return "decodes of a pipeline do not advance together";
        in_flight += request->in_flight;
    }
    if (pipeline->count > pipeline->plan->batches) return "batches in flight <= most";
    return members == in_flight && members == pipeline->requests ? NULL : "each request is in one batch";
}
#endif
