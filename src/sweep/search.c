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
            return mb_fail(error, MB_BAD_INPUT, "--slo %s: '%.*s' is no measure; for example %s", text,
                           (int)length, text, mb_measure_example(text, length));
    }
    if (!signs || !end || end == sign + 2 || *end || !(slo->bound > 0) || isinf(slo->bound))
        return mb_fail(error, MB_BAD_INPUT,
                       "--slo %s: expected a measure, <= or >=, and a number above 0, as in 'ttft_p99<=0.5'",
                       text);
    return MB_OK;
}

static bool read_range(const char *values, const char *dots, mb_search_options *options) {
    char low[64] = "", *end = NULL;
    if ((size_t)(dots - values) >= sizeof low) return false;
    snprintf(low, sizeof low, "%.*s", (int)(dots - values), values);
    options->low = strtod(low, &end);
    if (end == low || *end) return false;
    options->high = strtod(dots + 2, &end);
    if (end == dots + 2 || !(options->low > 0) || !(options->high > options->low) || isinf(options->high))
        return false;
    if (!*end) return true;
    if (*end != ':') return false;
    const char *step = end + 1;
    options->step = strtod(step, &end);
    return end != step && !*end && options->step > 0 && options->step <= options->high - options->low;
}

static mb_status read_list(const char *text, const char *values, mb_search_list *list, mb_error *error) {
    for (const char *at = values;; at++) {
        const size_t length = strcspn(at, ",");
        char **items = realloc(list->items, (list->count + 1) * sizeof *items);
        if (!items) return mb_fail_memory(error);
        list->items = items;
        items[list->count] = malloc(length + 1);
        if (!items[list->count]) return mb_fail_memory(error);
        memcpy(items[list->count], at, length);
        items[list->count++][length] = '\0';
        if (!length || list->count > MB_MOST_CHOICES)
            return mb_fail(error, MB_BAD_INPUT, "--over %s: expected up to %d values with commas between",
                           text, MB_MOST_CHOICES);
        at += length;
        if (!*at) return MB_OK;
    }
}

mb_status mb_search_over_parse(const char *text, mb_search_options *options, mb_error *error) {
    const char *equals = strchr(text, '='), *dots = equals ? strstr(equals, "..") : NULL;
    const size_t length = equals ? (size_t)(equals - text) : 0;
    if (length && length < sizeof options->key && equals[1] && !dots) {
        if (options->list_count == MB_MOST_LISTS)
            return mb_fail(error, MB_BAD_INPUT, "--over: at most %d lists can be given", MB_MOST_LISTS);
        mb_search_list *list = &options->lists[options->list_count++];
        memcpy(list->key, text, length);
        return read_list(text, equals + 1, list, error);
    }
    if (dots && options->key[0])
        return mb_fail(error, MB_BAD_INPUT,
                       "--over %s: %s is searched over already; beside it only lists can be given, as in "
                       "cluster.gpu=h100-80gb,l40s-48gb",
                       text, options->key);
    if (dots && length && length < sizeof options->key && read_range(equals + 1, dots, options)) {
        memcpy(options->key, text, length);
        return MB_OK;
    }
    return mb_fail(error, MB_BAD_INPUT,
                   "--over %s: expected key=low..high or key=low..high:step with 0 < low < high, as in "
                   "workload.arrivals.rate=1..100",
                   text);
}

void mb_search_options_deinit(mb_search_options *options) {
    for (size_t i = 0; i < options->list_count; i++) {
        for (size_t j = 0; j < options->lists[i].count; j++)
            free(options->lists[i].items[j]);
        free(options->lists[i].items);
    }
    options->list_count = 0;
}

// The last list runs fastest.
const char *mb_search_item(const mb_search_options *options, size_t choice, size_t list) {
    for (size_t i = options->list_count - 1; i > list; i--)
        choice /= options->lists[i].count;
    return options->lists[list].items[choice % options->lists[list].count];
}

// --- one bisection ---------------------------------------------------------------------------------------

static bool met(const mb_probe_run *run) {
    return run->ratio <= 1;
}

static double middle(const mb_search_options *options, const mb_search_result *result, double a, double b) {
    if (!result->whole) return sqrt(a * b);
    const double step = options->step, low = options->low;
    return low + step * floor(((a - low) / step + (b - low) / step) / 2);
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
    if (result->whole) return fabs(a - b) <= options->step;
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
        task->next = middle(options, result, end, task->answer);
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
        task->next = middle(options, result, task->runs[task->good].at, task->runs[task->bad].at);
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
    const mb_search_options *options; // step and high as the key takes them
    mb_search_result *result;
    pthread_mutex_t mutex;
    slot *slots;
    bool failed;
    mb_error error;
} search;

static mb_status load_at(const mb_search_options *options, size_t choice, double at, mb_scenario **scenario,
                         mb_error *error) {
    mb_strbuf texts[MB_MOST_LISTS + 1] = {{0}};
    const char *sets[MB_MOST_LISTS + 1];
    mb_status status = MB_OK;
    for (size_t i = 0; i <= options->list_count; i++) {
        if (i < options->list_count)
            mb_strbuf_printf(&texts[i], "%s=%s", options->lists[i].key, mb_search_item(options, choice, i));
        else
            mb_strbuf_printf(&texts[i], "%s=%.17g", options->key, at);
        sets[i] = texts[i].text;
        if (texts[i].failed) status = mb_fail_memory(error);
    }
    if (status == MB_OK)
        status = mb_variant_load(options->scenario, options->overrides, sets, options->list_count + 1,
                                 scenario, error);
    for (size_t i = 0; i <= options->list_count; i++)
        mb_strbuf_deinit(&texts[i]);
    return status;
}

static mb_search_task *free_task(search *all, bool *any_left) {
    const size_t count = all->result->choices * all->result->policies * all->result->seeds;
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
    if (load_at(all->options, own->task->choice, own->task->next, &own->scenario, &error) != MB_OK) {
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

// What is wrong, without the option that makes it so: the reason stands beside the choice.
static const char *without_option(const char *message) {
    const char *end = strncmp(message, "--set ", 6) == 0 ? strstr(message, ": ") : NULL;
    return end ? end + 2 : message;
}

// One combination at the low end. Of several, one that does not run is not an error of all.
static mb_status try_choice(search *all, size_t choice, mb_error *refused, mb_error *error) {
    mb_search_result *result = all->result;
    mb_scenario *scenario = NULL;
    mb_status status = load_at(all->options, choice, all->options->low, &scenario, refused);
    if (status == MB_OK) status = mb_variant_check(scenario, "a search", refused);
    if (status == MB_OK) {
        status = mb_variant_caution(scenario, &result->cautions[choice], error);
        if (result->scenario)
            mb_scenario_free(scenario);
        else
            result->scenario = scenario;
        return status;
    }
    mb_scenario_free(scenario);
    result->reasons[choice] = mb_strdup(without_option(refused->message));
    return result->reasons[choice] ? MB_OK : mb_fail_memory(error);
}

// A key that takes no fractions takes whole numbers.
static mb_status find_steps(search *all, mb_search_options *options, mb_error *error) {
    mb_scenario *half = NULL;
    mb_error refused;
    size_t choice = 0;
    while (all->result->reasons[choice])
        choice++;
    if (options->low == floor(options->low) && options->high == floor(options->high))
        all->result->whole = load_at(options, choice, floor(options->low) + 0.5, &half, &refused) != MB_OK;
    mb_scenario_free(half);
    if (!all->result->whole && options->step > 0)
        return mb_fail(error, MB_BAD_INPUT, "--over %s: a step is for keys that take whole numbers",
                       options->key);
    if (options->step == 0) options->step = 1;
    if (options->step != floor(options->step))
        return mb_fail(error, MB_BAD_INPUT, "--over %s: the key takes whole numbers, and the step is %g",
                       options->key, options->step);
    if (all->result->whole)
        options->high = options->low + options->step * floor((options->high - options->low) / options->step);
    return MB_OK;
}

static mb_status prepare(search *all, mb_search_options *options, mb_error *error) {
    mb_search_result *result = all->result;
    mb_status status = MB_OK;
    mb_error refused = {0};
    result->choices = 1;
    for (size_t i = 0; i < options->list_count; i++)
        result->choices *= options->lists[i].count;
    if (result->choices > MB_MOST_CHOICES)
        return mb_fail(error, MB_BAD_INPUT, "--over: %zu combinations of the lists are more than %d",
                       result->choices, MB_MOST_CHOICES);
    result->reasons = calloc(result->choices, sizeof *result->reasons);
    result->cautions = calloc(result->choices, sizeof *result->cautions);
    if (!result->reasons || !result->cautions) return mb_fail_memory(error);
    for (size_t i = 0; i < result->choices && status == MB_OK; i++)
        status = try_choice(all, i, &refused, error);
    if (status == MB_OK && !result->scenario) {
        *error = refused;
        return error->status;
    }
    if (status == MB_OK) status = find_steps(all, options, error);
    if (status != MB_OK) return status;
    const mb_experiment *experiment = &mb_scenario_section(result->scenario, 0)->points[0].experiment;
    result->policies = experiment->policy_count;
    result->seeds = experiment->seeds;
    const size_t each = result->policies * result->seeds, tasks = result->choices * each;
    result->tasks = calloc(tasks + 1, sizeof *result->tasks);
    result->needs = calloc(result->choices * result->policies + 1, sizeof *result->needs);
    if (!result->tasks || !result->needs) return mb_fail_memory(error);
    for (size_t i = 0; i < tasks; i++)
        result->tasks[i] = (mb_search_task){.choice = i / each,
                                            .policy = i % each / result->seeds,
                                            .seed = (uint32_t)(i % result->seeds),
                                            .next = options->low,
                                            .done = result->reasons[i / each] != NULL,
                                            .end = result->reasons[i / each] ? MB_NOT_RUN : MB_FOUND};
    return MB_OK;
}

// --- what it costs ---------------------------------------------------------------------------------------

static mb_status price_at(const mb_search_options *options, size_t choice, double at, double *usd_per_hour,
                          mb_error *error) {
    mb_scenario *scenario = NULL;
    const mb_status status = load_at(options, choice, at, &scenario, error);
    if (status != MB_OK) return status;
    const double price = mb_scenario_section(scenario, 0)->points[0].experiment.usd_per_hour;
    *usd_per_hour = price > 0 ? price : (double)NAN;
    mb_scenario_free(scenario);
    return MB_OK;
}

static mb_status sum_up(const mb_search_options *options, mb_search_result *result, size_t choice,
                        size_t policy, mb_error *error) {
    const mb_search_task *tasks = &result->tasks[(choice * result->policies + policy) * result->seeds];
    mb_search_need *need = &result->needs[choice * result->policies + policy];
    bool found = false;
    *need = (mb_search_need){.known = true, .value = NAN, .usd_per_hour = NAN};
    for (uint32_t i = 0; i < result->seeds; i++) {
        const mb_search_task *task = &tasks[i];
        need->known = need->known && (task->end == MB_FOUND || task->end == MB_MET_EVERYWHERE);
        if (task->end != MB_FOUND) continue;
        const double before = need->value;
        need->value = !found            ? task->answer
                      : task->ascending ? fmin(before, task->answer)
                                        : fmax(before, task->answer);
        found = true;
    }
    if (!need->known) return MB_OK;
    double low = NAN, high = NAN;
    if (found && result->whole) return price_at(options, choice, need->value, &need->usd_per_hour, error);
    mb_status status = price_at(options, choice, options->low, &low, error);
    if (status == MB_OK) status = price_at(options, choice, options->high, &high, error);
    need->value = found ? (double)NAN : high < low ? options->high : options->low;
    // Of a load, which costs nothing, the price is the same at both ends.
    need->usd_per_hour = found && low != high ? (double)NAN : fmin(low, high);
    return status;
}

mb_status mb_search_run(mb_search_options *options, mb_search_result *result, mb_error *error) {
    search all = {.options = options, .result = result};
    *result = (mb_search_result){0};
    mb_status status = prepare(&all, options, error);
    if (status != MB_OK) return status;
    const size_t tasks = result->choices * result->policies * result->seeds;
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
    for (size_t i = 0; i < result->choices * result->policies && status == MB_OK; i++)
        status = sum_up(options, result, i / result->policies, i % result->policies, error);
    return status;
}

void mb_search_deinit(mb_search_result *result) {
    mb_scenario_free(result->scenario);
    for (size_t i = 0; result->reasons && i < result->choices; i++)
        free(result->reasons[i]);
    for (size_t i = 0; result->cautions && i < result->choices; i++)
        free(result->cautions[i]);
    free(result->reasons);
    free(result->cautions);
    free(result->needs);
    free(result->tasks);
    *result = (mb_search_result){0};
}
