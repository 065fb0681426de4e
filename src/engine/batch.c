// SPDX-License-Identifier: MIT
// The batch executor: a batch is served as a whole, padded to its longest member; the replica is busy until
// it ends.
#include "engine/engine.h"
#include "sim/internal.h"

// What the whole batch takes. Under a step model: its prefill, and a step for every token of the longest
// answer.
static mb_status time_batch(mb_sim *sim, mb_replica *replica, mb_error *error) {
    const mb_latency *latency = sim->config->latency;
    if (replica->engine) {
        if (mb_latency_barrier(latency, replica->count, replica->longest_prompt, replica->longest_output,
                               replica->token_budget, &sim->noise, &replica->time, error) == MB_OK)
            return MB_OK;
        const mb_step_shape shape = {.prefill_tokens = (uint64_t)replica->count * replica->longest_prompt,
                                     .prefill_requests = replica->count};
        return mb_step_untimed(sim, replica, &shape, error);
    }
    replica->time = mb_latency_batch(latency, replica->count, replica->longest_tokens,
                                     replica->longest_service_s, &sim->noise);
    return MB_OK;
}

// Rows of an engine's step become the batch. Its blocks are held already, up to the ends.
bool mb_batch_from_rows(mb_sim *sim, mb_replica *replica) {
    mb_engine *engine = replica->engine;
    replica->longest_prompt = replica->longest_output = 0;
    for (uint32_t slot = engine->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        if (!mb_slots_room(&replica->batch, replica->count, &replica->capacity)) return false;
        replica->batch[replica->count++] = slot;
        // One that was served in part before computes what it knows, and goes on from there.
        const uint32_t prompt = request->prompt_tokens + request->generated;
        const uint32_t output = request->output_tokens - request->generated;
        if (prompt > replica->longest_prompt) replica->longest_prompt = prompt;
        if (output > replica->longest_output) replica->longest_output = output;
        replica->prompt_tokens += prompt;
        replica->output_tokens += output;
        replica->predicted_tokens += prompt + request->predicted_output;
        engine->resident_tokens += prompt + output - request->computed;
        request->computed = prompt + output;
        request->chunk = 0;
        request->stage = MB_STAGE_PREFILL;
        slot = request->next;
    }
    replica->longest_tokens = replica->longest_prompt + replica->longest_output;
    mb_engine_clear_prefills(engine);
    engine->row_count = engine->selected_count = engine->parked = 0;
    return true;
}

mb_status mb_batch_start(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_metrics *metrics = &sim->metrics;
    if (replica->idle_on_purpose) { // it said idle, and then added requests all the same
        replica->idle_on_purpose = false;
        sim->idle_on_purpose_count--;
    }
    const mb_status status = time_batch(sim, replica, error);
    if (status != MB_OK) return status;
    replica->start_s = sim->now_s;
    replica->batch_number = ++sim->batches;
    const double fill =
        replica->engine ? (double)mb_engine_blocks_used(replica->engine) / (double)replica->engine->kv.total
                        : (double)replica->kv.reserved / (double)replica->kv.capacity;
    if (fill > metrics->kv_peak) metrics->kv_peak = fill;
    mb_sim_mark_busy(sim, replica);
    const double end_s = sim->now_s + replica->time.duration_s;
    if (replica->engine) replica->engine->event_s = end_s;
    if (!mb_heap_push(&sim->heap, end_s, MB_EVENT_STEP_END, replica->id)) return mb_fail_memory(error);
    return MB_OK;
}

static double first_token(const mb_replica *replica, const mb_request *request) {
    const bool earlier = replica->engine && request->generated > 0; // before it was preempted into this batch
    return earlier ? request->first_token_s : replica->start_s + replica->time.first_token_s;
}

static void measure(mb_sim *sim, const mb_replica *replica, const mb_request *request) {
    mb_metrics *metrics = &sim->metrics;
    const double ttft = first_token(replica, request) - request->arrival_s;
    const double e2e = sim->now_s - request->arrival_s;
    const double tbt = replica->time.tbt_s;
    const uint32_t output = request->output_tokens;
    mb_judge_served(sim, request, ttft, tbt, e2e);
    if (!mb_sim_counts(sim, request)) return;
    mb_sketch_add(&metrics->queue, request->start_s - request->arrival_s);
    mb_sketch_add(&metrics->ttft, ttft);
    mb_sketch_add(&metrics->e2e, e2e);
    if (output > 1 && tbt > 0) {
        mb_sketch_add(&metrics->tpot, (e2e - ttft) / (output - 1));
        mb_sketch_add_many(&metrics->itl, tbt, output - 1 - (replica->engine ? request->generated : 0));
    }
}

static mb_status free_memory(mb_sim *sim, mb_replica *replica, uint32_t slot, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    const uint32_t tokens = request->prompt_tokens + request->output_tokens;
    mb_engine *engine = replica->engine;
    if (!engine) {
        mb_kv_release(&replica->kv, tokens);
        sim->kv_used -= tokens;
        return MB_OK;
    }
    const mb_kv_names names = mb_engine_names(request);
    mb_engine_delist(sim, engine, slot);
    engine->resident_tokens -= request->computed;
    const bool done = mb_kv_blocks_release(&engine->kv, &request->hold, &names, request->computed,
                                           request->session ? MB_KV_SESSION : MB_KV_FORGET);
    return done ? MB_OK : mb_fail_memory(error);
}

static mb_status end_request(mb_sim *sim, mb_replica *replica, uint32_t slot, mb_error *error) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    measure(sim, replica, request);
    mb_status status = mb_sim_count_finished(sim, request, error);
    if (status == MB_OK) status = free_memory(sim, replica, slot, error);
    if (status != MB_OK) return status;
    const mb_finished record = {.request = request,
                                .first_token_s = first_token(replica, request),
                                .end_s = sim->now_s,
                                .batch = replica->batch_number,
                                .why = "done"};
    return mb_sim_leave(sim, slot, MB_END_DONE, &record, error);
}

static void count_batch(mb_metrics *metrics, const mb_replica *replica) {
    metrics->batches++;
    metrics->batch_requests += replica->count;
    metrics->padded_tokens += (uint64_t)replica->count * replica->longest_tokens;
    metrics->useful_tokens += replica->prompt_tokens + replica->output_tokens;
    metrics->extrapolated_batches += replica->time.extrapolated;
}

static mb_status show_members(mb_sim *sim, const mb_replica *replica, mb_error *error) {
    mb_status status = MB_OK;
    for (uint32_t i = 0; i < replica->count && status == MB_OK; i++) {
        const mb_request *request = mb_request_at(&sim->requests, replica->batch[i]);
        const mb_member_record record = {.batch = replica->batch_number,
                                         .id = request->id,
                                         .prompt_tokens =
                                             (uint64_t)request->prompt_tokens + request->generated,
                                         .output_tokens = request->output_tokens - request->generated};
        status = sim->observer.member(sim->observer.self, &record, error);
    }
    return status;
}

mb_status mb_batch_end(mb_sim *sim, mb_replica *replica, mb_error *error) {
    const uint32_t count = replica->count;
    const mb_step_report report = {.duration_s = replica->time.duration_s,
                                   .tbt_s = replica->time.tbt_s,
                                   .count = 1,
                                   .requests = count,
                                   .prefill_tokens = replica->prompt_tokens,
                                   .decode_tokens = replica->output_tokens,
                                   .longest_tokens = replica->longest_tokens};
    const uint64_t reserved = replica->kv.reserved;
    mb_status status = MB_OK;
    mb_sim_integrate(sim);
    if (replica->engine) mb_engine_account(sim, replica->engine);
    count_batch(&sim->metrics, replica);
    if (sim->observer.batch) {
        const mb_batch_record record = {.steps = 1,
                                        .batch = replica->batch_number,
                                        .replica = replica->id,
                                        .start_s = replica->start_s,
                                        .end_s = sim->now_s,
                                        .tbt_s = replica->time.tbt_s,
                                        .requests = count,
                                        .longest_tokens = replica->longest_tokens,
                                        .useful_tokens = replica->prompt_tokens + replica->output_tokens,
                                        .kv_reserved = reserved};
        status = sim->observer.batch(sim->observer.self, &record, error);
    }
    if (status == MB_OK && sim->observer.member) status = show_members(sim, replica, error);
    for (uint32_t i = 0; i < count && status == MB_OK; i++)
        status = end_request(sim, replica, replica->batch[i], error);
    if (status != MB_OK) return status;
    sim->kv_reserved -= reserved - replica->kv.reserved;
    replica->count = 0;
    replica->predicted_tokens = 0;
    mb_sim_mark_idle(sim, replica);
    if (sim->policy.ops->stepped)
        status = sim->policy.ops->stepped(sim->policy.self, sim, replica, &report, error);
    return status;
}
