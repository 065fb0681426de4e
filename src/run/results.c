// SPDX-License-Identifier: MIT
#include "run/results.h"

#include "base/student.h"

#include <math.h>
#include <stdlib.h>

#define CONFIDENCE 0.95

const mb_section *mb_results_section(const mb_results *results) {
    return results->view ? results->view : mb_scenario_section(results->scenario, results->section);
}

// Points of a sweep may differ in policies and seeds, so the offset is a sum; a few ns per point.
mb_outcome *mb_results_at(const mb_results *results, size_t point, size_t policy, uint32_t seed) {
    const mb_section *section = mb_results_section(results);
    size_t offset = 0;
    for (size_t i = 0; i < point; i++)
        offset += section->points[i].experiment.policy_count * section->points[i].experiment.seeds;
    return &results->outcomes[offset + policy * section->points[point].experiment.seeds + seed];
}

// Welford's running mean and sum of squares: equal values give a spread of exactly zero.
typedef struct moments {
    uint32_t count;
    double mean, squares;
} moments;

static void add(moments *m, double value) {
    const double before = value - m->mean;
    m->mean += before / ++m->count;
    m->squares += before * (value - m->mean);
}

static double half_width(const moments *m) {
    if (m->count < 2) return NAN;
    const double degrees = m->count - 1;
    return mb_student_t(CONFIDENCE, m->count - 1) * sqrt(m->squares / degrees / m->count);
}

mb_summary mb_summarise(const mb_results *results, size_t point, size_t policy) {
    const mb_section *section = mb_results_section(results);
    const uint32_t seeds = section->points[point].experiment.seeds;
    const mb_outcome *outcomes = mb_results_at(results, point, policy, 0);
    moments all[MB_MEASURE_COUNT] = {{0}};
    mb_summary summary = {0};
    for (uint32_t s = 0; s < seeds; s++) {
        if (!outcomes[s].finished) continue;
        summary.seeds++;
        for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
            if (!isnan(outcomes[s].values[i])) add(&all[i], outcomes[s].values[i]);
    }
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++) {
        summary.mean[i] = all[i].count ? all[i].mean : NAN;
        summary.half_width[i] = half_width(&all[i]);
    }
    return summary;
}

mb_difference mb_compare(const mb_results *results, size_t point, size_t a, size_t b, int measure) {
    const uint32_t seeds = mb_results_section(results)->points[point].experiment.seeds;
    const mb_outcome *first = mb_results_at(results, point, a, 0);
    const mb_outcome *second = mb_results_at(results, point, b, 0);
    moments m = {0};
    for (uint32_t s = 0; s < seeds; s++) {
        const double difference = first[s].values[measure] - second[s].values[measure];
        if (first[s].finished && second[s].finished && !isnan(difference)) add(&m, difference);
    }
    mb_difference result = {.pairs = m.count, .mean = m.count ? m.mean : NAN, .half_width = half_width(&m)};
    result.real = m.count >= 2 && fabs(result.mean) > result.half_width;
    return result;
}

// The mean of one measure alone: mb_summarise for all of them would make mb_best do 55 times the work.
static double mean_of(const mb_outcome *outcomes, uint32_t seeds, int measure) {
    moments m = {0};
    for (uint32_t s = 0; s < seeds; s++)
        if (outcomes[s].finished && !isnan(outcomes[s].values[measure])) add(&m, outcomes[s].values[measure]);
    return m.count ? m.mean : NAN;
}

size_t mb_best(const mb_results *results, size_t point, int measure) {
    const mb_experiment *experiment = &mb_results_section(results)->points[point].experiment;
    const mb_better better = mb_measures[measure].better;
    if (better == MB_BETTER_NEITHER || !experiment->policy_count) return SIZE_MAX;
    const mb_outcome *outcomes = mb_results_at(results, point, 0, 0);
    size_t best = SIZE_MAX;
    double best_mean = NAN;
    for (size_t p = 0; p < experiment->policy_count; p++) {
        const double mean = mean_of(outcomes + p * experiment->seeds, experiment->seeds, measure);
        if (isnan(mean)) continue;
        const bool wins = better == MB_BETTER_HIGHER ? mean > best_mean : mean < best_mean;
        if (best != SIZE_MAX && !wins) continue;
        best = p;
        best_mean = mean;
    }
    return best;
}

void mb_results_deinit(mb_results *results) {
    for (size_t i = 0; results->outcomes && i < results->count; i++) {
        free(results->outcomes[i].error);
        free(results->outcomes[i].classes);
        for (size_t j = 0; j < results->outcomes[i].cut_count; j++)
            free(results->outcomes[i].cuts[j].edges);
        free(results->outcomes[i].cuts);
    }
    free(results->outcomes);
    results->outcomes = NULL;
    results->count = 0;
}
