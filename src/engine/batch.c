// SPDX-License-Identifier: MIT
#include "engine/batch.h"

#include "engine/build.h"
#include "engine/gaps.h"
#include "engine/pieces.h"
#include "engine/spend.h"
#include "engine/stepper.h"
#include "engine/timing.h"

mb_refusal mb_batch_add(mb_engine *engine, uint32_t slot) {
    mb_surroundings *around = engine->around;
    mb_request *request = mb_request_at(around->requests, slot);
    const uint32_t tokens = request->prompt_tokens + request->output_tokens;
    if (engine->count >= engine->max_requests) return MB_REFUSED_REQUESTS;
    if (engine->prompt_tokens + request->prompt_tokens > engine->token_budget) return MB_REFUSED_TOKENS;
    const uint64_t reserved = engine->kv.reserved;
    if (!mb_kv_reserve(&engine->kv, tokens)) {
        around->metrics->memory_stops++;
        return MB_REFUSED_MEMORY;
    }
    if (!mb_slots_room(&engine->batch, engine->count, &engine->capacity)) {
        mb_kv_release(&engine->kv, tokens);
        around->out_of_memory = true; // the machine's, not the replica's: the run fails
        return MB_REFUSED_MEMORY;
    }
    request->phase = MB_PHASE_RUNNING;
    request->replica = engine->id;
    request->start_s = *around->clock;
    engine->batch[engine->count++] = slot;
    if (tokens > engine->longest_tokens) engine->longest_tokens = tokens;
    if (request->service_s > engine->longest_service_s) engine->longest_service_s = request->service_s;
    engine->prompt_tokens += request->prompt_tokens;
    engine->output_tokens += request->output_tokens;
    engine->predicted_tokens += request->prompt_tokens + request->predicted_output;
    around->kv_reserved += engine->kv.reserved - reserved;
    around->kv_used += tokens;
    const uint32_t home = request->queue;
    around->took(around->self, engine, slot);
    request->tree_priority = home;
    return MB_FITS;
}

// Its blocks are held already, up to the ends.
bool mb_batch_from_rows(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    engine->longest_prompt = engine->longest_output = 0;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(stepper->requests, slot);
        if (!mb_slots_room(&engine->batch, engine->count, &engine->capacity)) return false;
        engine->batch[engine->count++] = slot;
        // One that was served in part before computes what it knows, and goes on from there.
        const uint32_t prompt = request->prompt_tokens + request->generated;
        const uint32_t output = mb_batch_output(engine, request);
        if (prompt > engine->longest_prompt) engine->longest_prompt = prompt;
        if (output > engine->longest_output) engine->longest_output = output;
        engine->prompt_tokens += prompt;
        engine->output_tokens += output;
        engine->predicted_tokens += prompt + request->predicted_output;
        stepper->resident_tokens += prompt + output - request->computed;
        if (stepper->around->times && request->since_s != *stepper->around->clock) // it has not just come
            mb_spend_turn(stepper, slot, request);
        if (stepper->around->gaps && request->stage == MB_STAGE_DECODE) mb_gaps_part(stepper, slot);
        if (stepper->around->readings && request->stage == MB_STAGE_DECODE) mb_pieces_part(stepper, slot);
        request->computed = prompt + output;
        request->chunk = 0;
        request->stage = MB_STAGE_PREFILL;
        slot = request->next;
    }
    engine->longest_tokens = engine->longest_prompt + engine->longest_output;
    mb_stepper_clear_prefills(stepper);
    stepper->row_count = stepper->selected_count = stepper->parked = 0;
    return true;
}

mb_status mb_batch_start(mb_engine *engine, mb_error *error) {
    mb_surroundings *around = engine->around;
    const mb_status status = mb_time_batch(engine, error);
    if (status != MB_OK) return status;
    engine->start_s = *around->clock;
    engine->batch_number = ++around->batches;
    const double fill = engine->stepper ? mb_stepper_fill(engine->stepper) : mb_batch_fill(engine);
    if (fill > around->metrics->kv_peak) around->metrics->kv_peak = fill;
    engine->event_s = engine->start_s + engine->time.duration_s;
    return around->wake(around->self, engine, engine->event_s) ? MB_OK : mb_fail_memory(error);
}

static bool free_memory(mb_engine *engine, uint32_t slot) {
    if (engine->stepper) return mb_stepper_let_leave(engine->stepper, slot);
    const mb_request *request = mb_request_at(engine->around->requests, slot);
    const uint32_t tokens = request->prompt_tokens + request->output_tokens;
    mb_kv_release(&engine->kv, tokens);
    engine->around->kv_used -= tokens;
    return true;
}

// The gaps between the tokens that a slice of an answer brings, and the one before it.
static void count_gaps(const mb_engine *engine, mb_request *request) {
    mb_sketch *itl = &engine->around->metrics->itl;
    const uint32_t output = mb_batch_output(engine, request);
    const double first_s = engine->start_s + engine->time.first_token_s, tbt_s = engine->time.tbt_s;
    if (request->generated > 0) {
        mb_sketch_add(itl, first_s - request->last_token_s);
        request->gap_s = fmax(request->gap_s, first_s - request->last_token_s);
    } else
        request->first_token_s = first_s;
    if (output < 2) return;
    if (tbt_s > 0) mb_sketch_add_many(itl, tbt_s, output - 1);
    request->gap_s = fmax(request->gap_s, tbt_s);
}

static void tell_reader(const mb_engine *engine, mb_request *request) {
    const mb_token_times times = {engine->start_s + engine->time.first_token_s, engine->time.tbt_s, 0};
    if (engine->around->readings)
        mb_reading_add(&request->rest->reading, &times, 0, mb_batch_output(engine, request));
}

// It has had its tokens of this batch, and more are to come: to the back of its queue.
static mb_status put_back(mb_engine *engine, uint32_t slot, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    mb_request *request = mb_request_at(stepper->requests, slot);
    mb_refusal ignored;
    if (stepper->around->times) {
        const mb_status status = mb_spend_slice(engine, slot, error);
        if (status != MB_OK) return status;
    }
    tell_reader(engine, request);
    count_gaps(engine, request);
    request->generated += mb_batch_output(engine, request);
    request->last_token_s = mb_engine_now(engine);
    request->computed--; // the last token
    stepper->resident_tokens--;
    request->stage = MB_STAGE_PARKED;
    stepper->parked++;
    return mb_build_preempt(engine, slot, MB_PREEMPT_RECOMPUTE, MB_NONE, false, &ignored, error);
}

static mb_status end_request(mb_engine *engine, uint32_t slot, mb_error *error) {
    const mb_surroundings *around = engine->around;
    mb_request *request = mb_request_at(around->requests, slot);
    if (engine->stepper && mb_batch_output(engine, request) + request->generated < request->output_tokens)
        return put_back(engine, slot, error);
    const bool earlier = engine->stepper && request->generated > 0; // before it was preempted into this batch
    const uint32_t output = request->output_tokens;
    tell_reader(engine, request);
    if (earlier) count_gaps(engine, request);
    mb_served served = {.first_token_s =
                            earlier ? request->first_token_s : engine->start_s + engine->time.first_token_s,
                        .tbt_s = engine->time.tbt_s,
                        .tpot_s = NAN,
                        .batch = engine->batch_number};
    if (output > 1) served.gap_s = earlier ? request->gap_s : served.tbt_s; // all are alike
    if (output > 1 && (earlier || served.tbt_s > 0)) { // (a slice of a single token has no gap of its own)
        const double ttft = served.first_token_s - request->arrival_s;
        served.tpot_s = (*around->clock - request->arrival_s - ttft) / (output - 1);
        if (!earlier) served.gaps = output - 1;
    }
    if (earlier && output > 1) served.tbt_s = (*around->clock - served.first_token_s) / (output - 1);
    int64_t room[MB_PARTS], *parts = room;
    if (around->times) {
        const mb_status status = mb_spend_batch(engine, slot, &parts, error);
        if (status != MB_OK) return status;
        served.parts = parts;
    }
    if (!free_memory(engine, slot)) return mb_fail_memory(error);
    return around->done(around->self, engine, slot, &served, error);
}

static void count_batch(mb_metrics *metrics, const mb_engine *engine) {
    metrics->batches++;
    metrics->batch_requests += engine->count;
    metrics->padded_tokens += (uint64_t)engine->count * engine->longest_tokens;
    metrics->useful_tokens += engine->prompt_tokens + engine->output_tokens;
    metrics->extrapolated_batches += engine->time.extrapolated;
}

static mb_status show(const mb_engine *engine, mb_error *error) {
    const mb_surroundings *around = engine->around;
    const mb_stepper *stepper = engine->stepper;
    const uint64_t reserved =
        stepper ? mb_stepper_blocks_used(stepper) * stepper->kv.block_tokens : engine->kv.reserved;
    const uint64_t limit = engine->kv.capacity == MB_UNLIMITED ? 0 : engine->kv.capacity;
    const uint64_t capacity = stepper ? mb_stepper_capacity(stepper) : limit;
    const mb_batch_record batch = {.steps = 1,
                                   .batch = engine->batch_number,
                                   .replica = engine->id,
                                   .start_s = engine->start_s,
                                   .end_s = *around->clock,
                                   .tbt_s = engine->time.tbt_s,
                                   .requests = engine->count,
                                   .longest_tokens = engine->longest_tokens,
                                   .useful_tokens = engine->prompt_tokens + engine->output_tokens,
                                   .kv_reserved = reserved,
                                   .kv_capacity = capacity,
                                   .kv_between =
                                       stepper ? stepper->left_blocks * stepper->kv.block_tokens : 0,
                                   .kv_before = reserved,
                                   .prefill_tokens = engine->prompt_tokens,
                                   .decode_tokens = engine->output_tokens};
    mb_status status = around->ran ? around->ran(around->self, &batch, error) : MB_OK;
    for (uint32_t i = 0; around->member && i < engine->count && status == MB_OK; i++) {
        const mb_request *request = mb_request_at(around->requests, engine->batch[i]);
        const mb_member_record record = {.batch = engine->batch_number,
                                         .id = request->id,
                                         .prompt_tokens =
                                             (uint64_t)request->prompt_tokens + request->generated,
                                         .output_tokens = mb_batch_output(engine, request)};
        status = around->member(around->self, &record, error);
    }
    return status;
}

mb_status mb_batch_end(mb_engine *engine, mb_step_report *report, mb_error *error) {
    const uint32_t count = engine->count;
    const uint64_t reserved = engine->kv.reserved;
    if (report)
        *report = (mb_step_report){.duration_s = engine->time.duration_s,
                                   .tbt_s = engine->time.tbt_s,
                                   .count = 1,
                                   .requests = count,
                                   .prefill_tokens = engine->prompt_tokens,
                                   .decode_tokens = engine->output_tokens,
                                   .longest_tokens = engine->longest_tokens};
    if (engine->stepper) {
        mb_stepper_account(engine->stepper);
        if (engine->around->times) mb_spend_end_batch(engine);
    }
    count_batch(engine->around->metrics, engine);
    mb_status status = show(engine, error);
    for (uint32_t i = 0; i < count && status == MB_OK; i++)
        status = end_request(engine, engine->batch[i], error);
    if (status != MB_OK) return status;
    engine->around->kv_reserved -= reserved - engine->kv.reserved;
    if (engine->stepper) engine->stepper->left_blocks = mb_stepper_blocks_used(engine->stepper);
    engine->count = 0;
    engine->predicted_tokens = 0;
    engine->event_s = INFINITY;
    return MB_OK;
}
