// SPDX-License-Identifier: MIT
#include "run/experiment.h"

#include "base/clock.h"

// The outcomes of a point by seeds, each with all policies: a run that is stopped has seen them on the same
// requests.
typedef struct array_feed {
    const mb_section *section;
    mb_results *results;
    atomic_size_t next;
} array_feed;

static mb_outcome *outcome_of(const array_feed *feed, size_t number) {
    const size_t point = feed->results->outcomes[number].point, first = feed->results->offsets[point];
    const size_t policies = feed->section->points[point].experiment.policy_count;
    return mb_results_at(feed->results, point, (number - first) % policies,
                         (uint32_t)((number - first) / policies));
}

static bool next_job(void *context, unsigned worker, mb_job_state *state, mb_job *job) {
    (void)worker, (void)state;
    array_feed *feed = context;
    for (;;) {
        const size_t number = atomic_fetch_add(&feed->next, 1);
        if (number >= feed->results->count) return false;
        mb_outcome *outcome = outcome_of(feed, number);
        if (outcome->started) continue; // from an earlier round
        *job = (mb_job){&feed->section->points[outcome->point].experiment, outcome};
        return true;
    }
}

mb_status mb_run_more(const mb_run_options *options, mb_results *results, mb_error *error) {
    array_feed jobs = {.section = mb_results_section(results), .results = results};
    mb_job_feed feed = {.next = next_job, .total = results->count, .context = &jobs};
    for (size_t i = 0; i < results->count; i++)
        feed.before += results->outcomes[i].started;
    unsigned count = mb_pool_threads(options);
    if (count > results->count) count = results->count ? (unsigned)results->count : 1;
    const double start = mb_clock_wall();
    const mb_status status = mb_pool_run(options, &feed, count, error);
    results->wall_s += mb_clock_wall() - start;
    results->threads = count;
    results->interrupted = atomic_load(options->stop);
    return status;
}

mb_status mb_run_section(mb_scenario *scenario, size_t section, const mb_run_options *options,
                         mb_results *results, mb_error *error) {
    *results = (mb_results){.scenario = scenario, .section = section};
    const mb_status status = mb_results_init(results, error);
    return status == MB_OK ? mb_run_more(options, results, error) : status;
}
