// SPDX-License-Identifier: MIT
#include "run/until.h"

#include <stdlib.h>

// How many seeds a point shall have; as many as it has where it needs no more.
static uint32_t wanted(const mb_results *results, size_t point) {
    const uint32_t seeds = mb_results_section(results)->points[point].experiment.seeds;
    if (mb_until_width(results, point) <= results->until.width || seeds >= results->until.most) return seeds;
    const uint32_t more = seeds + (seeds + 1) / 2;
    return more < results->until.most ? more : results->until.most;
}

// Every run keeps its outcome; the new ones wait.
static mb_status grow(mb_scenario *scenario, mb_results *results, const uint32_t *seeds, mb_error *error) {
    const mb_section *section = mb_results_section(results);
    mb_outcome *old = results->outcomes;
    size_t at = 0;
    for (size_t i = 0; i < section->point_count; i++) {
        const mb_status status = mb_scenario_reseed(scenario, results->section, i, seeds[i], error);
        if (status != MB_OK) return status;
    }
    const size_t count = results->count;
    const mb_status status = mb_results_init(results, error);
    for (; status == MB_OK && at < count; at++)
        *mb_results_at(results, old[at].point, old[at].policy, old[at].seed_index) = old[at];
    if (status == MB_OK) free(old);
    return status;
}

static bool all_well(const mb_results *results) {
    for (size_t i = 0; i < results->count; i++)
        if (results->outcomes[i].started && !results->outcomes[i].finished) return false;
    return !results->interrupted;
}

static mb_status add_seeds(mb_scenario *scenario, const mb_run_options *options, mb_results *results,
                           uint32_t *seeds, mb_error *error) {
    const size_t points = mb_results_section(results)->point_count;
    bool more = true;
    while (all_well(results)) {
        more = false;
        for (size_t i = 0; i < points; i++) {
            seeds[i] = wanted(results, i);
            more = more || seeds[i] > mb_results_section(results)->points[i].experiment.seeds;
        }
        if (!more) break;
        mb_status status = grow(scenario, results, seeds, error);
        if (status == MB_OK) status = mb_run_more(options, results, error);
        if (status != MB_OK) return status;
    }
    return MB_OK;
}

mb_status mb_run_until(mb_scenario *scenario, size_t section, const mb_until *until,
                       const mb_run_options *options, mb_results *results, mb_error *error) {
    const mb_section *what = mb_scenario_section(scenario, section);
    mb_status status = MB_OK;
    for (size_t i = 0; i < what->point_count && status == MB_OK; i++)
        if (what->points[i].experiment.seeds < MB_UNTIL_LEAST)
            status = mb_scenario_reseed(scenario, section, i, MB_UNTIL_LEAST, error);
    *results = (mb_results){0};
    if (status != MB_OK) return status;
    uint32_t *seeds = calloc(what->point_count + 1, sizeof *seeds);
    if (!seeds) return mb_fail_memory(error);
    status = mb_run_section(scenario, section, options, results, error);
    results->until = *until;
    if (status == MB_OK) status = add_seeds(scenario, options, results, seeds, error);
    free(seeds);
    return status;
}
