// SPDX-License-Identifier: MIT
#include "run/bound.h"

#include "base/sketch.h"
#include "model/alone.h"

#include <math.h>
#include <stdlib.h>

enum { LOOK_EVERY = 4096 }; // requests between two looks at whether to stop

static const char *refusal_of(const mb_experiment *experiment) {
    if (mb_workload_closed(&experiment->workload))
        return "requests that wait for answers come at other times under every policy";
    if (experiment->stop_s > 0 && isfinite(experiment->stop_s))
        return "with `stop_time` a run ends before all requests are served, and a policy that serves the "
               "easy "
               "ones first may look better than the bound for all";
    const char *refusal = NULL;
    for (size_t i = 0; i < experiment->group_count && !refusal; i++)
        refusal = experiment->groups[i].hardware.pipeline.stages > 1
                      ? "the least that a batch takes on the stages of `cluster.pipeline` is not worked out"
                      : mb_alone_refusal(&experiment->groups[i].latency);
    return refusal;
}

// A pool that every policy has: one that runs without a limit sets it for all.
static bool unlimited(const mb_experiment *experiment) {
    bool any = false;
    for (size_t i = 0; i < experiment->policy_count; i++)
        any = any || experiment->policies[i].unlimited_memory;
    return any;
}

static mb_alone where_of(const mb_experiment *experiment, const mb_group *group) {
    const mb_engine_memory *memory = &group->hardware.memory;
    return (mb_alone){.latency = &group->latency,
                      .kv_kind = memory->kind,
                      .kv_capacity = unlimited(experiment) ? MB_UNLIMITED : memory->capacity,
                      .kv_max_length = memory->max_length,
                      .kv_block = memory->block,
                      .prefix_cache = memory->prefix_cache};
}

typedef struct walk {
    const mb_experiment *experiment;
    bool steps; // of the latency models
    uint64_t replicas;
    uint64_t arrived, served;
    double first_s, start_s, last_s; // of arrivals; the time of observation; NAN: it has not begun
    double end_s, busy_until_s;      // no run ends earlier: any one request's sake, all the work's
    double prompt_tokens, output_tokens, good;
    uint64_t counted, ttft_missed, tbt_missed, e2e_missed, met; // after the warm-up
    mb_sketch ttft, e2e;
} walk;

// Does it fit into an empty pool? Where it fits into none, it is turned away under every policy.
static bool is_held(const walk *w, const mb_alone *where, const mb_arrival *arrival) {
    if (where->kv_capacity == MB_UNLIMITED || w->experiment->block_oversize) return true;
    const bool steps = w->steps;
    const uint32_t prompt = steps && arrival->prompt_tokens == 0 ? 1 : arrival->prompt_tokens;
    const uint64_t final = (uint64_t)prompt + arrival->output_tokens;
    if (where->kv_kind == MB_KV_CONTIGUOUS && final > where->kv_max_length) return false;
    if (!steps) return final <= where->kv_capacity;
    const uint64_t blocks = where->kv_capacity / where->kv_block;
    return (final + where->kv_block - 1) / where->kv_block <= blocks;
}

// Surely above: whatever a run's clock adds in rounding.
static bool exceeds(double seconds, double bound_s) {
    return seconds > bound_s + (1e-6 * bound_s + 1e-6);
}

static void judge(walk *w, const mb_arrival *arrival, const mb_alone_time *time, bool counted) {
    const mb_workload *workload = &w->experiment->workload;
    const mb_slo *slo =
        workload->class_count ? &workload->classes[arrival->class_index].slo : &w->experiment->slo;
    const bool ttft = exceeds(time->ttft_s, slo->ttft_s), tbt = exceeds(time->tbt_s, slo->tbt_s),
               e2e = exceeds(time->e2e_s, slo->e2e_s);
    w->good += !(ttft || tbt || e2e);
    if (!counted) return;
    w->ttft_missed += ttft;
    w->tbt_missed += tbt;
    w->e2e_missed += e2e;
    w->met += !(ttft || tbt || e2e);
}

static void begin(walk *w, double time_s) {
    const mb_experiment *experiment = w->experiment;
    if (w->arrived == 0) w->first_s = time_s;
    if (isnan(w->start_s) && experiment->warmup_s > 0 && time_s >= w->first_s + experiment->warmup_s)
        w->start_s = w->first_s + experiment->warmup_s;
    if (isnan(w->start_s) && !(experiment->warmup_s > 0) && w->arrived == experiment->warmup_requests)
        w->start_s = time_s;
    w->arrived++;
    w->last_s = time_s;
}

static mb_alone_request request_of(const mb_arrival *arrival) {
    const uint64_t named = (uint64_t)arrival->prefix_count * arrival->prefix_unit_tokens;
    const bool session = arrival->session != 0; // its turns find what the last one left, which is their own
    return (mb_alone_request){.prompt_tokens = arrival->prompt_tokens,
                              .output_tokens = arrival->output_tokens,
                              .named_tokens = session || named > UINT32_MAX ? UINT32_MAX : (uint32_t)named,
                              .shared = !session && named > 0,
                              .service_s = arrival->service_s};
}

// On the replica that suits it best, each of its times by itself. False: no replica can hold it.
static bool least_of(const walk *w, const mb_arrival *arrival, mb_alone_time *least) {
    const mb_alone_request request = request_of(arrival);
    bool held = false;
    *least = (mb_alone_time){INFINITY, INFINITY, INFINITY, INFINITY};
    for (size_t i = 0; i < w->experiment->group_count; i++) {
        const mb_alone where = where_of(w->experiment, &w->experiment->groups[i]);
        if (!is_held(w, &where, arrival)) continue;
        const mb_alone_time time = mb_alone_of(&where, &request);
        held = true;
        least->ttft_s = fmin(least->ttft_s, time.ttft_s);
        least->e2e_s = fmin(least->e2e_s, time.e2e_s);
        least->tbt_s = fmin(least->tbt_s, time.tbt_s);
        least->work_s = fmin(least->work_s, time.work_s);
    }
    return held;
}

static void take(walk *w, const mb_arrival *arrival) {
    begin(w, arrival->time_s);
    const bool counted = !isnan(w->start_s);
    w->counted += counted;
    mb_alone_time time;
    if (!least_of(w, arrival, &time)) {
        w->ttft_missed += counted, w->tbt_missed += counted, w->e2e_missed += counted;
        return;
    }
    w->served++;
    w->end_s = fmax(w->end_s, arrival->time_s + time.e2e_s);
    // All replicas at work on nothing but this request and the later ones.
    w->busy_until_s = fmax(w->busy_until_s, arrival->time_s) + time.work_s / (double)w->replicas;
    w->prompt_tokens += w->steps && arrival->prompt_tokens == 0 ? 1 : arrival->prompt_tokens;
    w->output_tokens += arrival->output_tokens;
    judge(w, arrival, &time, counted);
    if (!counted) return;
    mb_sketch_add(&w->ttft, time.ttft_s);
    mb_sketch_add(&w->e2e, time.e2e_s);
}

// --- as measures

static void put(double *values, const char *name, double value) {
    values[mb_measure_index(name)] = value;
}

static void put_latency(double *values, const char *first, const mb_sketch *sketch) {
    static const double quantiles[] = {0.5, 0.9, 0.95, 0.99, 1};
    const int at = mb_measure_index(first);
    values[at] = mb_sketch_mean(sketch);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        values[at + 1 + (int)i] = mb_sketch_quantile(sketch, quantiles[i]);
}

static void put_missed(double *values, const char *name, const walk *w, uint64_t missed, double bound_s) {
    if (isfinite(bound_s) && w->counted) put(values, name, (double)missed / (double)w->counted);
}

static void put_all(const walk *w, double *values) {
    const mb_slo *slo = &w->experiment->slo;
    const double end = fmax(w->last_s, fmax(w->end_s, w->busy_until_s)), duration = end - w->start_s;
    put(values, "finished", (double)w->served);
    put_latency(values, "ttft_mean_s", &w->ttft);
    put_latency(values, "e2e_mean_s", &w->e2e);
    put_missed(values, "ttft_violation", w, w->ttft_missed, slo->ttft_s);
    put_missed(values, "tbt_violation", w, w->tbt_missed, slo->tbt_s);
    put_missed(values, "e2e_violation", w, w->e2e_missed, slo->e2e_s);
    if (w->counted) put(values, "slo_attainment", (double)w->met / (double)w->counted);
    if (!(duration > 0)) return; // of a warm-up that did not end, too
    put(values, "duration_s", duration);
    put(values, "throughput_rps", (double)w->served / duration);
    put(values, "throughput_tps", w->output_tokens / duration);
    put(values, "total_tps", (w->prompt_tokens + w->output_tokens) / duration);
    put(values, "goodput_rps", w->good / duration);
    // (Who lets replicas go pays less.)
    if (w->experiment->usd_per_hour > 0 && w->output_tokens > 0 && !w->experiment->comes_and_goes)
        put(values, "usd_per_mtok", w->experiment->usd_per_hour / 3600 * duration / (w->output_tokens / 1e6));
}

// So many replicas can there be.
static uint32_t most_of(const mb_hardware *hardware) {
    return hardware->max_replicas > hardware->replicas ? hardware->max_replicas : hardware->replicas;
}

static mb_status read_requests(walk *w, uint32_t seed_index, const atomic_bool *stop, mb_error *error) {
    const mb_experiment *experiment = w->experiment;
    mb_source *source = NULL;
    mb_status status = mb_source_open(&experiment->workload, experiment->seed, seed_index, &source, error);
    for (bool end = false; status == MB_OK;) {
        mb_arrival arrival;
        status = mb_source_next(source, &arrival, &end, error);
        if (status != MB_OK || end) break;
        take(w, &arrival);
        if (w->arrived % LOOK_EVERY == 0 && atomic_load(stop))
            status = mb_fail(error, MB_FAILED, "interrupted while the bound was computed");
    }
    mb_source_close(source);
    return status;
}

mb_status mb_bound_compute(const mb_experiment *experiment, const atomic_bool *stop, mb_outcome *outcome,
                           mb_error *error) {
    const char *refusal = refusal_of(experiment);
    outcome->started = true;
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        outcome->values[i] = NAN;
    if (refusal) {
        outcome->status = MB_FAILED;
        outcome->error = calloc(1, sizeof *outcome->error);
        if (!outcome->error) return mb_fail_memory(error);
        mb_fail(outcome->error, MB_FAILED, "%s", refusal);
        return MB_OK;
    }
    walk *w = calloc(1, sizeof *w);
    if (!w) return mb_fail_memory(error);
    *w = (walk){
        .experiment = experiment, .steps = mb_latency_is_step(&experiment->groups->latency), .start_s = NAN};
    for (size_t i = 0; i < experiment->group_count; i++)
        w->replicas += most_of(&experiment->groups[i].hardware);
    w->end_s = w->last_s = w->busy_until_s = -INFINITY;
    if (experiment->exact_percentiles) {
        mb_sketch_keep_samples(&w->ttft);
        mb_sketch_keep_samples(&w->e2e);
    }
    const mb_status status = read_requests(w, outcome->seed_index, stop, error);
    if (status == MB_OK) put_all(w, outcome->values);
    outcome->finished = status == MB_OK;
    mb_sketch_deinit(&w->ttft);
    mb_sketch_deinit(&w->e2e);
    free(w);
    return status;
}
