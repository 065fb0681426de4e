// SPDX-License-Identifier: MIT
#include "base/python_heap.h"
#include "base/strbuf.h"
#include "engine/engine.h"
#include "sim/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// So many timers in a row with nothing else happening are looked at: they may wait for an arrival or the end
// of a step, if the clock moves towards it by a microsecond each in the mean.
#define MAX_TIMERS_ALONE 1000000u
#define MIN_TIMER_SPACING_S 1e-6
// Arrivals and instants between two calls of the observer's progress hook: often enough for a bar and for
// Ctrl-C, too rare to cost anything.
#define PROGRESS_EVERY 4096u

static mb_status init_replicas(mb_sim *sim, mb_error *error) {
    const mb_sim_config *config = sim->config;
    const uint32_t n = config->replicas;
    if (n < 1 || n > 1u << 20)
        return mb_fail(error, MB_BAD_INPUT, "cluster.gpus is %u; expected 1 to 1048576 replicas", n);
    sim->replicas = calloc(n, sizeof *sim->replicas);
    const bool sets = mb_bits_init(&sim->idle, n) && mb_bits_init(&sim->calls, n) &&
                      mb_bits_init(&sim->loaded, n) && mb_bits_init(&sim->boundary, n);
    sim->scratch = calloc(n, sizeof *sim->scratch);
    if (!sim->replicas || !sets || !sim->scratch) return mb_fail_memory(error);
    if (mb_latency_is_step(config->latency)) {
        sim->engines = calloc(n, sizeof *sim->engines);
        sim->boundary_s = calloc(n, sizeof *sim->boundary_s);
        if (!mb_min_tree_init(&sim->boundaries, n) || !sim->engines || !sim->boundary_s)
            return mb_fail_memory(error);
        for (uint32_t i = 0; i < n; i++)
            sim->boundary_s[i] = INFINITY;
    }
    for (uint32_t i = 0; i < n; i++) {
        mb_replica *replica = &sim->replicas[i];
        replica->id = i;
        replica->busy = true;
        replica->max_requests = config->max_requests ? config->max_requests : MB_NONE;
        replica->token_budget = config->token_budget ? config->token_budget : UINT64_MAX;
        replica->own_queue = MB_NONE;
        replica->chunked = true;
        replica->reserve = config->reserve;
        replica->watermark = config->watermark;
        mb_kv_pool_init(&replica->kv, config->kv_kind, config->kv_capacity, config->kv_max_length);
        mb_sim_mark_idle(sim, replica);
        if (!sim->engines) continue;
        replica->engine = &sim->engines[i];
        const mb_status status = mb_engine_init(replica->engine, config, error);
        if (status != MB_OK) return status;
    }
    return MB_OK;
}

mb_status mb_sim_init(mb_sim *sim, const mb_sim_config *config, mb_source *source, mb_policy policy,
                      const mb_observer *observer, mb_error *error) {
    *sim = (mb_sim){.config = config, .source = source, .policy = policy, .newest_stamped = MB_NONE};
    sim->first_boundary_s = INFINITY;
    sim->refused_version = UINT64_MAX;
    sim->plans = 1;
    sim->clients_counted_s = NAN;
    sim->closed = mb_source_closed(source);
    if (observer) sim->observer = *observer;
    mb_request_store_init(&sim->requests);
    mb_rng_init(&sim->noise, config->seed, config->replication, "latency");
    mb_window_init(sim);
    sim->metrics.replicas = config->replicas;
    sim->metrics.usd_per_hour = config->usd_per_hour;
    sim->metrics.kv_capacity = config->kv_capacity;
    if (config->kv_capacity != MB_KV_UNLIMITED) sim->metrics.kv_capacity *= config->replicas;
    if (config->exact_percentiles) mb_metrics_keep_samples(&sim->metrics);
    if (config->batch_means && !mb_metrics_keep_batches(&sim->metrics)) return mb_fail_memory(error);
    if (config->class_count) {
        sim->metrics.classes = calloc(config->class_count, sizeof *sim->metrics.classes);
        if (!sim->metrics.classes) return mb_fail_memory(error);
        sim->metrics.class_count = config->class_count;
    }
    if (mb_sim_add_queue(sim, MB_KEY_NONE) == MB_NONE) return mb_fail_memory(error);
    return init_replicas(sim, error);
}

void mb_sim_deinit(mb_sim *sim) {
    if (sim->replicas)
        for (uint32_t i = 0; i < sim->config->replicas; i++) {
            free(sim->replicas[i].batch);
            if (sim->replicas[i].engine) mb_engine_deinit(sim->replicas[i].engine);
        }
    for (uint32_t i = 0; i < sim->bins_count; i++)
        free(sim->bins[i].edges);
    free(sim->bins);
    free(sim->replicas);
    free(sim->engines);
    free(sim->boundary_s);
    mb_min_tree_deinit(&sim->boundaries);
    free(sim->clients);
    mb_bits_deinit(&sim->idle);
    mb_bits_deinit(&sim->calls);
    mb_bits_deinit(&sim->loaded);
    mb_bits_deinit(&sim->boundary);
    free(sim->scratch);
    free(sim->queues);
    mb_heap_deinit(&sim->heap);
    mb_request_store_deinit(&sim->requests);
    mb_metrics_deinit(&sim->metrics);
}

void mb_sim_mark_idle(mb_sim *sim, mb_replica *replica) {
    mb_sim_integrate(sim);
    replica->busy = false;
    replica->needs_call = true;
    replica->idle_plan = sim->plans;
    mb_bits_add(&sim->calls, replica->id);
    if (replica->engine && replica->engine->running > 0) mb_bits_add(&sim->loaded, replica->id);
    replica->idle_on_purpose = false;
    mb_bits_add(&sim->idle, replica->id);
    sim->idle_count++;
}

void mb_sim_mark_busy(mb_sim *sim, mb_replica *replica) {
    mb_sim_integrate(sim);
    replica->busy = true;
    mb_bits_remove(&sim->idle, replica->id);
    mb_bits_remove(&sim->loaded, replica->id);
    sim->idle_count--;
}

void mb_sim_integrate(mb_sim *sim) {
    const double dt = sim->now_s - sim->integrated_s;
    if (dt <= 0) return;
    mb_metrics *metrics = &sim->metrics;
    sim->integrated_s = sim->now_s;
    metrics->in_system_integral += dt * (double)(sim->waiting + sim->running);
    metrics->busy_s += dt * (double)(sim->config->replicas - sim->idle_count);
    metrics->kv_reserved_integral += dt * (double)sim->kv_reserved;
    metrics->kv_used_integral += dt * (double)sim->kv_used;
    // What waits in a replica's own queue concerns that one alone.
    const bool shared = sim->waiting > sim->routed;
    const uint32_t idle = shared ? sim->idle_count - sim->idle_on_purpose_count : sim->idle_holding_count;
    metrics->idle_with_work_s += dt * (double)idle;
}

// --- arrivals

static void end_arrivals(mb_sim *sim) {
    if (sim->arrivals_ended) return;
    sim->arrivals_ended = true;
    mb_sim_change_all(sim); // a policy that waits for full batches may now let the rest go
}

// A closed source is asked for the time only; the arrival is taken when it is due, since an answer may yet
// bring another before it.
static mb_status fetch_arrival(mb_sim *sim, mb_error *error) {
    bool end = false;
    if (sim->closed) {
        sim->pending.time_s = mb_source_next_time(sim->source);
        if (mb_source_over(sim->source)) end_arrivals(sim);
        return MB_OK;
    }
    const mb_status status = mb_source_next(sim->source, &sim->pending, &end, error);
    if (end) end_arrivals(sim);
    return status;
}

mb_status mb_sim_leave(mb_sim *sim, uint32_t slot, mb_end why, const mb_finished *record, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_status status = MB_OK;
    sim->metrics.sojourn_s += sim->now_s - request->arrival_s;
    mb_client_leaves(sim, request);
    mb_departure departure = {.time_s = sim->now_s, .rejected = why == MB_END_REJECTED};
    if (sim->closed) {
        departure.user = request->user;
        departure.session = request->session;
        departure.prompt_tokens = request->prompt_tokens;
        departure.output_tokens = request->output_tokens;
    }
    if (sim->observer.finished) status = sim->observer.finished(sim->observer.self, record, error);
    if (status == MB_OK && sim->policy.ops->finish)
        status = sim->policy.ops->finish(sim->policy.self, sim, slot, why, error);
    if (sim->engines) {
        free(request->prefix_ids);
        request->prefix_ids = NULL;
    }
    mb_request_recycle(&sim->requests, slot);
    if (status != MB_OK || !sim->closed || !departure.user) return status;
    status = mb_source_finished(sim->source, &departure, error);
    return status == MB_OK ? fetch_arrival(sim, error) : status;
}

// A waiting request may hold memory: paused, on the host, or what it left behind.
static bool release_waiting(mb_sim *sim, mb_request *request) {
    if (!sim->engines || request->replica == MB_NONE) return true;
    mb_engine *engine = sim->replicas[request->replica].engine;
    mb_engine_account(sim, engine);
    mb_kv_blocks_forget(&engine->kv, &request->hold);
    if (request->stage == MB_STAGE_SWAPPED) sim->swapped_tokens -= request->computed;
    if (request->stage != MB_STAGE_PAUSED) return true;
    const mb_kv_names names = mb_engine_names(request);
    engine->paused--;
    engine->resident_tokens -= request->computed;
    return mb_kv_blocks_release(&engine->kv, &request->hold, &names, request->computed, MB_KV_FORGET);
}

mb_status mb_sim_reject(mb_sim *sim, uint32_t slot, const char *reason, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_sim_integrate(sim);
    if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    mb_sim_unstamp(sim, slot);
    if (!release_waiting(sim, request)) return mb_fail_memory(error);
    if (!sim->metrics.rejected++) {
        snprintf(sim->metrics.first_rejection, sizeof sim->metrics.first_rejection, "request %llu: %s",
                 (unsigned long long)request->id, reason);
        mb_make_printable(sim->metrics.first_rejection, "");
    }
    sim->waiting--;
    mb_judge_rejected(sim, request);
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
    request->class_index = arrival->class_index;
    request->user = arrival->user;
}

// For engines: when it began to wait, and what a prefix cache knows its prompt by.
static bool fill_for_engine(mb_request *request, const mb_arrival *arrival) {
    request->since_s = arrival->time_s;
    request->session = arrival->session;
    request->prefix_count = arrival->prefix_count;
    request->prefix_unit_tokens = arrival->prefix_unit_tokens;
    if (arrival->prefix_count == 0) return true;
    request->prefix_ids = malloc(arrival->prefix_count * sizeof *request->prefix_ids);
    if (!request->prefix_ids) return false;
    memcpy(request->prefix_ids, arrival->prefix_ids, arrival->prefix_count * sizeof *request->prefix_ids);
    return true;
}

static mb_status give_key(mb_sim *sim, uint32_t queue, uint32_t slot, mb_error *error) {
    if (sim->queues[queue].order != MB_KEY_GIVEN) return MB_OK;
    double key;
    const mb_status status = sim->policy.ops->key(sim->policy.self, sim, queue, slot, &key, error);
    if (status == MB_OK) mb_request_at(&sim->requests, slot)->key = key;
    return status;
}

static mb_status push_to_inbox(mb_sim *sim, uint32_t slot, mb_error *error) {
    const uint32_t inbox = sim->inbox; // the policy's key function may change it
    if (sim->inbox_is_bins) {
        mb_sim_push_bins(sim, inbox, slot);
        return MB_OK;
    }
    const mb_status status = give_key(sim, inbox, slot, error);
    if (status == MB_OK) mb_sim_push(sim, inbox, slot, false);
    return status;
}

mb_status mb_sim_file_again(mb_sim *sim, uint32_t queue, uint32_t slot, bool front, mb_error *error) {
    const mb_status status = give_key(sim, queue, slot, error);
    if (status != MB_OK) return status;
    if (front && sim->queues[queue].order == MB_KEY_NONE)
        mb_queue_push_front(&sim->queues[queue], &sim->requests, slot);
    else
        mb_queue_push(&sim->queues[queue], &sim->requests, slot);
    // What was given back at this instant before is no news: two replicas that preempt what the other admits
    // would call each other without end.
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_sim_announce(sim, queue, slot, request->given_back_s == sim->now_s);
    request->given_back_s = sim->now_s;
    return MB_OK;
}

// Can it be served at all, on an empty replica?
static bool ever_fits(const mb_sim *sim, uint32_t final_tokens) {
    const mb_replica *replica = &sim->replicas[0];
    if (sim->config->block_oversize) return true;
    if (!sim->engines) return mb_kv_ever_fits(&replica->kv, final_tokens);
    const mb_kv_blocks *kv = &replica->engine->kv;
    const uint64_t kept_free = (uint64_t)(replica->watermark * (double)kv->total);
    if (sim->config->kv_kind == MB_KV_CONTIGUOUS && final_tokens > kv->block_tokens) return false;
    return mb_kv_blocks_for(kv, final_tokens) + kept_free <= kv->total;
}

static mb_status arrive(mb_sim *sim, uint64_t id, mb_error *error) {
    bool end = false;
    mb_status status = sim->closed ? mb_source_next(sim->source, &sim->pending, &end, error) : MB_OK;
    if (status != MB_OK || end) return status;
    const uint32_t slot = mb_request_new(&sim->requests, sim->engines != NULL);
    if (slot == MB_NONE) return mb_fail_memory(error);
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_window_arrival(sim, sim->pending.time_s);
    sim->arrived++;
    fill_request(request, &sim->pending, id, sim->config->slo.e2e_s);
    mb_sim_integrate(sim);
    sim->waiting++;
    if (!mb_client_arrives(sim, request)) return mb_fail_memory(error);
    if (sim->engines && request->prompt_tokens == 0)
        request->prompt_tokens = 1; // a step must compute something
    if (sim->engines && !fill_for_engine(request, &sim->pending)) return mb_fail_memory(error);
    const uint64_t final_tokens = (uint64_t)request->prompt_tokens + request->output_tokens;
    if (final_tokens > UINT32_MAX)
        return mb_fail(error, MB_BAD_INPUT, "request %llu has %llu tokens; at most %u are possible",
                       (unsigned long long)request->id, (unsigned long long)final_tokens, UINT32_MAX);
    if (!ever_fits(sim, (uint32_t)final_tokens)) return reject_oversize(sim, slot, error);
    if (!sim->policy.ops->arrive) return push_to_inbox(sim, slot, error);
    status = sim->policy.ops->arrive(sim->policy.self, sim, slot, error);
    // A request that the policy holds is in no queue that would have told.
    if (request->phase == MB_PHASE_WAITING && request->id == id && request->queue == MB_NONE)
        mb_sim_stamp(sim, slot);
    return status;
}

static mb_status fire_timer(mb_sim *sim, uint32_t timer, mb_error *error) {
    mb_sim_change_all(sim);
    if (timer == MB_TIMER_WAKE) return MB_OK;
    return sim->policy.ops->timer(sim->policy.self, sim, timer, error);
}

// --- the run

mb_status mb_sim_count_finished(mb_sim *sim, const mb_request *request, mb_error *error) {
    mb_metrics *metrics = &sim->metrics;
    mb_sim_integrate(sim);
    metrics->finished++;
    metrics->prompt_tokens += request->prompt_tokens;
    metrics->output_tokens += request->output_tokens;
    sim->running--;
    const double tokens = (double)request->prompt_tokens + request->output_tokens;
    return mb_metrics_serve_client(metrics, request->client, tokens) ? MB_OK : mb_fail_memory(error);
}

static mb_status look(mb_sim *sim, mb_error *error) {
    if (sim->observer.stop && atomic_load_explicit(sim->observer.stop, memory_order_relaxed))
        return mb_fail(error, MB_FAILED, "interrupted at t = %.6g s", sim->now_s);
    if (++sim->looks % PROGRESS_EVERY || !sim->observer.progress) return MB_OK;
    return sim->observer.progress(sim->observer.self, sim->arrived, sim->metrics.finished, sim->now_s, error);
}

// Is the next event of this kind, and now?
static bool due(const mb_sim *sim, unsigned kind, mb_event *event) {
    if (!sim->heap.count) return false;
    *event = mb_heap_top(&sim->heap);
    return event->time_s <= sim->now_s && event->kind == kind;
}

// An engine leaves events behind when it is interrupted; only the one that it waits for counts.
static bool is_current(const mb_replica *replica, double time_s) {
    return replica->busy && (!replica->engine || replica->engine->event_s == time_s);
}

// Events that count no more must not move the clock.
static void drop_stale(mb_sim *sim) {
    while (sim->engines && sim->heap.count) {
        const mb_event event = mb_heap_top(&sim->heap);
        if (event.kind != MB_EVENT_STEP_END) return;
        mb_replica *replica = &sim->replicas[event.payload];
        if (is_current(replica, event.time_s)) return;
        if (replica->engine->far_s == event.time_s) replica->engine->far_s = INFINITY;
        mb_heap_pop(&sim->heap);
    }
}

// Steps end in order of the replicas' numbers: it must not matter when their events were pushed.
static mb_status end_steps(mb_sim *sim, mb_error *error) {
    uint32_t count = 0;
    for (mb_event event; due(sim, MB_EVENT_STEP_END, &event);) {
        mb_heap_pop(&sim->heap);
        mb_replica *replica = &sim->replicas[event.payload];
        if (replica->engine && replica->engine->far_s == event.time_s) replica->engine->far_s = INFINITY;
        if (!is_current(replica, event.time_s) || replica->ending) continue;
        replica->ending = true;
        uint32_t at = count++;
        for (; at > 0 && sim->scratch[at - 1] > replica->id; at--)
            sim->scratch[at] = sim->scratch[at - 1];
        sim->scratch[at] = replica->id;
    }
    if (count) sim->timers_alone = 0;
    for (uint32_t i = 0; i < count; i++) {
        mb_replica *replica = &sim->replicas[sim->scratch[i]];
        replica->ending = false;
        if (replica->engine && replica->engine->stepping) mb_run_reach(sim, replica);
    }
    mb_status status = MB_OK;
    for (uint32_t i = 0; i < count && status == MB_OK; i++) {
        mb_replica *replica = &sim->replicas[sim->scratch[i]];
        const bool steps = replica->engine && replica->engine->stepping;
        status = steps ? mb_run_stop(sim, replica, error) : mb_batch_end(sim, replica, error);
    }
    return status;
}

static mb_status take_arrivals(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    while (status == MB_OK && !sim->arrivals_ended && sim->pending.time_s <= sim->now_s) {
        sim->timers_alone = 0;
        status = arrive(sim, sim->arrived, error);
        if (status == MB_OK) status = look(sim, error);
        if (status == MB_OK) status = fetch_arrival(sim, error);
    }
    return status;
}

static mb_status may_fire(mb_sim *sim, mb_error *error) {
    if (sim->timers_alone++ == 0) sim->alone_since_s = sim->now_s;
    if (sim->timers_alone <= MAX_TIMERS_ALONE) return MB_OK;
    const bool something_comes = sim->running || (!sim->arrivals_ended && !isinf(sim->pending.time_s));
    const bool crawls = sim->now_s - sim->alone_since_s < MAX_TIMERS_ALONE * MIN_TIMER_SPACING_S;
    sim->timers_alone = 0;
    if (something_comes && !crawls) return MB_OK;
    return mb_fail(error, MB_FAILED,
                   "stuck at t = %.9g s: %u timers fired in a row and nothing else happened%s; %llu requests "
                   "wait, %llu run",
                   sim->now_s, MAX_TIMERS_ALONE,
                   crawls ? ", while the clock moved by less than a microsecond each"
                          : ", and nothing else is to come",
                   (unsigned long long)sim->waiting, (unsigned long long)sim->running);
}

static mb_status fire_timers(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    for (mb_event event; status == MB_OK && due(sim, MB_EVENT_TIMER, &event);) {
        mb_heap_pop(&sim->heap);
        status = may_fire(sim, error);
        if (status == MB_OK) status = fire_timer(sim, event.payload, error);
        if (status == MB_OK) status = look(sim, error);
    }
    return status;
}

// Everything that happens at this instant: steps end, then requests arrive, then timers fire, then replicas
// plan.
static mb_status run_instant(mb_sim *sim, double time_s, mb_error *error) {
    sim->now_s = time_s;
    mb_status status = look(sim, error);
    if (status == MB_OK) status = end_steps(sim, error);
    if (sim->now_s >= sim->warmup_end_s) mb_window_open(sim);
    if (status == MB_OK) status = take_arrivals(sim, error);
    if (status == MB_OK) status = fire_timers(sim, error);
    if (status == MB_OK) status = mb_dispatch(sim, error);
    if (status == MB_OK) mb_sim_check(sim); // a hook that failed may have left a step half built
    return status;
}

// --- the order of mb_policy_ops.python_ties: all arrivals lie in the heap from the start, events come one by
// one

typedef struct python_run {
    mb_python_heap
        heap; // what: index of an arrival, or TAKEN_OUT + kind and payload of an event of sim->heap
    mb_arrival *arrivals;
    size_t count, capacity;
} python_run;

#define TAKEN_OUT (UINT64_C(1) << 63)

static mb_status read_arrivals(mb_sim *sim, python_run *run, mb_error *error) {
    mb_status status = MB_OK;
    while (status == MB_OK && !sim->arrivals_ended) {
        if (run->count == run->capacity) {
            run->capacity = run->capacity ? 2 * run->capacity : 1024;
            mb_arrival *arrivals = realloc(run->arrivals, run->capacity * sizeof *arrivals);
            if (!arrivals) return mb_fail_memory(error);
            run->arrivals = arrivals;
        }
        run->arrivals[run->count] = sim->pending;
        if (!mb_python_heap_push(&run->heap, sim->pending.time_s, run->count++)) return mb_fail_memory(error);
        status = fetch_arrival(sim, error);
    }
    return status;
}

static mb_status take_event(mb_sim *sim, const python_run *run, uint64_t what, mb_error *error) {
    if (!(what & TAKEN_OUT)) {
        sim->pending = run->arrivals[what];
        return arrive(sim, what, error);
    }
    const uint32_t payload = (uint32_t)what;
    if ((what & ~TAKEN_OUT) >> 32 == MB_EVENT_TIMER) return fire_timer(sim, payload, error);
    return mb_batch_end(sim, &sim->replicas[payload], error);
}

static mb_status run_python(mb_sim *sim, python_run *run, mb_error *error) {
    mb_status status = read_arrivals(sim, run, error);
    while (status == MB_OK && run->heap.count) {
        const double next = run->heap.events[0].time_s;
        if (sim->config->stop_s > 0 && next > sim->config->stop_s) {
            sim->now_s = sim->config->stop_s;
            sim->stopped = true;
            break;
        }
        if (sim->warmup_end_s <= next) {
            sim->now_s = sim->warmup_end_s;
            mb_window_open(sim);
        }
        sim->now_s = next;
        status = look(sim, error);
        if (status == MB_OK) status = take_event(sim, run, mb_python_heap_pop(&run->heap).what, error);
        if (status == MB_OK) status = mb_dispatch(sim, error);
        for (; status == MB_OK && sim->heap.count; mb_heap_pop(&sim->heap)) { // batches that started, timers
            const mb_event event = mb_heap_top(&sim->heap);
            const uint64_t what = TAKEN_OUT | (uint64_t)event.kind << 32 | event.payload;
            if (!mb_python_heap_push(&run->heap, event.time_s, what)) status = mb_fail_memory(error);
        }
        if (status == MB_OK) mb_sim_check(sim);
    }
    mb_python_heap_deinit(&run->heap);
    free(run->arrivals);
    return status;
}

static mb_status run_events(mb_sim *sim, mb_error *error) {
    mb_status status = fetch_arrival(sim, error);
    if (status == MB_OK && sim->policy.ops->init)
        status = sim->policy.ops->init(sim->policy.self, sim, error);
    if (status == MB_OK && sim->observer.ready) status = sim->observer.ready(sim->observer.self, error);
    if (status == MB_OK && sim->policy.ops->python_ties && !sim->engines && !sim->closed)
        return run_python(sim, &(python_run){0}, error);
    while (status == MB_OK) {
        drop_stale(sim);
        const bool work = !sim->arrivals_ended || sim->waiting || sim->running;
        if (!work || (sim->arrivals_ended && !sim->heap.count)) break; // timers alone do not keep a run alive
        double next = sim->heap.count ? mb_heap_top(&sim->heap).time_s : INFINITY;
        if (!sim->arrivals_ended && sim->pending.time_s < next) next = sim->pending.time_s;
        if (isinf(next)) break; // every user waits for an answer that will not come
        if (sim->warmup_end_s < next) next = sim->warmup_end_s; // an instant of its own
        if (sim->config->stop_s > 0 && next > sim->config->stop_s) {
            sim->now_s = sim->config->stop_s;
            sim->stopped = true;
            break;
        }
        status = run_instant(sim, next, error);
    }
    return status;
}

// What is still in the system when a run ends was never served: say so in the dump as well.
static mb_status report_unfinished(mb_sim *sim, mb_error *error) {
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

// Let the policy look back, before the books are closed.
static mb_status look_back(mb_sim *sim, mb_error *error) {
    sim->ended = true;
    if (!sim->policy.ops->done) return MB_OK;
    const mb_status status = sim->policy.ops->done(sim->policy.self, sim, error);
    sim->done_failed = status != MB_OK;
    return status;
}

mb_status mb_sim_run(mb_sim *sim, mb_error *error) {
    mb_error ignored;
    mb_status status = run_events(sim, error);
    if (status == MB_OK) status = look_back(sim, error);
    mb_window_close(sim);
    if (status == MB_OK) mb_sim_check_end(sim);
    const mb_source_counts counts = mb_source_get_counts(sim->source);
    sim->metrics.skipped_zero = counts.skipped_zero;
    sim->metrics.skipped_empty = counts.skipped_empty;
    sim->metrics.skipped_long = counts.skipped_long;
    sim->metrics.past_end = counts.past_end;
    const mb_status reported = report_unfinished(sim, status == MB_OK ? error : &ignored);
    return status != MB_OK ? status : reported;
}
