// SPDX-License-Identifier: MIT
// The batch executor: a batch is served as a whole, padded to its longest member; the replica is busy until
// it ends.
#include "sim/internal.h"

mb_status mb_batch_start(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_metrics *metrics = &sim->metrics;
    if (replica->idle_on_purpose) { // it said idle, and then added requests all the same
        replica->idle_on_purpose = false;
        sim->idle_on_purpose_count--;
    }
    replica->time = mb_latency_batch(sim->config->latency, replica->count, replica->longest_tokens,
                                     replica->longest_service_s, &sim->noise);
    replica->start_s = sim->now_s;
    replica->batch_number = ++sim->batches;
    metrics->batches++;
    metrics->batch_requests += replica->count;
    metrics->padded_tokens += (uint64_t)replica->count * replica->longest_tokens;
    metrics->useful_tokens += replica->prompt_tokens + replica->output_tokens;
    metrics->busy_s += replica->time.duration_s;
    metrics->extrapolated_batches += replica->time.extrapolated;
    if (replica->kv.capacity != MB_KV_UNLIMITED) {
        const double fill = (double)replica->kv.reserved / (double)replica->kv.capacity;
        if (fill > metrics->kv_peak) metrics->kv_peak = fill;
    }
    mb_sim_mark_busy(sim, replica);
    if (!mb_heap_push(&sim->heap, sim->now_s + replica->time.duration_s, MB_EVENT_STEP_END, replica->id))
        return mb_fail_memory(error);
    return MB_OK;
}

static void measure(mb_sim *sim, const mb_replica *replica, const mb_request *request) {
    mb_metrics *metrics = &sim->metrics;
    const double wait = replica->start_s - request->arrival_s;
    const double ttft = wait + replica->time.first_token_s;
    const double e2e = sim->now_s - request->arrival_s;
    const double tbt = replica->time.tbt_s;
    const uint32_t output = request->output_tokens;
    metrics->measured++;
    metrics->waited += wait > 0;
    mb_sketch_add(&metrics->queue, wait);
    mb_sketch_add(&metrics->ttft, ttft);
    mb_sketch_add(&metrics->e2e, e2e);
    if (output > 1 && tbt > 0) {
        mb_sketch_add(&metrics->tpot, (e2e - ttft) / (output - 1));
        mb_sketch_add_many(&metrics->itl, tbt, output - 1);
    }
    const bool slow_tokens = tbt > sim->config->slo.tbt_s, slow = e2e > sim->config->slo.e2e_s;
    metrics->tbt_violations += slow_tokens;
    metrics->e2e_violations += slow;
    metrics->slo_met += !slow_tokens && !slow;
}

static mb_status end_request(mb_sim *sim, mb_replica *replica, uint32_t slot, mb_error *error) {
    mb_metrics *metrics = &sim->metrics;
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const uint32_t tokens = request->prompt_tokens + request->output_tokens;
    if (request->id >= sim->config->warmup_requests) measure(sim, replica, request);
    metrics->finished++;
    metrics->prompt_tokens += request->prompt_tokens;
    metrics->output_tokens += request->output_tokens;
    if (!mb_metrics_serve_client(metrics, request->client, tokens)) return mb_fail_memory(error);
    mb_kv_release(&replica->kv, tokens);
    sim->kv_used -= tokens;
    sim->running--;
    const mb_finished record = {.request = request,
                                .first_token_s = replica->start_s + replica->time.first_token_s,
                                .end_s = sim->now_s,
                                .batch = replica->batch_number,
                                .why = "done"};
    return mb_sim_leave(sim, slot, MB_END_DONE, &record, error);
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
    sim->metrics.last_end_s = sim->now_s;
    if (sim->observer.batch) {
        const mb_batch_record record = {.batch = replica->batch_number,
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
