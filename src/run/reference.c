// SPDX-License-Identifier: MIT
#include "run/reference.h"

#include "base/paths.h"
#include "base/strbuf.h"
#include "run/bound.h"
#include "run/experiment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const mb_bound_measures[] = {
    "duration_s",    "throughput_rps", "throughput_tps", "total_tps",    "goodput_rps", "ttft_mean_s",
    "ttft_p50_s",    "ttft_p90_s",     "ttft_p95_s",     "ttft_p99_s",   "ttft_max_s",  "e2e_mean_s",
    "e2e_p50_s",     "e2e_p90_s",      "e2e_p95_s",      "e2e_p99_s",    "e2e_max_s",   "ttft_violation",
    "tbt_violation", "e2e_violation",  "slo_attainment", "usd_per_mtok", NULL};

// The section once more, to be changed.
static mb_section *copy_section(const mb_section *section) {
    mb_section *copy = malloc(sizeof *copy);
    mb_point *points = malloc((section->point_count + 1) * sizeof *points);
    if (!copy || !points) {
        free(copy);
        free(points);
        return NULL;
    }
    memcpy(points, section->points, section->point_count * sizeof *points);
    *copy = *section;
    copy->points = points;
    return copy;
}

static mb_status view(mb_results *viewed, const mb_results *results, mb_error *error) {
    *viewed = (mb_results){.scenario = results->scenario, .section = results->section};
    viewed->view = copy_section(mb_results_section(results));
    return viewed->view ? MB_OK : mb_fail_memory(error);
}

// --- the bound

// A section of bounds: at each point one policy.
static mb_status make_bound(mb_reference *reference, const mb_results *results, mb_error *error) {
    mb_results *bound = &reference->bound;
    const mb_status status = view(bound, results, error);
    reference->bound_spec.label = mb_strdup("bound");
    if (status == MB_OK && !reference->bound_spec.label) return mb_fail_memory(error);
    if (status != MB_OK) return status;
    for (size_t i = 0; i < bound->view->point_count; i++) {
        bound->view->points[i].experiment.policies = &reference->bound_spec;
        bound->view->points[i].experiment.policy_count = 1;
    }
    return mb_results_init(bound, error);
}

static mb_status run_bound(mb_reference *reference, const mb_results *results, const mb_run_options *options,
                           mb_error *error) {
    mb_results *bound = &reference->bound;
    mb_status status = make_bound(reference, results, error);
    for (size_t i = 0; status == MB_OK && i < bound->count && !atomic_load(options->stop); i++) {
        mb_outcome *outcome = &bound->outcomes[i];
        const mb_experiment *whole = &mb_results_section(results)->points[outcome->point].experiment;
        status = mb_bound_compute(whole, options->stop, outcome, error);
    }
    return status;
}

// --- those who know every length

// Shortest first is the best of simple rules where lengths are known: by what is left, or by the whole.
static mb_status find_oracles(mb_reference *reference, const char *root, bool steps, mb_error *error) {
    const char *const names[] = {steps ? "srpt" : "static_sjf", steps ? "sjf" : "dynamic_no_bins"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mb_policy_spec *spec = &reference->oracles[i];
        spec->label = mb_strdup(names[i]);
        if (!spec->label) return mb_fail_memory(error);
        const mb_status status = mb_paths_find_policy(root, NULL, names[i], &spec->path, error);
        if (status != MB_OK) return status;
    }
    return MB_OK;
}

static bool listed(const mb_policy_spec *list, size_t count, const char *path) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].path, path) == 0) return true;
    return false;
}

// The scenario's own policies and the oracles, on exact predictions, and with leave to look at the lengths.
static mb_policy_spec *enlighten(const mb_reference *reference, mb_experiment *experiment) {
    const size_t own = experiment->policy_count;
    const size_t oracles = sizeof reference->oracles / sizeof *reference->oracles;
    mb_policy_spec *list = malloc((own + oracles) * sizeof *list);
    if (!list) return NULL;
    memcpy(list, experiment->policies, own * sizeof *list);
    size_t count = own;
    for (size_t i = 0; i < oracles; i++)
        if (!reference->oracles[i].path || !listed(list, own, reference->oracles[i].path))
            list[count++] = reference->oracles[i];
    experiment->policies = list;
    experiment->policy_count = count;
    experiment->oracle = true;
    experiment->workload.predictor = (mb_predictor){.kind = MB_PREDICT_EXACT};
    return list;
}

// A section of those who know every length; reference->oracles are named.
static mb_status make_clairvoyant(mb_reference *reference, const mb_results *results, mb_error *error) {
    const mb_section *section = mb_results_section(results);
    mb_results *clairvoyant = &reference->clairvoyant;
    mb_status status = view(clairvoyant, results, error);
    reference->lists = calloc(section->point_count + 1, sizeof *reference->lists);
    if (status == MB_OK && !reference->lists) status = mb_fail_memory(error);
    for (size_t i = 0; status == MB_OK && i < section->point_count; i++) {
        reference->lists[i] = enlighten(reference, &clairvoyant->view->points[i].experiment);
        if (!reference->lists[i]) status = mb_fail_memory(error);
    }
    return status == MB_OK ? mb_results_init(clairvoyant, error) : status;
}

static mb_status run_clairvoyant(mb_reference *reference, const mb_results *results, const char *root,
                                 const mb_run_options *options, mb_error *error) {
    const mb_run_options quiet = {
        .threads = options->threads, .stop = options->stop, .walls = options->walls};
    const mb_section *section = mb_results_section(results);
    const bool steps =
        section->point_count && mb_latency_is_step(&section->points[0].experiment.groups->latency);
    mb_status status = find_oracles(reference, root, steps, error);
    if (status == MB_OK) status = make_clairvoyant(reference, results, error);
    return status == MB_OK ? mb_run_more(&quiet, &reference->clairvoyant, error) : status;
}

mb_status mb_reference_make(mb_results *results, const char *const oracles[2], mb_error *error) {
    mb_reference *reference = results->reference = calloc(1, sizeof *reference);
    if (!reference) return mb_fail_memory(error);
    for (size_t i = 0; i < 2; i++) {
        reference->oracles[i].label = mb_strdup(oracles[i]);
        if (!reference->oracles[i].label) return mb_fail_memory(error);
    }
    const mb_status status = make_bound(reference, results, error);
    return status == MB_OK ? make_clairvoyant(reference, results, error) : status;
}

mb_status mb_run_reference(mb_results *results, const char *root, const mb_run_options *options,
                           mb_error *error) {
    mb_reference *reference = calloc(1, sizeof *reference);
    if (!reference) return mb_fail_memory(error);
    results->reference = reference;
    const mb_status status = run_bound(reference, results, options, error);
    return status == MB_OK ? run_clairvoyant(reference, results, root, options, error) : status;
}

// --- comparing

double mb_bound_of(const mb_results *results, size_t point, uint32_t seed, int measure) {
    const mb_outcome *bound = mb_results_at(&results->reference->bound, point, 0, seed);
    return bound->finished ? bound->values[measure] : (double)NAN;
}

// Did it serve everybody? Without a bound nobody has counted who could be served at all.
static bool served_all(const mb_results *results, size_t point, const mb_outcome *outcome) {
    const double most = mb_bound_of(results, point, outcome->seed_index, mb_measure_index("finished"));
    if (!outcome->finished) return false;
    if (!isnan(most)) return outcome->values[mb_measure_index("finished")] == most;
    return outcome->values[mb_measure_index("finished")] == outcome->values[mb_measure_index("requests")];
}

double mb_regret(const mb_results *results, size_t point, size_t policy, uint32_t seed, int measure) {
    const mb_outcome *outcome = mb_results_at(results, point, policy, seed);
    const double bound = mb_bound_of(results, point, seed, measure), value = outcome->values[measure];
    if (isnan(bound) || isnan(value) || !served_all(results, point, outcome)) return NAN;
    const bool higher = mb_measures[measure].better == MB_BETTER_HIGHER;
    const double small = higher ? value : bound, large = higher ? bound : value;
    const double regret = large > 0 ? 1 - small / large : 0;
    return fabs(regret) < 1e-9 ? 0 : regret; // rounding
}

mb_estimate mb_regret_level(const mb_results *results, size_t point, size_t policy, int measure) {
    const uint32_t seeds = mb_results_section(results)->points[point].experiment.seeds;
    mb_sample sample = {.scale = MB_SCALE_SHARE};
    for (uint32_t s = 0; s < seeds; s++) {
        const double regret = mb_regret(results, point, policy, s, measure);
        if (!isnan(regret)) mb_sample_add(&sample, regret);
    }
    return mb_sample_level(&sample);
}

size_t mb_clairvoyant(const mb_results *results, size_t point, int measure) {
    const mb_results *runs = &results->reference->clairvoyant;
    const mb_experiment *experiment = &mb_results_section(runs)->points[point].experiment;
    const mb_better better = mb_measures[measure].better;
    size_t best = SIZE_MAX;
    double best_level = NAN;
    for (size_t p = 0; p < experiment->policy_count; p++) {
        bool whole = true;
        for (uint32_t s = 0; s < experiment->seeds; s++)
            whole = whole && served_all(results, point, mb_results_at(runs, point, p, s));
        const double level = whole ? mb_level(runs, point, p, measure).value : (double)NAN;
        const bool wins = better == MB_BETTER_HIGHER ? level > best_level : level < best_level;
        if (isnan(level) || (best != SIZE_MAX && !wins)) continue;
        best = p;
        best_level = level;
    }
    return best;
}

double mb_clairvoyant_of(const mb_results *results, size_t point, uint32_t seed, int measure) {
    const size_t best = mb_clairvoyant(results, point, measure);
    if (best == SIZE_MAX) return NAN;
    return mb_results_at(&results->reference->clairvoyant, point, best, seed)->values[measure];
}
