// SPDX-License-Identifier: MIT
#include "sweep/tune.h"

#include "base/strbuf.h"
#include "run/params.h"
#include "sweep/tune_store.h"
#include "sweep/variant.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AS_IT_IS SIZE_MAX // the trial that is none: the scenario's own values

typedef struct job {
    size_t policy, trial;
    uint32_t seed; // of the scenario's replications
    mb_tune_run *run;
    sqlite3_int64 number, point; // in the database
    size_t row_policy;           // there, both from 0
    uint32_t row_seed;
} job;

// What a worker is at; the scenario stays while the trial does.
typedef struct slot {
    mb_scenario *scenario;
    size_t policy, trial;
    job *job;
    mb_outcome outcome;
} slot;

typedef struct tuner {
    const mb_tune_options *options;
    mb_tune_result *result;
    mb_tune_store *store; // NULL: the runs are not kept
    pthread_mutex_t mutex;
    slot *slots;
    job *jobs; // of the round
    size_t job_count, job_capacity, next;
    size_t most_runs;
    bool failed;
    mb_error error;
} tuner;

// --- a trial ---------------------------------------------------------------------------------------------

static const size_t *levels_of(const mb_tuned *policy, size_t trial) {
    return &policy->search.levels[trial * policy->axis_count];
}

static void set_text(const mb_tuned *policy, size_t trial, size_t axis, char text[192]) {
    char value[MB_AXIS_TEXT];
    mb_axis_text(policy->axes[axis], levels_of(policy, trial)[axis], value);
    snprintf(text, 192, "%s=%s", policy->axes[axis]->key, value);
}

char *mb_tune_label(const mb_tuned *policy, size_t trial) {
    mb_strbuf label = {0};
    for (size_t i = 0; i < policy->axis_count; i++) {
        char text[192];
        set_text(policy, trial, i, text);
        mb_strbuf_printf(&label, "%s%s", i ? " " : "", text);
    }
    if (!label.failed && label.text) return label.text;
    mb_strbuf_deinit(&label);
    return NULL;
}

// With `seeds` seeds, of which a job runs one.
static mb_status load(const tuner *all, const mb_tuned *policy, size_t trial, mb_scenario **scenario,
                      mb_error *error) {
    char texts[MB_MOST_AXES][192];
    const char *sets[MB_MOST_AXES];
    const size_t count = trial == AS_IT_IS ? 0 : policy->axis_count;
    for (size_t i = 0; i < count; i++) {
        set_text(policy, trial, i, texts[i]);
        sets[i] = texts[i];
    }
    return mb_variant_load(all->options->scenario, all->options->overrides, sets, count, scenario, error);
}

static const mb_experiment *experiment_of(const mb_scenario *scenario) {
    return &mb_scenario_section(scenario, 0)->points[0].experiment;
}

// NAN: of no use.
static double useful_value(const mb_tune_options *options, const mb_tune_run *run) {
    if (mb_measure_is_latency(options->measure) && !(run->served >= MB_TUNE_LEAST_SERVED)) return NAN;
    return run->done ? run->value : (double)NAN;
}

static mb_estimate level_of(const mb_tune_options *options, const mb_tune_run *runs, uint32_t count) {
    mb_sample sample = {.scale = mb_measure_scale(options->measure)};
    for (uint32_t i = 0; i < count; i++) {
        const double value = useful_value(options, &runs[i]);
        if (isnan(value)) return (mb_estimate){.value = NAN, .low = NAN, .high = NAN};
        mb_sample_add(&sample, value);
    }
    return mb_sample_level(&sample);
}

double mb_tune_level(const mb_tune_options *options, const mb_tune_result *result, const mb_tuned *policy,
                     size_t trial) {
    return level_of(options, &policy->runs[trial * result->seeds], result->seeds).value;
}

// --- the runs of a round, on all threads -----------------------------------------------------------------

static mb_status add_job(tuner *all, const job *what, mb_error *error) {
    if (what->run->done) {
        all->result->before++;
        all->result->done++;
        return MB_OK;
    }
    if (all->job_count == all->job_capacity) {
        const size_t capacity = all->job_capacity ? 2 * all->job_capacity : 256;
        job *grown = realloc(all->jobs, capacity * sizeof *grown);
        if (!grown) return mb_fail_memory(error);
        all->jobs = grown;
        all->job_capacity = capacity;
    }
    all->jobs[all->job_count++] = *what;
    return MB_OK;
}

static void give_up(tuner *all, const mb_error *error) {
    if (!all->failed) all->error = *error;
    all->failed = true;
}

static bool next_job(void *context, unsigned worker, mb_job_state *state, mb_job *out) {
    tuner *all = context;
    slot *own = &all->slots[worker];
    mb_error error = {0};
    pthread_mutex_lock(&all->mutex);
    own->job = all->failed || all->next == all->job_count ? NULL : &all->jobs[all->next++];
    pthread_mutex_unlock(&all->mutex);
    if (!own->job) return false;
    const mb_tuned *policy = &all->result->policies[own->job->policy];
    if (!own->scenario || own->policy != own->job->policy || own->trial != own->job->trial) {
        mb_step_clock_close(state->clock); // of the scenario before
        state->clock = NULL;
        mb_scenario_free(own->scenario);
        own->scenario = NULL;
        own->policy = own->job->policy;
        own->trial = own->job->trial;
        if (load(all, policy, own->trial, &own->scenario, &error) != MB_OK) {
            pthread_mutex_lock(&all->mutex);
            give_up(all, &error);
            pthread_mutex_unlock(&all->mutex);
            return false;
        }
    }
    own->outcome = (mb_outcome){.policy = own->job->policy, .seed_index = own->job->seed};
    *out = (mb_job){experiment_of(own->scenario), &own->outcome};
    return true;
}

static void job_done(void *context, unsigned worker, const mb_job *ended) {
    tuner *all = context;
    slot *own = &all->slots[worker];
    mb_outcome *outcome = ended->outcome;
    mb_error error = {0};
    // A run that was ended from outside says nothing.
    const bool cut = !outcome->finished && atomic_load(all->options->run.stop);
    pthread_mutex_lock(&all->mutex);
    if (!cut && !all->failed) {
        outcome->policy = own->job->row_policy;
        outcome->seed_index = own->job->row_seed;
        const mb_status status =
            all->store ? mb_tune_store_run(all->store, own->job->number, own->job->point, outcome, &error)
                       : MB_OK;
        mb_tuned *policy = &all->result->policies[own->job->policy];
        const bool ended_well = outcome->finished;
        *own->job->run = (mb_tune_run){
            .done = status == MB_OK,
            .value = ended_well ? outcome->values[all->options->measure] : (double)NAN,
            .e2e = ended_well ? outcome->values[mb_measure_index("e2e_mean_s")] : (double)NAN,
            .served = ended_well ? outcome->values[mb_measure_index("served_share")] : (double)NAN};
        if (!ended_well && outcome->error && !policy->failure) {
            policy->failure = outcome->error;
            outcome->error = NULL;
        }
        if (status != MB_OK)
            give_up(all, &error);
        else
            all->result->done++;
    }
    pthread_mutex_unlock(&all->mutex);
    mb_outcome_deinit(outcome);
    own->outcome = (mb_outcome){0};
}

static mb_status run_jobs(tuner *all, mb_error *error) {
    const mb_job_feed feed = {.next = next_job,
                              .done = job_done,
                              .before = all->result->done,
                              .total = all->most_runs,
                              .context = all};
    unsigned threads = mb_pool_threads(&all->options->run);
    if (threads > all->job_count) threads = (unsigned)all->job_count;
    all->next = 0;
    if (!threads) return MB_OK;
    all->slots = calloc(threads, sizeof *all->slots);
    mb_status status =
        all->slots ? mb_pool_run(&all->options->run, &feed, threads, error) : mb_fail_memory(error);
    for (unsigned i = 0; i < threads && all->slots; i++)
        mb_scenario_free(all->slots[i].scenario);
    free(all->slots);
    all->slots = NULL;
    all->job_count = 0;
    all->result->interrupted = atomic_load(all->options->run.stop);
    if (status == MB_OK && all->failed) {
        *error = all->error;
        status = error->status;
    }
    return status;
}

// --- tuning ----------------------------------------------------------------------------------------------

// Into the database, unless it is there.
static mb_status add_point(tuner *all, mb_tuned *policy, const mb_tune_point *point, uint32_t seeds,
                           mb_tune_run *const *runs, mb_error *error) {
    if (!all->store) return MB_OK;
    if (mb_tune_store_knows(all->store))
        return mb_tune_store_read(all->store, point->label, all->options->measure, seeds, runs,
                                  &policy->failure, error);
    return mb_tune_store_add(all->store, point, error);
}

static mb_status explain_trial(const char *label, mb_error *error) {
    char message[sizeof error->message];
    snprintf(message, sizeof message, "%s", error->message);
    return mb_fail(error, error->status, "--tune, at %s: %s", label, message);
}

static mb_status add_trial(tuner *all, size_t number, size_t trial, mb_error *error) {
    mb_tuned *policy = &all->result->policies[number];
    const uint32_t seeds = all->result->seeds;
    mb_tune_run *runs = &policy->runs[trial * seeds];
    const sqlite3_int64 first = all->store ? all->store->runs : 0;
    mb_scenario *scenario = NULL;
    char *label = mb_tune_label(policy, trial);
    if (!label) return mb_fail_memory(error);
    mb_status status = MB_OK;
    mb_policy_spec spec;
    mb_experiment experiment = {0};
    if (!all->store || !mb_tune_store_knows(all->store)) { // once here, so that mistakes come before the runs
        status = load(all, policy, trial, &scenario, error);
        if (status == MB_OK) status = mb_variant_check(scenario, "--tune", error);
        if (status != MB_OK) explain_trial(label, error);
    }
    if (scenario && status == MB_OK) {
        experiment = *experiment_of(scenario);
        spec = experiment.policies[number];
        experiment.policies = &spec;
        experiment.policy_count = 1;
    }
    const mb_tune_point point = {1, "tuning", label, &experiment, scenario};
    if (status == MB_OK) status = add_point(all, policy, &point, seeds, &(mb_tune_run *){runs}, error);
    for (uint32_t seed = 0; seed < seeds && status == MB_OK; seed++) {
        const job what = {.policy = number,
                          .trial = trial,
                          .seed = seed,
                          .run = &runs[seed],
                          .number = first + 1 + seed,
                          .point = all->store ? all->store->points : 0,
                          .row_seed = seed};
        status = add_job(all, &what, error);
    }
    mb_scenario_free(scenario);
    free(label);
    return status;
}

static mb_status ask(tuner *all, mb_error *error) {
    mb_status status = all->store ? mb_tune_store_begin(all->store, error) : MB_OK;
    for (size_t i = 0; i < all->result->policy_count && status == MB_OK; i++) {
        mb_tuned *policy = &all->result->policies[i];
        if (!policy->axis_count) continue;
        mb_pattern_ask(&policy->search);
        if (policy->search.failed) status = mb_fail_memory(error);
        for (size_t j = policy->search.told; j < policy->search.count && status == MB_OK; j++)
            status = add_trial(all, i, j, error);
    }
    mb_error ignored;
    if (all->store) {
        const mb_status ended =
            mb_tune_store_end(all->store, status == MB_OK, status == MB_OK ? error : &ignored);
        if (status == MB_OK) status = ended;
    }
    return status;
}

// What the round gave. Trials of which a run is missing, since the round was ended, do not count.
static void tell(tuner *all) {
    const uint32_t seeds = all->result->seeds;
    const bool lower = mb_measures[all->options->measure].better == MB_BETTER_LOWER;
    for (size_t i = 0; i < all->result->policy_count; i++) {
        mb_tuned *policy = &all->result->policies[i];
        for (size_t j = policy->search.told; j < policy->search.count; j++) {
            const mb_tune_run *runs = &policy->runs[j * seeds];
            bool whole = true, failed = false;
            for (uint32_t seed = 0; seed < seeds; seed++) {
                whole = whole && runs[seed].done;
                failed = failed || (runs[seed].done && isnan(runs[seed].served));
            }
            const double level = mb_tune_level(all->options, all->result, policy, j);
            policy->search.costs[j] = isnan(level) ? INFINITY : lower ? level : -level;
            policy->trials += whole;
            policy->failed += whole && failed;
        }
        mb_pattern_tell(&policy->search);
        policy->best = mb_pattern_best(&policy->search);
    }
}

static bool any_left(const mb_tune_result *result) {
    for (size_t i = 0; i < result->policy_count; i++)
        if (result->policies[i].search.count > result->policies[i].search.told) return true;
    return false;
}

static mb_status tune(tuner *all, mb_error *error) {
    for (;;) {
        mb_status status = ask(all, error);
        if (status != MB_OK) return status;
        if (!any_left(all->result)) return MB_OK;
        status = run_jobs(all, error);
        tell(all);
        if (status != MB_OK || all->result->interrupted) return status;
    }
}

// --- judging ---------------------------------------------------------------------------------------------

// Both policies at a point, the scenario's own first.
static mb_status add_judgement(tuner *all, size_t number, mb_error *error) {
    mb_tuned *policy = &all->result->policies[number];
    const uint32_t fresh = all->options->fresh;
    const sqlite3_int64 first = all->store ? all->store->runs : 0;
    mb_scenario *scenario = NULL;
    char name[160], *label = mb_tune_label(policy, policy->best);
    mb_status status = label ? load(all, policy, policy->best, &scenario, error) : mb_fail_memory(error);
    mb_experiment experiment = *experiment_of(all->result->scenario);
    mb_policy_spec specs[2] = {experiment.policies[number]};
    if (status == MB_OK) specs[1] = experiment_of(scenario)->policies[number];
    snprintf(name, sizeof name, "%s, tuned", policy->label);
    specs[1].label = name;
    experiment.policies = specs;
    experiment.policy_count = 2;
    experiment.seeds = fresh;
    const mb_tune_point point = {2, "judged on fresh seeds", label, &experiment, scenario};
    if (status == MB_OK) status = add_point(all, policy, &point, fresh, policy->judged, error);
    for (size_t which = 0; which < 2; which++)
        for (uint32_t seed = 0; seed < fresh && status == MB_OK; seed++) {
            const job what = {.policy = number,
                              .trial = which ? policy->best : AS_IT_IS,
                              .seed = all->result->seeds + seed,
                              .run = &policy->judged[which][seed],
                              .number = first + 1 + (sqlite3_int64)(which * fresh) + seed,
                              .point = all->store ? all->store->points : 0,
                              .row_policy = which,
                              .row_seed = seed};
            status = add_job(all, &what, error);
        }
    mb_scenario_free(scenario);
    free(label);
    return status;
}

static bool to_judge(const mb_tuned *policy) {
    return policy->axis_count && policy->best != SIZE_MAX && policy->best != policy->start;
}

static bool saw_same_requests(const mb_tune_result *result, const mb_tuned *policy, uint32_t fresh) {
    for (uint32_t i = 0; i < fresh; i++)
        for (uint32_t j = 0; j < result->seeds; j++)
            if (policy->judged[1][i].e2e == policy->runs[policy->best * result->seeds + j].e2e) return true;
    return false;
}

static void compare(tuner *all, mb_tuned *policy) {
    const uint32_t fresh = all->options->fresh;
    mb_pairs pairs = {0};
    policy->is_judged = true;
    for (uint32_t i = 0; i < fresh; i++) {
        policy->is_judged = policy->is_judged && policy->judged[0][i].done && policy->judged[1][i].done;
        const double a = useful_value(all->options, &policy->judged[1][i]),
                     b = useful_value(all->options, &policy->judged[0][i]);
        if (!isnan(a) && !isnan(b)) mb_pairs_add(&pairs, a, b);
    }
    for (size_t which = 0; which < 2; which++)
        policy->levels[which] = level_of(all->options, policy->judged[which], fresh);
    policy->difference = mb_pairs_compare(&pairs, mb_measure_scale(all->options->measure));
    policy->same_requests = policy->is_judged && saw_same_requests(all->result, policy, fresh);
}

static mb_status judge(tuner *all, mb_error *error) {
    mb_tune_result *result = all->result;
    mb_status status = all->store ? mb_tune_store_begin(all->store, error) : MB_OK;
    for (size_t i = 0; i < result->policy_count && status == MB_OK; i++)
        if (to_judge(&result->policies[i])) status = add_judgement(all, i, error);
    mb_error ignored;
    if (all->store) {
        const mb_status ended =
            mb_tune_store_end(all->store, status == MB_OK, status == MB_OK ? error : &ignored);
        if (status == MB_OK) status = ended;
    }
    if (status == MB_OK) status = run_jobs(all, error);
    double *p = malloc((result->policy_count + 1) * sizeof *p);
    for (size_t i = 0; i < result->policy_count && p; i++) {
        if (to_judge(&result->policies[i])) compare(all, &result->policies[i]);
        p[i] = result->policies[i].is_judged ? result->policies[i].difference.p : (double)NAN;
    }
    if (!p || !mb_holm(p, result->policy_count)) status = mb_fail_memory(error);
    for (size_t i = 0; i < result->policy_count && status == MB_OK; i++)
        result->policies[i].difference.p_holm = p[i];
    free(p);
    return status;
}

// --- the whole -------------------------------------------------------------------------------------------

// Which of the axes a policy has, and what it has there by itself.
static mb_status find_axes(const tuner *all, const mb_experiment *experiment, size_t number,
                           mb_error *error) {
    mb_tuned *tuned = &all->result->policies[number];
    mb_lua_policy policy;
    const mb_status status =
        mb_lua_policy_open(&policy, &experiment->policies[number], &experiment->limits, NULL, 0, 0, error);
    if (status != MB_OK) return status;
    for (size_t i = 0; i < all->options->axis_count; i++) {
        const mb_axis *axis = &all->options->axes[i];
        char *text = tuned->defaults[tuned->axis_count];
        const bool param = strncmp(axis->key, "params.", 7) == 0;
        text[0] = '\0';
        if (!param || mb_lua_policy_param(&policy, axis->key + 7, text))
            tuned->axes[tuned->axis_count++] = axis;
    }
    mb_lua_policy_close(&policy);
    return MB_OK;
}

// A whole range of a parameter that is a fraction by default is one of fractions.
static void take_fractions(const mb_tune_options *options, const mb_tuned *policy) {
    for (size_t i = 0; i < policy->axis_count; i++) {
        char *end;
        const double value = strtod(policy->defaults[i], &end);
        if (end != policy->defaults[i] && !*end && value != floor(value))
            mb_axis_take_fractions(&options->axes[policy->axes[i] - options->axes]);
    }
}

static mb_status begin_policy(const tuner *all, size_t number, size_t most, mb_error *error) {
    mb_tuned *policy = &all->result->policies[number];
    size_t start[MB_MOST_AXES];
    bool known = true;
    for (size_t i = 0; i < policy->axis_count; i++)
        known = known && mb_axis_find(policy->axes[i], policy->defaults[i], &start[i]);
    policy->start = known && policy->axis_count ? 0 : SIZE_MAX;
    policy->best = SIZE_MAX;
    policy->runs = calloc(most * all->result->seeds, sizeof *policy->runs);
    for (size_t i = 0; i < 2; i++)
        policy->judged[i] = calloc(all->options->fresh, sizeof *policy->judged[i]);
    const bool good = mb_pattern_init(&policy->search, policy->axes, policy->axis_count, most,
                                      policy->start == 0 ? start : NULL);
    return good && policy->runs && policy->judged[0] && policy->judged[1] ? MB_OK : mb_fail_memory(error);
}

static mb_status check_keys(const tuner *all, mb_error *error) {
    for (size_t i = 0; i < all->options->axis_count; i++) {
        const mb_axis *axis = &all->options->axes[i];
        bool used = false;
        for (size_t j = 0; j < all->result->policy_count; j++)
            for (size_t k = 0; k < all->result->policies[j].axis_count; k++)
                used = used || all->result->policies[j].axes[k] == axis;
        if (!used)
            return mb_fail(error, MB_BAD_INPUT, "--tune %s: no policy here has a parameter of that name",
                           axis->key);
        for (size_t j = 0; j < all->options->overrides->set_count; j++) {
            const char *set = all->options->overrides->sets[j];
            const size_t length = strlen(axis->key);
            if (strncmp(set, axis->key, length) == 0 && set[length] == '=')
                return mb_fail(error, MB_BAD_INPUT, "--set %s gives a tuned key one value", set);
        }
    }
    return MB_OK;
}

static mb_status prepare(tuner *all, mb_error *error) {
    const mb_tune_options *options = all->options;
    mb_tune_result *result = all->result;
    mb_status status = load(all, NULL, AS_IT_IS, &result->scenario, error);
    if (status == MB_OK) status = mb_variant_check(result->scenario, "--tune", error);
    if (status == MB_OK) status = mb_variant_caution(result->scenario, &result->caution, error);
    if (status != MB_OK) return status;
    const mb_experiment *experiment = experiment_of(result->scenario);
    result->seeds = experiment->seeds;
    result->policies = calloc(experiment->policy_count + 1, sizeof *result->policies);
    if (!result->policies) return mb_fail_memory(error);
    result->policy_count = experiment->policy_count;
    for (size_t i = 0; i < result->policy_count && status == MB_OK; i++) {
        result->policies[i].label = experiment->policies[i].label;
        status = find_axes(all, experiment, i, error);
    }
    if (status == MB_OK) status = check_keys(all, error);
    if (status != MB_OK) return status;
    const size_t each = options->runs ? options->runs / result->policy_count : MB_TUNE_RUNS;
    const size_t needed = 2 * (size_t)result->seeds + 2 * (size_t)options->fresh;
    if (each < needed)
        return mb_fail(
            error, MB_BAD_INPUT,
            "--runs %zu: %zu are needed at least, for each policy two values with %u seeds, and both "
            "with %u fresh ones to judge by; give fewer --seeds or --fresh, or more --runs",
            options->runs ? options->runs : each * result->policy_count, needed * result->policy_count,
            result->seeds, options->fresh);
    const size_t most = (each - 2 * options->fresh) / result->seeds;
    for (size_t i = 0; i < result->policy_count; i++)
        take_fractions(options, &result->policies[i]);
    for (size_t i = 0; i < result->policy_count && status == MB_OK; i++) {
        status = begin_policy(all, i, most, error);
        if (result->policies[i].axis_count) all->most_runs += each;
    }
    return status;
}

static mb_status all_failed(const mb_tune_result *result, mb_error *error) {
    for (size_t i = 0; i < result->policy_count; i++) {
        const mb_tuned *policy = &result->policies[i];
        if (!policy->trials || policy->failed < policy->trials || !policy->failure) continue;
        *error = *policy->failure;
        if (error->status == MB_OK) error->status = MB_FAILED;
        return error->status;
    }
    return MB_OK;
}

mb_status mb_tune_run_all(const mb_tune_options *options, mb_tune_result *result, mb_error *error) {
    tuner all = {.options = options, .result = result};
    mb_tune_store store = {.store = {.lock = -1}};
    *result = (mb_tune_result){0};
    pthread_mutex_init(&all.mutex, NULL);
    mb_status status = prepare(&all, error);
    if (status == MB_OK && options->db) {
        all.store = &store;
        status = mb_tune_store_open(&store, options, result->scenario, error);
    }
    if (status == MB_OK) status = tune(&all, error);
    if (status == MB_OK && !result->interrupted) status = all_failed(result, error);
    if (status == MB_OK && !result->interrupted) status = judge(&all, error);
    if (options->db) mb_tune_store_close(&store);
    pthread_mutex_destroy(&all.mutex);
    free(all.jobs);
    return status;
}

void mb_tune_deinit(mb_tune_result *result) {
    for (size_t i = 0; i < result->policy_count; i++) {
        mb_tuned *policy = &result->policies[i];
        mb_pattern_deinit(&policy->search);
        free(policy->runs);
        free(policy->judged[0]);
        free(policy->judged[1]);
        free(policy->failure);
    }
    free(result->policies);
    mb_scenario_free(result->scenario);
    free(result->caution);
    *result = (mb_tune_result){0};
}
