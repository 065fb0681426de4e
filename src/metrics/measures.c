// SPDX-License-Identifier: MIT
#include "metrics/measures.h"

#include "base/strbuf.h"
#include "base/unlimited.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STATISTICS(name, what)                                                                               \
    {name "_mean_s", "mean " what ", s", MB_BETTER_LOWER, false},                                            \
        {name "_p50_s", "median " what ", s", MB_BETTER_LOWER, false},                                       \
        {name "_p90_s", "90th percentile of " what ", s", MB_BETTER_LOWER, false},                           \
        {name "_p95_s", "95th percentile of " what ", s", MB_BETTER_LOWER, false},                           \
        {name "_p99_s", "99th percentile of " what ", s", MB_BETTER_LOWER, false}, {                         \
        name "_max_s", "largest " what ", s", MB_BETTER_LOWER, false                                         \
    }

const mb_measure mb_measures[MB_MEASURE_COUNT] = {
    {"requests", "requests that arrived", MB_BETTER_NEITHER, false},
    {"finished", "requests served to the end", MB_BETTER_HIGHER, false},
    {"rejected", "requests turned away", MB_BETTER_LOWER, false},
    {"unfinished", "requests still in the system when the run ended", MB_BETTER_LOWER, false},
    {"censored",
     "of these, requests within every SLO so far when the run was stopped: not in the SLO measures",
     MB_BETTER_NEITHER, false},
    {"served_share", "fraction of the requests after the warm-up that were served to the end",
     MB_BETTER_HIGHER, true},
    {"duration_s", "time of observation: first arrival, or the end of the warm-up, to the end of the run, s",
     MB_BETTER_NEITHER, false},
    {"throughput_rps", "finished requests per second", MB_BETTER_HIGHER, false},
    {"throughput_tps", "output tokens per second", MB_BETTER_HIGHER, false},
    {"total_tps", "prompt + output tokens per second", MB_BETTER_HIGHER, false},
    {"goodput_rps", "requests per second that met every SLO", MB_BETTER_HIGHER, false},
    STATISTICS("ttft", "time from arrival to first token"),
    STATISTICS("tpot", "time per output token after the first"),
    STATISTICS("itl", "gap between tokens, all gaps pooled"),
    STATISTICS("e2e", "time from arrival to last token"),
    STATISTICS("queue", "wait before service"),
    {"ttft_violation", "fraction of requests whose first token takes longer than slo.ttft", MB_BETTER_LOWER,
     true},
    {"tbt_violation", "fraction of requests whose time between tokens exceeds slo.tbt", MB_BETTER_LOWER,
     true},
    {"e2e_violation", "fraction of requests that take longer than slo.e2e", MB_BETTER_LOWER, true},
    {"slo_attainment", "fraction of requests that met every SLO", MB_BETTER_HIGHER, true},
    {"gpu_util", "fraction of time that replicas were busy", MB_BETTER_NEITHER, true},
    {"batches", "batches served", MB_BETTER_NEITHER, false},
    {"batch_mean", "requests per batch", MB_BETTER_NEITHER, false},
    {"at_queue", "fraction of admissions that took all that waited in the queue", MB_BETTER_NEITHER, true},
    {"at_cap", "fraction of admissions that ended at the policy's number, or at as many as may run",
     MB_BETTER_NEITHER, true},
    {"at_b_sla", "fraction of admissions that ended at a number due to the time between tokens",
     MB_BETTER_NEITHER, true},
    {"at_b_mem", "fraction of admissions that ended at a number due to the expected use of memory",
     MB_BETTER_NEITHER, true},
    {"at_memory", "fraction of admissions that ended because memory was full", MB_BETTER_NEITHER, true},
    {"at_tokens", "fraction of admissions that ended because the token budget was used up", MB_BETTER_NEITHER,
     true},
    {"padding_waste",
     "fraction of the computed token positions that were padding, or computed again after a preemption",
     MB_BETTER_LOWER, true},
    {"kv_mean", "time average of reserved KV memory, fraction of capacity", MB_BETTER_NEITHER, true},
    {"kv_peak", "highest reserved KV memory of a replica, fraction of capacity", MB_BETTER_NEITHER, true},
    {"kv_fragmentation", "time average of reserved KV memory that stays unused, fraction of the reserved",
     MB_BETTER_LOWER, true},
    {"cache_hit", "fraction of the tokens known at admission that the prefix cache held", MB_BETTER_HIGHER,
     true},
    {"waited_fraction", "fraction of requests that did not start at once", MB_BETTER_NEITHER, true},
    {"preemptions", "times that a running request was interrupted", MB_BETTER_LOWER, false},
    {"idle_with_work_s", "replica seconds idle while requests waited, without step:idle", MB_BETTER_LOWER,
     false},
    {"jain", "Jain's fairness index over the clients' served tokens", MB_BETTER_HIGHER, true},
    {"usd_per_mtok", "cost of a million output tokens, USD", MB_BETTER_LOWER, false},
    {"sim_wall_s", "wall-clock time of the simulation itself, s", MB_BETTER_NEITHER, false},
    {"sim_requests_per_s", "simulated requests per second of wall-clock time", MB_BETTER_NEITHER, false},
    {"why_waiting_s", "mean time spent waiting for the first start, s", MB_BETTER_LOWER, false},
    {"why_prefill_s", "mean time in steps that compute the prompt, s", MB_BETTER_LOWER, false},
    {"why_decode_s", "mean time in steps that compute the answer, as long as decodes alone would take, s",
     MB_BETTER_LOWER, false},
    {"why_stalled_s", "mean time that others' prompts add to that, s", MB_BETTER_LOWER, false},
    {"why_again_s", "mean time spent computing again what a preemption lost, s", MB_BETTER_LOWER, false},
    {"why_moved_s", "mean time with memory on the host or being moved, s", MB_BETTER_LOWER, false},
    {"why_aside_s", "mean time interrupted: waiting to go on, or left out of steps, s", MB_BETTER_LOWER,
     false},
    {"why_padding_s", "mean time that a whole batch took for longer members, s", MB_BETTER_LOWER, false},
    {"gap_mean_s", "mean over requests of the largest gap between a request's tokens, s", MB_BETTER_LOWER,
     false},
    {"gap_p99_s", "99th percentile over requests of that, s", MB_BETTER_LOWER, false},
    {"gap_violation", "fraction of requests with a gap between tokens above slo.gap", MB_BETTER_LOWER, true},
    {"qoe_mean", "mean over requests of how well the tokens' times suit their readers", MB_BETTER_HIGHER,
     true},
    {"qoe_p10", "10th percentile over requests of that", MB_BETTER_HIGHER, true},
    {"program_mean_s", "mean time from a session's first arrival to its last answer, s", MB_BETTER_LOWER,
     false},
    {"program_p99_s", "99th percentile of that, s", MB_BETTER_LOWER, false},
    {"program_tokens_s", "mean over sessions of that per output token, s", MB_BETTER_LOWER, false},
    {"service_gap",
     "most that the service of two clients moved apart while both waited, tokens with their weights",
     MB_BETTER_LOWER, false},
    {"wasted_tokens", "output tokens that were generated and thrown away", MB_BETTER_LOWER, false},
    {"late_tokens", "fraction of the tokens that came later than slo.ttft and slo.tbt say", MB_BETTER_LOWER,
     true},
    {"late_mean_s", "mean over tokens of how much later than that, 0 for those in time, s", MB_BETTER_LOWER,
     false},
    {"replica_s", "seconds summed over the replicas that were neither down nor off, s", MB_BETTER_LOWER,
     false},
    {"lost_s", "seconds of steps that failures of replicas cut, s", MB_BETTER_LOWER, false},
    {"late_violation", "fraction of requests of whose tokens a larger share than slo.late came late",
     MB_BETTER_LOWER, true},
    {"moved_gb", "KV memory that went from replica to replica, GB", MB_BETTER_NEITHER, false},
    {"transfer_mean_s",
     "mean time from sending a request's KV memory, or beginning its migration, to its arrival, s",
     MB_BETTER_LOWER, false},
    {"idle_beside_s", "replica seconds idle while requests waited in another replica's own queue",
     MB_BETTER_LOWER, false},
};

static double ratio(double a, double b) {
    return b > 0 ? a / b : NAN;
}

// A share of sums of times may miss its ends by their rounding, and by nothing else.
static double share(double value) {
    if (value > 1 && value < 1 + 1e-9) return 1;
    return value < 0 && value > -1e-9 ? 0 : value;
}

static double share_missed(const mb_metrics *metrics, const mb_bound_metrics *bound, double bound_s) {
    if (isinf(bound_s)) return NAN;
    return ratio((double)bound->missed, (double)(metrics->counted - bound->censored));
}

static double *put_sketch(double *at, const mb_sketch *sketch) {
    static const double quantiles[] = {0.5, 0.9, 0.95, 0.99};
    *at++ = mb_sketch_mean(sketch);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        *at++ = mb_sketch_quantile(sketch, quantiles[i]);
    *at++ = mb_sketch_quantile(sketch, 1);
    return at;
}

static double *put_stops(double *at, const mb_metrics *metrics) {
    double all = 0;
    for (size_t i = 0; i < MB_STOP_COUNT; i++)
        all += (double)metrics->stops[i];
    for (size_t i = 0; i < MB_STOP_COUNT; i++)
        *at++ = ratio((double)metrics->stops[i], all);
    return at;
}

void mb_measure_all(const mb_metrics *metrics, const mb_slo *slo, double values[MB_MEASURE_COUNT]) {
    const double duration = metrics->end_s - metrics->start_s, counted = (double)metrics->counted;
    const bool limited = metrics->kv_capacity != MB_UNLIMITED;
    const double output = (double)metrics->output_tokens;
    const bool moving = metrics->comes_and_goes;
    double *at = values;
    *at++ = (double)metrics->requests;
    *at++ = (double)metrics->finished;
    *at++ = (double)metrics->rejected;
    *at++ = (double)metrics->unfinished;
    *at++ = (double)metrics->censored;
    *at++ = ratio((double)metrics->measured, counted);
    *at++ = duration;
    *at++ = ratio((double)metrics->completed, duration);
    *at++ = ratio(output, duration);
    *at++ = ratio((double)metrics->prompt_tokens + output, duration);
    *at++ = ratio((double)metrics->good, duration);
    at = put_sketch(at, &metrics->ttft);
    at = put_sketch(at, &metrics->tpot);
    at = put_sketch(at, &metrics->itl);
    at = put_sketch(at, &metrics->e2e);
    at = put_sketch(at, &metrics->queue);
    *at++ = share_missed(metrics, &metrics->ttft_bound, slo->ttft_s);
    *at++ = share_missed(metrics, &metrics->tbt_bound, slo->tbt_s);
    *at++ = share_missed(metrics, &metrics->e2e_bound, slo->e2e_s);
    *at++ = ratio((double)metrics->slo_met, (double)(metrics->counted - metrics->censored));
    *at++ = share(ratio(metrics->busy_s, moving ? metrics->present_s : duration * metrics->replicas));
    *at++ = (double)metrics->batches;
    *at++ = ratio((double)metrics->batch_requests, (double)metrics->batches);
    at = put_stops(at, metrics);
    *at++ = 1 - ratio((double)metrics->useful_tokens, (double)metrics->padded_tokens);
    const double room = moving ? metrics->present_kv_s : duration * (double)metrics->kv_capacity;
    *at++ = limited ? share(ratio(metrics->kv_reserved_integral, room)) : (double)NAN;
    *at++ = limited && duration > 0 ? metrics->kv_peak : (double)NAN;
    *at++ = share(1 - ratio(metrics->kv_used_integral, metrics->kv_reserved_integral));
    *at++ = ratio((double)metrics->cached_tokens, (double)metrics->admitted_tokens);
    *at++ = ratio((double)metrics->waited, counted);
    *at++ = (double)metrics->preemptions;
    *at++ = metrics->idle_with_work_s;
    *at++ = duration > 0 ? share(mb_metrics_jain(metrics)) : (double)NAN;
    const double usd = moving ? metrics->present_usd : metrics->usd_per_hour / 3600 * duration;
    *at++ = metrics->usd_per_hour > 0 ? ratio(usd, output / 1e6) : (double)NAN;
    *at++ = metrics->sim_wall_s;
    *at++ = ratio((double)metrics->requests, metrics->sim_wall_s);
    for (int i = 0; i < MB_PARTS; i++)
        *at++ = metrics->why
                    ? ratio(mb_part_seconds(&metrics->parts, (mb_time_part)i), (double)metrics->measured)
                    : (double)NAN;
    *at++ = mb_sketch_mean(&metrics->gap);
    *at++ = mb_sketch_quantile(&metrics->gap, 0.99);
    *at++ = share_missed(metrics, &metrics->gap_bound, slo->gap_s > 0 ? slo->gap_s : INFINITY);
    *at++ = mb_sketch_mean(&metrics->qoe);
    *at++ = mb_sketch_quantile(&metrics->qoe, 0.1);
    *at++ = mb_sketch_mean(&metrics->program);
    *at++ = mb_sketch_quantile(&metrics->program, 0.99);
    *at++ = mb_sketch_mean(&metrics->program_token);
    *at++ = metrics->service_compared ? metrics->service_gap : (double)NAN;
    *at++ = metrics->wasted_tokens ? (double)metrics->wasted_tokens : (double)NAN;
    *at++ = ratio((double)metrics->late_tokens, (double)metrics->dated_tokens);
    *at++ = ratio(metrics->late_s, (double)metrics->dated_tokens);
    *at++ = moving ? metrics->replica_s : (double)NAN;
    *at++ = moving ? metrics->lost_s : (double)NAN;
    *at++ = slo->of_late ? share_missed(metrics, &metrics->late_bound, slo->late) : (double)NAN;
    *at++ = metrics->moved_bytes > 0 ? metrics->moved_bytes / 1e9 : (double)NAN;
    *at++ = ratio(metrics->transfers_s, (double)metrics->transfers);
    *at++ = metrics->own_queues ? metrics->idle_beside_s : (double)NAN;
}

int mb_measure_index(const char *name) {
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        if (strcmp(mb_measures[i].name, name) == 0) return i;
    return -1;
}

int mb_measure_find(const char *text, size_t length) {
    char name[64];
    if (length >= sizeof name - 2) return -1;
    memcpy(name, text, length);
    name[length] = '\0';
    for (char *at = name; *at; at++)
        if (*at == ' ') *at = '_';
    const int index = mb_measure_index(name);
    return index < 0 ? mb_measure_index(strcat(name, "_s")) : index;
}

const char *mb_measure_example(const char *text, size_t length) {
    const char *names[MB_MEASURE_COUNT];
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        names[i] = mb_measures[i].name;
    const char *near = mb_nearest_word(name, names, MB_MEASURE_COUNT);
    return near ? near : "ttft_p99_s";
}

mb_scale mb_measure_scale(int measure) {
    return mb_measures[measure].share ? MB_SCALE_SHARE : MB_SCALE_POSITIVE;
}

bool mb_measure_is_latency(int measure) {
    static const char *const prefixes[] = {"ttft_", "tpot_",    "itl_",  "e2e_",     "queue_",
                                           "gap_",  "program_", "late_", "transfer_"};
    const char *name = mb_measures[measure].name;
    const size_t length = strlen(name);
    if (length < 2 || strcmp(name + length - 2, "_s") != 0) return false;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
    return false;
}
