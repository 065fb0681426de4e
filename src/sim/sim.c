// SPDX-License-Identifier: MIT
#include "sim/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Timers that may fire with nothing else happening before the run is called stuck.
#define MAX_TIMERS_ALONE 1000000u
// Arrivals and instants between two calls of the observer's progress hook: often enough for a bar and for
// Ctrl-C, too rare to cost anything.
#define PROGRESS_EVERY 4096u

static mb_status init_replicas(mb_sim *sim, mb_error *error) {
    const mb_sim_config *config = sim->config;
    const uint32_t n = config->replicas;
    if (n < 1 || n > 1u << 20)
        return mb_fail(error, MB_BAD_INPUT, "cluster.gpus is %u; expected 1 to 1048576 replicas", n);
    sim->replicas = calloc(n, sizeof *sim->replicas);
    sim->idle_bits = calloc((n + 63) / 64, sizeof *sim->idle_bits);
    if (!sim->replicas || !sim->idle_bits) return mb_fail_memory(error);
    for (uint32_t i = 0; i < n; i++) {
        mb_replica *replica = &sim->replicas[i];
        replica->id = i;
        replica->busy = true;
        replica->max_requests = MB_NONE;
        replica->token_budget = UINT64_MAX;
        mb_kv_pool_init(&replica->kv, config->kv_kind, config->kv_capacity, config->kv_max_length);
        mb_sim_mark_idle(sim, replica);
    }
    return MB_OK;
}

mb_status mb_sim_init(mb_sim *sim, const mb_sim_config *config, mb_source *source, mb_policy policy,
                      const mb_observer *observer, mb_error *error) {
    *sim = (mb_sim){.config = config, .source = source, .policy = policy};
    if (observer) sim->observer = *observer;
    mb_request_store_init(&sim->requests);
    mb_rng_init(&sim->noise, config->seed, config->replication, "latency");
    sim->metrics.replicas = config->replicas;
    sim->metrics.kv_capacity = config->kv_capacity;
    if (config->kv_capacity != MB_KV_UNLIMITED) sim->metrics.kv_capacity *= config->replicas;
    if (config->exact_percentiles) {
        mb_sketch *sketches[] = {&sim->metrics.ttft, &sim->metrics.tpot, &sim->metrics.e2e,
                                 &sim->metrics.queue};
        for (size_t i = 0; i < sizeof sketches / sizeof *sketches; i++)
            mb_sketch_keep_samples(sketches[i]);
    }
    if (mb_sim_add_queue(sim, MB_KEY_NONE) == MB_NONE) return mb_fail_memory(error);
    return init_replicas(sim, error);
}

void mb_sim_deinit(mb_sim *sim) {
    if (sim->replicas)
        for (uint32_t i = 0; i < sim->config->replicas; i++)
            free(sim->replicas[i].batch);
    for (uint32_t i = 0; i < sim->bins_count; i++)
        free(sim->bins[i].edges);
    free(sim->bins);
    free(sim->replicas);
    free(sim->idle_bits);
    free(sim->queues);
    mb_heap_deinit(&sim->heap);
    mb_request_store_deinit(&sim->requests);
    mb_metrics_deinit(&sim->metrics);
}

void mb_sim_mark_idle(mb_sim *sim, mb_replica *replica) {
    replica->busy = false;
    replica->needs_call = true;
    replica->idle_on_purpose = false;
    sim->idle_bits[replica->id / 64] |= UINT64_C(1) << (replica->id % 64);
    sim->idle_count++;
}

void mb_sim_mark_busy(mb_sim *sim, mb_replica *replica) {
    replica->busy = true;
    sim->idle_bits[replica->id / 64] &= ~(UINT64_C(1) << (replica->id % 64));
    sim->idle_count--;
}

static void advance(mb_sim *sim, double time_s) {
    const double dt = time_s - sim->now_s;
    mb_metrics *metrics = &sim->metrics;
    metrics->in_system_integral += dt * (double)(sim->waiting + sim->running);
    metrics->kv_reserved_integral += dt * (double)sim->kv_reserved;
    metrics->kv_used_integral += dt * (double)sim->kv_used;
    if (sim->waiting)
        metrics->idle_with_work_s += dt * (double)(sim->idle_count - sim->idle_on_purpose_count);
    sim->now_s = time_s;
}

static mb_status fetch_arrival(mb_sim *sim, mb_error *error) {
    bool end = false;
    const mb_status status = mb_source_next(sim->source, &sim->pending, &end, error);
    if (end) {
        sim->arrivals_ended = true;
        sim->version++; // a policy that waits for full batches may now let the rest go
    }
    return status;
}

mb_status mb_sim_leave(mb_sim *sim, uint32_t slot, mb_end why, const mb_finished *record, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_status status = MB_OK;
    sim->metrics.sojourn_s += sim->now_s - request->arrival_s;
    if (sim->observer.finished) status = sim->observer.finished(sim->observer.self, record, error);
    if (status == MB_OK && sim->policy.ops->finish)
        status = sim->policy.ops->finish(sim->policy.self, sim, slot, why, error);
    mb_request_recycle(&sim->requests, slot);
    return status;
}

mb_status mb_sim_reject(mb_sim *sim, uint32_t slot, const char *reason, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    if (!sim->metrics.rejected++)
        snprintf(sim->metrics.first_rejection, sizeof sim->metrics.first_rejection, "request %llu: %s",
                 (unsigned long long)request->id, reason);
    sim->waiting--;
    const mb_finished record = {.request = request, .first_token_s = NAN, .end_s = NAN, .why = "rejected"};
    return mb_sim_leave(sim, slot, MB_END_REJECTED, &record, error);
}

static mb_status reject_oversize(mb_sim *sim, uint32_t slot, mb_error *error) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const mb_kv_pool *pool = &sim->replicas[0].kv;
    char reason[160];
    snprintf(reason, sizeof reason, "needs %llu tokens of KV memory, and a replica's whole pool holds %llu",
             (unsigned long long)request->prompt_tokens + request->output_tokens,
             (unsigned long long)pool->capacity);
    return mb_sim_reject(sim, slot, reason, error);
}

static void fill_request(mb_request *request, const mb_arrival *arrival, uint64_t id, double e2e_bound_s) {
    request->id = id;
    request->arrival_s = arrival->time_s;
    request->start_s = NAN;
    request->deadline_s =
        arrival->deadline_s; // a workload without deadlines has the scenario's bound, if any
    if (isinf(request->deadline_s)) request->deadline_s = arrival->time_s + e2e_bound_s;
    request->service_s = arrival->service_s;
    request->prompt_tokens = arrival->prompt_tokens;
    request->output_tokens = arrival->output_tokens;
    request->predicted_output = arrival->predicted_output;
    request->client = arrival->client;
    request->priority = arrival->priority;
}

static mb_status push_to_inbox(mb_sim *sim, uint32_t slot, mb_error *error) {
    const uint32_t inbox = sim->inbox; // the policy's key function may change it
    if (sim->inbox_is_bins) {
        mb_sim_push_bins(sim, inbox, slot);
        return MB_OK;
    }
    if (sim->queues[inbox].order == MB_KEY_GIVEN) {
        double key;
        const mb_status status = sim->policy.ops->key(sim->policy.self, sim, inbox, slot, &key, error);
        if (status != MB_OK) return status;
        mb_request_at(&sim->requests, slot)->key = key;
    }
    mb_sim_push(sim, inbox, slot, false);
    return MB_OK;
}

static mb_status arrive(mb_sim *sim, mb_error *error) {
    const uint32_t slot = mb_request_new(&sim->requests);
    if (slot == MB_NONE) return mb_fail_memory(error);
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (sim->arrived == 0) sim->metrics.first_arrival_s = sim->pending.time_s;
    fill_request(request, &sim->pending, sim->arrived++, sim->config->slo.e2e_s);
    sim->waiting++;
    sim->version++;
    const uint64_t final_tokens = (uint64_t)request->prompt_tokens + request->output_tokens;
    if (final_tokens > UINT32_MAX)
        return mb_fail(error, MB_BAD_INPUT, "request %llu has %llu tokens; at most %u are possible",
                       (unsigned long long)request->id, (unsigned long long)final_tokens, UINT32_MAX);
    if (!sim->config->block_oversize && !mb_kv_ever_fits(&sim->replicas[0].kv, (uint32_t)final_tokens))
        return reject_oversize(sim, slot, error);
    if (sim->policy.ops->arrive) return sim->policy.ops->arrive(sim->policy.self, sim, slot, error);
    return push_to_inbox(sim, slot, error);
}

static mb_status schedule(mb_sim *sim, mb_replica *replica, mb_error *error) {
    if (replica->idle_on_purpose) {
        replica->idle_on_purpose = false;
        sim->idle_on_purpose_count--;
    }
    replica->needs_call = false;
    replica->count = 0;
    replica->longest_tokens = 0;
    replica->longest_service_s = 0;
    replica->prompt_tokens = replica->output_tokens = replica->predicted_tokens = 0;
    sim->building = replica;
    mb_status status = sim->policy.ops->schedule(sim->policy.self, sim, replica, error);
    sim->building = NULL;
    replica->seen_version = sim->version;
    if (status == MB_OK && replica->count) status = mb_batch_start(sim, replica, error);
    return status;
}

// Offer a step to every idle replica, lowest number first, that something has changed for.
static mb_status plan(mb_sim *sim, mb_error *error) {
    const uint32_t words = (sim->config->replicas + 63) / 64;
    for (uint32_t word = 0; word < words && sim->waiting; word++) {
        for (uint64_t bits = sim->idle_bits[word]; bits && sim->waiting; bits &= bits - 1) {
            mb_replica *replica = &sim->replicas[word * 64 + (uint32_t)__builtin_ctzll(bits)];
            if (!replica->needs_call && replica->seen_version == sim->version) continue;
            const mb_status status = schedule(sim, replica, error);
            if (status != MB_OK) return status;
        }
    }
    return MB_OK;
}

static mb_status fire_timer(mb_sim *sim, uint32_t timer, mb_error *error) {
    sim->version++;
    if (timer == MB_TIMER_WAKE) return MB_OK;
    return sim->policy.ops->timer(sim->policy.self, sim, timer, error);
}

static mb_status look(mb_sim *sim, mb_error *error) {
    if (++sim->looks % PROGRESS_EVERY || !sim->observer.progress) return MB_OK;
    return sim->observer.progress(sim->observer.self, sim->arrived, sim->metrics.finished, sim->now_s, error);
}

// Is the next event of this kind, and now?
static bool due(const mb_sim *sim, unsigned kind, mb_event *event) {
    if (!sim->heap.count) return false;
    *event = mb_heap_top(&sim->heap);
    return event->time_s <= sim->now_s && event->kind == kind;
}

static mb_status end_steps(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    for (mb_event event; status == MB_OK && due(sim, MB_EVENT_STEP_END, &event);) {
        mb_heap_pop(&sim->heap);
        sim->timers_alone = 0;
        status = mb_batch_end(sim, &sim->replicas[event.payload], error);
    }
    return status;
}

static mb_status take_arrivals(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    while (status == MB_OK && !sim->arrivals_ended && sim->pending.time_s <= sim->now_s) {
        sim->timers_alone = 0;
        status = arrive(sim, error);
        if (status == MB_OK) status = look(sim, error);
        if (status == MB_OK) status = fetch_arrival(sim, error);
    }
    return status;
}

static mb_status fire_timers(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    for (mb_event event; status == MB_OK && due(sim, MB_EVENT_TIMER, &event);) {
        mb_heap_pop(&sim->heap);
        if (++sim->timers_alone > MAX_TIMERS_ALONE)
            return mb_fail(error, MB_FAILED,
                           "stuck at t = %.9g s: %u timers fired in a row and nothing else happened; %llu "
                           "requests wait, "
                           "%llu run",
                           sim->now_s, MAX_TIMERS_ALONE, (unsigned long long)sim->waiting,
                           (unsigned long long)sim->running);
        status = fire_timer(sim, event.payload, error);
    }
    return status;
}

// Everything that happens at this instant: steps end, then requests arrive, then timers fire, then replicas
// plan.
static mb_status run_instant(mb_sim *sim, double time_s, mb_error *error) {
    advance(sim, time_s);
    mb_status status = look(sim, error);
    if (status == MB_OK) status = end_steps(sim, error);
    if (status == MB_OK) status = take_arrivals(sim, error);
    if (status == MB_OK) status = fire_timers(sim, error);
    if (status == MB_OK) status = plan(sim, error);
    if (status == MB_OK) mb_sim_check(sim); // a hook that failed may have left a step half built
    return status;
}

static mb_status run_events(mb_sim *sim, mb_error *error) {
    mb_status status = fetch_arrival(sim, error);
    if (status == MB_OK && sim->policy.ops->init)
        status = sim->policy.ops->init(sim->policy.self, sim, error);
    while (status == MB_OK) {
        const bool work = !sim->arrivals_ended || sim->waiting || sim->running;
        if (!work || (sim->arrivals_ended && !sim->heap.count)) break; // timers alone do not keep a run alive
        double next = sim->heap.count ? mb_heap_top(&sim->heap).time_s : INFINITY;
        if (!sim->arrivals_ended && sim->pending.time_s < next) next = sim->pending.time_s;
        status = run_instant(sim, next, error);
    }
    return status;
}

// What is still in the system when a run ends was never served: say so in the dump as well.
static mb_status report_unfinished(mb_sim *sim, mb_error *error) {
    sim->metrics.unfinished = sim->waiting + sim->running;
    mb_status status = MB_OK;
    if (!sim->observer.finished || !sim->metrics.unfinished) return status;
    for (uint32_t slot = 0; slot < mb_request_slots(&sim->requests) && status == MB_OK; slot++) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->phase == MB_PHASE_FREE) continue;
        const mb_finished record = {
            .request = request, .first_token_s = NAN, .end_s = NAN, .why = "unfinished"};
        status = sim->observer.finished(sim->observer.self, &record, error);
    }
    return status;
}

mb_status mb_sim_run(mb_sim *sim, mb_error *error) {
    mb_error ignored;
    const mb_status status = run_events(sim, error);
    sim->metrics.requests = sim->arrived;
    sim->metrics.skipped_zero = mb_source_get_counts(sim->source).skipped_zero;
    const mb_status reported = report_unfinished(sim, status == MB_OK ? error : &ignored);
    return status != MB_OK ? status : reported;
}
