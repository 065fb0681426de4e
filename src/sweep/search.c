// SPDX-License-Identifier: MIT
#include "sweep/search.h"

#include "base/strbuf.h"
#include "sweep/variant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEAST_SERVED                                                                                         \
    0.99 // latencies are of what was served: a policy must not meet them by turning away the rest
#define MONOTONE 1.05 // a measure that falls by more than this while it should grow is not monotone
enum { CHECKS = 2 };  // runs on either side of the answer, away from the bracket

mb_status mb_search_slo_parse(const char *text, mb_search_slo *slo, mb_error *error) {
    const size_t length = strcspn(text, "<>=");
    const char *sign = text + length;
    char *end = NULL;
    const bool signs = strncmp(sign, "<=", 2) == 0 || strncmp(sign, ">=", 2) == 0;
    if (signs) {
        slo->at_most = *sign == '<';
        slo->bound = strtod(sign + 2, &end);
        slo->measure = mb_measure_find(text, length);
        if (slo->measure < 0)
            return mb_fail(error, MB_BAD_INPUT, "--slo %s: '%.*s' is no measure; for example ttft_p99_s",
                           text, (int)length, text);
    }
    if (!signs || !end || end == sign + 2 || *end || !(slo->bound > 0) || isinf(slo->bound))
        return mb_fail(error, MB_BAD_INPUT,
                       "--slo %s: expected a measure, <= or >=, and a number above 0, as in 'ttft_p99<=0.5'",
                       text);
    return MB_OK;
}

mb_status mb_search_range_parse(const char *text, mb_search_options *options, mb_error *error) {
    const char *equals = strchr(text, '='), *dots = equals ? strstr(equals, "..") : NULL;
    char low[64] = "", *end = NULL;
    bool good = dots && equals > text && (size_t)(equals - text) < sizeof options->key &&
                (size_t)(dots - equals) < sizeof low;
    if (good) {
        snprintf(options->key, sizeof options->key, "%.*s", (int)(equals - text), text);
        snprintf(low, sizeof low, "%.*s", (int)(dots - equals - 1), equals + 1);
        options->low = strtod(low, &end);
        good = end != low && !*end; // ("1..9" read as a number is "1.")
    }
    if (good) {
        options->high = strtod(dots + 2, &end);
        good = end != dots + 2 && !*end && options->low > 0 && options->high > options->low &&
               !isinf(options->high);
    }
    if (good) return MB_OK;
    return mb_fail(
        error, MB_BAD_INPUT,
        "--over %s: expected key=low..high with 0 < low < high, as in workload.arrivals.rate=1..100", text);
}

// --- one bisection ---------------------------------------------------------------------------------------

static bool met(const mb_probe_run *run) {
    return run->ratio <= 1;
}

static double middle(const mb_search_result *result, double a, double b) {
    return result->whole ? floor((a + b) / 2) : sqrt(a * b);
}

// Where the worst measure reaches its bound between the two ends: on a straight line in logarithms.
static double crossing(const mb_probe_run *good, const mb_probe_run *bad) {
    const double from = log(good->ratio), to = log(bad->ratio);
    if (!(to > from) || !isfinite(from) || !isfinite(to)) return sqrt(good->at * bad->at);
    return good->at * pow(bad->at / good->at, -from / (to - from));
}

static bool narrow(const mb_search_options *options, const mb_search_result *result,
                   const mb_search_task *task) {
    const double a = task->runs[task->good].at, b = task->runs[task->bad].at;
    if (result->whole) return fabs(a - b) <= 1;
    return fmax(a, b) / fmin(a, b) <= 1 + options->tolerance;
}

static bool was_tried(const mb_search_task *task, double at) {
    for (size_t i = 0; i < task->run_count; i++)
        if (task->runs[i].at == at) return true;
    return false;
}

// Away from the answer, where the SLOs must be met on one side and not on the other.
static bool choose_check(const mb_search_options *options, const mb_search_result *result,
                         mb_search_task *task) {
    while (task->checks < CHECKS) {
        const double end = task->checks++ == 0 ? options->low : options->high;
        task->next = middle(result, end, task->answer);
        if (!was_tried(task, task->next)) return true;
    }
    return false;
}

static void judge_monotony(mb_search_task *task) {
    for (size_t i = 0; i < task->run_count; i++)
        for (size_t j = 0; j < task->run_count; j++) {
            const mb_probe_run *a = &task->runs[i], *b = &task->runs[j]; // b is to be the worse one
            const bool order = task->ascending ? a->at < b->at : a->at > b->at;
            if (order && !met(a) && met(b)) task->not_monotone = true;
            if (order && isfinite(a->ratio) && a->ratio > MONOTONE * b->ratio && !met(a))
                task->not_monotone = true;
        }
}

// After both ends: which one is good; false where there is nothing to search.
static bool begin_bracket(mb_search_task *task) {
    const bool low = met(&task->runs[0]), high = met(&task->runs[1]);
    task->ascending = task->runs[0].ratio <= task->runs[1].ratio;
    task->good = task->ascending ? 0 : 1;
    task->bad = 1 - task->good;
    if (low == high) task->end = low ? MB_MET_EVERYWHERE : MB_MET_NOWHERE;
    return low != high;
}

// The run at task->next is the last of task->runs.
static void advance(const mb_search_options *options, const mb_search_result *result, mb_search_task *task) {
    const size_t last = task->run_count - 1;
    task->busy = false;
    if (task->run_count == 1) {
        task->next = options->high;
        return;
    }
    if (task->run_count == 2) {
        if (!begin_bracket(task)) {
            task->done = true;
            return;
        }
    } else if (!task->checks)
        *(met(&task->runs[last]) ? &task->good : &task->bad) = last;
    if (!task->checks && !narrow(options, result, task)) {
        task->next = middle(result, task->runs[task->good].at, task->runs[task->bad].at);
        if (task->run_count < MB_MOST_PROBES - CHECKS) return;
    }
    if (!task->checks)
        task->answer = result->whole ? task->runs[task->good].at
                                     : crossing(&task->runs[task->good], &task->runs[task->bad]);
    if (choose_check(options, result, task)) return;
    judge_monotony(task);
    task->done = true;
}

// --- all of them -----------------------------------------------------------------------------------------

typedef struct slot {
    mb_scenario *scenario;
    mb_search_task *task;
    mb_outcome outcome;
} slot;

typedef struct search {
    const mb_search_options *options;
    mb_search_result *result;
    pthread_mutex_t mutex;
    slot *slots;
    bool failed;
    mb_error error;
} search;

static mb_status load_at(const mb_search_options *options, double at, mb_scenario **scenario,
                         mb_error *error) {
    char set[192];
    snprintf(set, sizeof set, "%s=%.17g", options->key, at);
    const char *const sets[] = {set};
    return mb_variant_load(options->scenario, options->overrides, sets, 1, scenario, error);
}

static mb_search_task *free_task(search *all, bool *any_left) {
    const size_t count = all->result->policies * all->result->seeds;
    *any_left = false;
    for (size_t i = 0; i < count; i++) {
        mb_search_task *task = &all->result->tasks[i];
        *any_left = *any_left || !task->done;
        if (!task->done && !task->busy) return task;
    }
    return NULL;
}

static void give_up(search *all, const mb_error *error) {
    pthread_mutex_lock(&all->mutex);
    if (!all->failed) all->error = *error;
    all->failed = true;
    pthread_mutex_unlock(&all->mutex);
}

static bool next_job(void *context, unsigned worker, mb_job_state *state, mb_job *job) {
    search *all = context;
    slot *own = &all->slots[worker];
    bool left = true;
    own->task = NULL;
    while (!own->task && left) {
        pthread_mutex_lock(&all->mutex);
        own->task = all->failed ? NULL : free_task(all, &left);
        left = left && !all->failed;
        if (own->task) own->task->busy = true;
        pthread_mutex_unlock(&all->mutex);
        if (atomic_load(all->options->run.stop)) return false;
        if (!own->task && left) nanosleep(&(struct timespec){.tv_nsec = 1000000L}, NULL);
    }
    if (!own->task) return false;
    mb_error error = {0};
    mb_step_clock_close(state->clock); // of the scenario before
    state->clock = NULL;
    mb_scenario_free(own->scenario);
    own->scenario = NULL;
    if (load_at(all->options, own->task->next, &own->scenario, &error) != MB_OK) {
        give_up(all, &error);
        return false;
    }
    own->outcome = (mb_outcome){.policy = own->task->policy, .seed_index = own->task->seed};
    *job = (mb_job){&mb_scenario_section(own->scenario, 0)->points[0].experiment, &own->outcome};
    return true;
}

static double ratio_of(const mb_search_options *options, const mb_outcome *outcome,
                       double values[MB_MOST_SLOS]) {
    double worst = 0;
    bool served_named = false;
    for (size_t i = 0; i < options->slo_count; i++) {
        const mb_search_slo *slo = &options->slos[i];
        const double value = values[i] = outcome->finished ? outcome->values[slo->measure] : (double)NAN;
        const double ratio = slo->at_most ? value / slo->bound : slo->bound / value;
        worst = isnan(ratio) ? INFINITY : fmax(worst, ratio);
        served_named = served_named || strcmp(mb_measures[slo->measure].name, "served_share") == 0;
    }
    const double served = outcome->finished ? outcome->values[mb_measure_index("served_share")] : 0;
    if (!served_named && !(served >= LEAST_SERVED)) return INFINITY;
    return worst;
}

static void job_done(void *context, unsigned worker, const mb_job *job) {
    search *all = context;
    slot *own = &all->slots[worker];
    const mb_outcome *outcome = job->outcome;
    if (outcome->status != MB_OK && !outcome->finished && !atomic_load(all->options->run.stop) &&
        outcome->error && strncmp(outcome->error->message, "no request could be served", 26) != 0)
        give_up(all, outcome->error);
    mb_search_task *task = own->task;
    pthread_mutex_lock(&all->mutex);
    mb_probe_run *run = &task->runs[task->run_count++];
    run->at = task->next;
    run->ratio = ratio_of(all->options, outcome, run->values);
    advance(all->options, all->result, task);
    pthread_mutex_unlock(&all->mutex);
    mb_outcome_deinit(&own->outcome);
    own->outcome = (mb_outcome){0};
}

static mb_status prepare(search *all, mb_error *error) {
    mb_search_result *result = all->result;
    mb_status status = load_at(all->options, all->options->low, &result->scenario, error);
    if (status == MB_OK) status = mb_variant_check(result->scenario, "a search", error);
    if (status != MB_OK) return status;
    // A key that takes no fractions takes whole numbers.
    mb_scenario *half = NULL;
    mb_error refused;
    const double between = floor(all->options->low) + 0.5;
    if (all->options->low == floor(all->options->low) && all->options->high == floor(all->options->high))
        result->whole = load_at(all->options, between, &half, &refused) != MB_OK;
    mb_scenario_free(half);
    const mb_experiment *experiment = &mb_scenario_section(result->scenario, 0)->points[0].experiment;
    result->policies = experiment->policy_count;
    result->seeds = experiment->seeds;
    result->tasks = calloc(result->policies * result->seeds + 1, sizeof *result->tasks);
    if (!result->tasks) return mb_fail_memory(error);
    for (size_t i = 0; i < result->policies * result->seeds; i++)
        result->tasks[i] = (mb_search_task){
            .policy = i / result->seeds, .seed = (uint32_t)(i % result->seeds), .next = all->options->low};
    return MB_OK;
}

mb_status mb_search_run(const mb_search_options *options, mb_search_result *result, mb_error *error) {
    search all = {.options = options, .result = result};
    *result = (mb_search_result){0};
    mb_status status = prepare(&all, error);
    if (status != MB_OK) return status;
    const size_t tasks = result->policies * result->seeds;
    unsigned threads = mb_pool_threads(&options->run);
    if (threads > tasks) threads = (unsigned)tasks;
    all.slots = calloc(threads, sizeof *all.slots);
    if (!all.slots) return mb_fail_memory(error);
    pthread_mutex_init(&all.mutex, NULL);
    const mb_job_feed feed = {.next = next_job, .done = job_done, .total = tasks, .context = &all};
    status = mb_pool_run(&options->run, &feed, threads, error);
    for (unsigned i = 0; i < threads; i++)
        mb_scenario_free(all.slots[i].scenario);
    free(all.slots);
    pthread_mutex_destroy(&all.mutex);
    if (status == MB_OK && all.failed) {
        *error = all.error;
        return error->status;
    }
    if (status == MB_OK && atomic_load(options->run.stop))
        return mb_fail(error, MB_FAILED, "interrupted before an answer was found");
    return status;
}

void mb_search_deinit(mb_search_result *result) {
    mb_scenario_free(result->scenario);
    free(result->tasks);
    *result = (mb_search_result){0};
}
