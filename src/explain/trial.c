// SPDX-License-Identifier: MIT
#include "explain/trial.h"

#include <math.h>
#include <stdlib.h>

double mb_explain_value(mb_explain_measure measure, const mb_service *service, double arrival_s) {
    if (!service->served) return NAN;
    if (measure == MB_EXPLAIN_E2E) return service->end_s - arrival_s;
    if (measure == MB_EXPLAIN_TTFT) return service->first_token_s - arrival_s;
    if (service->output_tokens < 2) return NAN;
    return (service->end_s - service->first_token_s) / (service->output_tokens - 1);
}

double mb_gap_share(const mb_gap *gap, int winner) {
    if (!gap->both) return NAN;
    const double best = gap->mean[winner], other = gap->mean[1 - winner];
    return other > 0 ? 1 - best / other : best > 0 ? -INFINITY : 0;
}

bool mb_service_same(const mb_service *a, const mb_service *b) {
    return a->served == b->served && mb_same_time(a->start_s, b->start_s) &&
           mb_same_time(a->first_token_s, b->first_token_s) && mb_same_time(a->end_s, b->end_s) &&
           (isnan(a->start_s) || a->replica == b->replica);
}

// --- one run

typedef struct side {
    mb_outcome outcome;
    mb_record *record;
} side;

// A trial while it runs.
typedef struct match {
    mb_experiment experiment; // a copy, with the trial's requests
    mb_arrival *picked;
    side sides[2];
} match;

typedef struct matches {
    match *list;
    size_t count;
    atomic_size_t next;
} matches;

static bool next_job(void *context, unsigned worker, mb_job_state *state, mb_job *job) {
    (void)worker, (void)state;
    matches *all = context;
    const size_t index = atomic_fetch_add(&all->next, 1);
    if (index >= 2 * all->count) return false;
    match *one = &all->list[index / 2];
    *job = (mb_job){&one->experiment, &one->sides[index % 2].outcome};
    return true;
}

static mb_status watch(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                       const mb_source *source, mb_observer *observer, mb_error *error) {
    (void)experiment, (void)source, (void)error;
    const matches *all = context;
    for (size_t i = 0; i < 2 * all->count; i++) {
        const side *one = &all->list[i / 2].sides[i % 2];
        if (&one->outcome == outcome) *observer = mb_record_observer(one->record);
    }
    return MB_OK;
}

static mb_status prepare(const mb_duel *duel, mb_trial *trial, match *one, mb_error *error) {
    const mb_requests *requests = duel->requests;
    const size_t count = trial->numbers ? trial->count : requests->count;
    one->experiment = *duel->experiment;
    one->experiment.why = trial->wants_parts;
    for (int i = 0; i < 2; i++) {
        one->sides[i] = (side){.outcome = {.policy = (size_t)i}, .record = &trial->records[i]};
        const mb_status status = mb_record_init(&trial->records[i], count, trial->wants_parts, error);
        if (status != MB_OK) return status;
    }
    if (!trial->numbers) return MB_OK;
    one->picked = malloc(count * sizeof *one->picked);
    if (!one->picked) return mb_fail_memory(error);
    one->experiment.workload =
        mb_requests_pick(requests, trial->numbers, count, &duel->experiment->workload, one->picked);
    one->experiment.warmup_requests = 0;
    one->experiment.warmup_s = one->experiment.stop_s = 0;
    return MB_OK;
}

// --- comparing

// Requests of a warm-up are simulated and in no mean.
static bool counts(const mb_duel *duel, const mb_trial *trial, size_t index) {
    if (trial->numbers) return true;
    const mb_experiment *experiment = duel->experiment;
    const mb_arrival *arrivals = duel->requests->arrivals;
    return index >= experiment->warmup_requests &&
           arrivals[index].time_s - arrivals[0].time_s >= experiment->warmup_s;
}

static void compare(const mb_duel *duel, mb_trial *trial) {
    double sums[2] = {0, 0};
    mb_gap *gap = &trial->gap;
    *gap = (mb_gap){.mean = {NAN, NAN}};
    const mb_arrival *arrivals = duel->requests->arrivals;
    const size_t count = trial->records[0].count;
    for (size_t i = 0; i < count; i++) {
        if (!counts(duel, trial, i)) continue;
        const double arrival_s = trial->numbers
                                     ? arrivals[trial->numbers[i]].time_s - arrivals[trial->numbers[0]].time_s
                                     : arrivals[i].time_s;
        double values[2];
        for (int p = 0; p < 2; p++)
            values[p] = mb_explain_value(duel->measure, &trial->records[p].services[i], arrival_s);
        for (int p = 0; p < 2; p++)
            gap->alone[p] +=
                trial->records[p].services[i].served && !trial->records[1 - p].services[i].served;
        if (isnan(values[0]) || isnan(values[1])) continue;
        gap->both++;
        for (int p = 0; p < 2; p++)
            sums[p] += values[p];
    }
    for (int p = 0; p < 2 && gap->both; p++)
        gap->mean[p] = sums[p] / (double)gap->both;
}

static void conclude(const mb_duel *duel, mb_trial *trial, match *one) {
    trial->ran = true;
    for (int i = 0; i < 2; i++) {
        mb_outcome *outcome = &one->sides[i].outcome;
        trial->ran = trial->ran && outcome->finished;
        trial->sampled = trial->sampled || outcome->sampled;
        if (!outcome->error || outcome->finished || trial->error) continue;
        trial->failed = i;
        trial->error = outcome->error;
        outcome->error = NULL; // handed over
    }
    if (trial->ran) compare(duel, trial);
}

mb_status mb_trials_run(mb_duel *duel, mb_trial *trials, size_t count, mb_error *error) {
    matches all = {.list = calloc(count, sizeof *all.list), .count = count};
    if (!all.list) return mb_fail_memory(error);
    mb_status status = MB_OK;
    for (size_t i = 0; i < count && status == MB_OK; i++) {
        status = prepare(duel, &trials[i], &all.list[i], error);
        duel->trials += trials[i].numbers != NULL;
        duel->worked += trials[i].numbers ? trials[i].count : 0;
    }
    mb_run_options options = *duel->run;
    options.observer = (mb_job_observer){.open = watch, .context = &all};
    const mb_job_feed feed = {.next = next_job, .total = 2 * count, .context = &all};
    const unsigned threads = mb_pool_threads(&options);
    if (status == MB_OK)
        status = mb_pool_run(&options, &feed, threads < 2 * count ? threads : (unsigned)(2 * count), error);
    for (size_t i = 0; i < count; i++) {
        match *one = &all.list[i];
        if (status == MB_OK) conclude(duel, &trials[i], one);
        if (status == MB_OK && (trials[i].records[0].failed || trials[i].records[1].failed))
            status = mb_fail_memory(error);
        for (int p = 0; p < 2; p++)
            mb_outcome_deinit(&one->sides[p].outcome);
        free(one->picked);
    }
    free(all.list);
    return status;
}

void mb_trial_deinit(mb_trial *trial) {
    free(trial->numbers);
    free(trial->error);
    for (int i = 0; i < 2; i++)
        mb_record_deinit(&trial->records[i]);
    *trial = (mb_trial){0};
}
