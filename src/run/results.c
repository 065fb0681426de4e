// SPDX-License-Identifier: MIT
#include "run/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const mb_section *mb_results_section(const mb_results *results) {
    return results->view ? results->view : mb_scenario_section(results->scenario, results->section);
}

static size_t jobs_at(const mb_section *section, size_t point) {
    return section->points[point].experiment.policy_count * section->points[point].experiment.seeds;
}

// Points of a sweep may differ in policies and seeds, so the offset is a sum.
mb_outcome *mb_results_at(const mb_results *results, size_t point, size_t policy, uint32_t seed) {
    const mb_section *section = mb_results_section(results);
    size_t offset = results->offsets ? results->offsets[point] : 0;
    for (size_t i = 0; i < point && !results->offsets; i++)
        offset += jobs_at(section, i);
    return &results->outcomes[offset + policy * section->points[point].experiment.seeds + seed];
}

mb_status mb_results_init(mb_results *results, mb_error *error) {
    const mb_section *section = mb_results_section(results);
    size_t count = 0;
    size_t *offsets = realloc(results->offsets, (section->point_count + 1) * sizeof *offsets);
    if (!offsets) return mb_fail_memory(error);
    results->offsets = offsets;
    for (size_t i = 0; i < section->point_count; i++) {
        offsets[i] = count;
        count += jobs_at(section, i);
    }
    mb_outcome *outcomes = calloc(count ? count : 1, sizeof *outcomes);
    if (!outcomes) return mb_fail_memory(error);
    results->outcomes = outcomes;
    results->count = 0;
    for (size_t point = 0; point < section->point_count; point++) {
        const mb_experiment *experiment = &section->points[point].experiment;
        for (size_t policy = 0; policy < experiment->policy_count; policy++)
            for (uint32_t seed = 0; seed < experiment->seeds; seed++)
                outcomes[results->count++] =
                    (mb_outcome){.point = point, .policy = policy, .seed_index = seed};
    }
    return MB_OK;
}

// Half the interval of a measure within an outcome that is the only one; NAN: none. Shares count requests
// that were not served, which are in no batch.
static double within_run(const mb_outcome *outcome, int measure) {
    if (!outcome->batch_means.batches) return NAN;
    const bool all_served = outcome->values[mb_measure_index("served_share")] == 1;
    if (mb_measure_scale(measure) == MB_SCALE_SHARE && !all_served) return NAN;
    for (size_t i = 0; i < MB_BATCH_MEASURES; i++)
        if (strcmp(mb_measures[measure].name, mb_batch_measures[i]) == 0)
            return outcome->batch_means.half_width[i];
    return NAN;
}

static mb_estimate estimate(const mb_sample *sample, const mb_outcome *only, int measure) {
    mb_estimate level = mb_sample_level(sample);
    const double half_width = only && level.count == 1 ? within_run(only, measure) : (double)NAN;
    if (!isnan(half_width)) level = mb_estimate_around(level.value, half_width, mb_measure_scale(measure));
    level.count = sample->plain.count;
    return level;
}

mb_summary mb_summarise(const mb_results *results, size_t point, size_t policy) {
    const mb_section *section = mb_results_section(results);
    const uint32_t seeds = section->points[point].experiment.seeds;
    const mb_outcome *outcomes = mb_results_at(results, point, policy, 0);
    mb_sample all[MB_MEASURE_COUNT];
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        all[i] = (mb_sample){.scale = mb_measure_scale((int)i)};
    mb_summary summary = {0};
    for (uint32_t s = 0; s < seeds; s++) {
        if (!outcomes[s].finished) continue;
        summary.seeds++;
        for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
            if (!isnan(outcomes[s].values[i])) mb_sample_add(&all[i], outcomes[s].values[i]);
    }
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++) {
        const mb_estimate level = estimate(&all[i], seeds == 1 ? outcomes : NULL, (int)i);
        summary.level[i] = level.value;
        summary.low[i] = level.low;
        summary.high[i] = level.high;
        summary.mean[i] = all[i].plain.count ? all[i].plain.mean : NAN;
        summary.half_width[i] = mb_moments_half_width(&all[i].plain);
    }
    return summary;
}

// mb_summarise for all measures would make mb_best do 55 times the work.
mb_estimate mb_level(const mb_results *results, size_t point, size_t policy, int measure) {
    const uint32_t seeds = mb_results_section(results)->points[point].experiment.seeds;
    const mb_outcome *outcomes = mb_results_at(results, point, policy, 0);
    mb_sample sample = {.scale = mb_measure_scale(measure)};
    for (uint32_t s = 0; s < seeds; s++)
        if (outcomes[s].finished && !isnan(outcomes[s].values[measure]))
            mb_sample_add(&sample, outcomes[s].values[measure]);
    return estimate(&sample, seeds == 1 ? outcomes : NULL, measure);
}

mb_difference mb_compare(const mb_results *results, size_t point, size_t a, size_t b, int measure) {
    const uint32_t seeds = mb_results_section(results)->points[point].experiment.seeds;
    const mb_outcome *first = mb_results_at(results, point, a, 0);
    const mb_outcome *second = mb_results_at(results, point, b, 0);
    mb_pairs pairs = {0};
    for (uint32_t s = 0; s < seeds; s++) {
        const double x = first[s].values[measure], y = second[s].values[measure];
        if (first[s].finished && second[s].finished && !isnan(x) && !isnan(y)) mb_pairs_add(&pairs, x, y);
    }
    return mb_pairs_compare(&pairs, mb_measure_scale(measure));
}

size_t mb_baseline_at(const mb_results *results, size_t point) {
    const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
    for (size_t i = 0; results->baseline && i < experiment->policy_count; i++)
        if (strcmp(experiment->policies[i].label, results->baseline) == 0) return i;
    return SIZE_MAX;
}

// Is the pair a, b in the family of tests?
static bool is_tested(size_t a, size_t b, size_t reference, size_t baseline, mb_test_family family) {
    if (b >= a) return false;
    if (baseline != SIZE_MAX) return baseline == a || baseline == b;
    return family == MB_FAMILY_ALL_PAIRS || reference == a || reference == b;
}

mb_difference *mb_compare_all(const mb_results *results, size_t point, size_t reference, int measure,
                              mb_test_family family) {
    const size_t count = mb_results_section(results)->points[point].experiment.policy_count;
    const size_t baseline = mb_baseline_at(results, point);
    mb_difference *against = calloc(count + 1, sizeof *against);
    double *p = malloc((count * count + 1) * sizeof *p);
    for (size_t a = 0; against && p && a < count; a++)
        for (size_t b = 0; b < count; b++) {
            const bool tested = is_tested(a, b, reference, baseline, family);
            p[a * count + b] = tested ? mb_compare(results, point, a, b, measure).p : NAN;
        }
    const bool corrected = against && p && mb_holm(p, count * count);
    for (size_t b = 0; corrected && b < count; b++) {
        if (b == reference) continue;
        against[b] = mb_compare(results, point, reference, b, measure);
        against[b].p_holm = b < reference ? p[reference * count + b] : p[b * count + reference];
    }
    free(p);
    if (corrected) return against;
    free(against);
    return NULL;
}

size_t mb_best(const mb_results *results, size_t point, int measure, size_t except) {
    const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
    const mb_better better = mb_measures[measure].better;
    size_t best = SIZE_MAX;
    double best_level = NAN;
    for (size_t p = 0; p < experiment->policy_count && better != MB_BETTER_NEITHER; p++) {
        const double level = p == except ? NAN : mb_level(results, point, p, measure).value;
        if (isnan(level)) continue;
        const bool wins = better == MB_BETTER_HIGHER ? level > best_level : level < best_level;
        if (best != SIZE_MAX && !wins) continue;
        best = p;
        best_level = level;
    }
    return best;
}

double mb_until_width(const mb_results *results, size_t point) {
    const size_t count = mb_results_section(results)->points[point].experiment.policy_count;
    double widest = 0;
    for (size_t p = 0; p < count; p++) {
        const mb_estimate level = mb_level(results, point, p, results->until.measure);
        if (!level.count || level.value == 0) continue; // nothing finished, or nothing but zeros
        const double width = (level.high - level.low) / 2 / level.value;
        if (!(width <= widest)) widest = isnan(width) ? INFINITY : width;
    }
    return widest;
}

void mb_outcome_deinit(mb_outcome *outcome) {
    free(outcome->error);
    free(outcome->classes);
    for (size_t i = 0; i < outcome->party_count; i++)
        free(outcome->parties[i].name);
    free(outcome->parties);
    for (size_t i = 0; i < outcome->cut_count; i++)
        free(outcome->cuts[i].edges);
    free(outcome->cuts);
    for (size_t i = 0; i < outcome->script_count; i++)
        free(outcome->scripts[i]);
    free(outcome->scripts);
}

// Results that own their view of the section.
static void free_viewed(mb_results *viewed) {
    mb_section *view = (mb_section *)(uintptr_t)viewed->view;
    mb_results_deinit(viewed);
    if (view) free(view->points);
    free(view);
}

static void free_reference(mb_reference *reference) {
    const mb_section *view = reference->clairvoyant.view;
    for (size_t i = 0; reference->lists && view && i < view->point_count; i++)
        free(reference->lists[i]);
    free(reference->lists);
    free_viewed(&reference->bound);
    free_viewed(&reference->clairvoyant);
    free(reference->bound_spec.label);
    for (size_t i = 0; i < sizeof reference->oracles / sizeof *reference->oracles; i++) {
        free(reference->oracles[i].label);
        free(reference->oracles[i].path);
    }
    free(reference);
}

void mb_results_deinit(mb_results *results) {
    if (results->control) {
        free_viewed(results->control);
        free(results->control);
        results->control = NULL;
    }
    if (results->reference) free_reference(results->reference);
    results->reference = NULL;
    for (size_t i = 0; results->outcomes && i < results->count; i++)
        mb_outcome_deinit(&results->outcomes[i]);
    free(results->outcomes);
    free(results->offsets);
    results->outcomes = NULL;
    results->offsets = NULL;
    results->count = 0;
}
