// SPDX-License-Identifier: MIT
// What the jobs of a section found, and statistics over them.
#pragma once
#include "base/statistics.h"
#include "metrics/batch_means.h"
#include "scenario/scenario.h"

// Where one set of bins was cut; `bins - 1` edges.
typedef struct mb_cut {
    uint32_t bins;
    double *edges; // owned
} mb_cut;

// What a class or a client got in a run.
typedef struct mb_party_row {
    char *name; // owned
    double values[MB_PARTY_VALUES];
} mb_party_row;

// One job: one policy, one seed, one point.
typedef struct mb_outcome {
    size_t point, policy;
    uint32_t seed_index; // 0 .. seeds - 1
    bool started, finished;
    bool left; // in a call that never came back; the program is about to end
    mb_status status;
    mb_error *error; // NULL, or what ended it; of a finished run, what its hook `done` met; owned
    double values[MB_MEASURE_COUNT];
    // For the notes under a table:
    uint64_t skipped_zero, skipped_empty, skipped_long, memory_stops, extrapolated_batches;
    bool service_crowded;                         // service_gap is of some of the clients only
    double memory_peak;                           // highest fraction of a pool, NAN without a limit
    double last_arrival_s, trace_first_s;         // the second as in mb_metrics
    bool stopped, arrivals_ended, past_end, cold; // as in mb_metrics
    char first_rejection[256];
    uint64_t stranded;                           // as in mb_metrics
    uint64_t computed_tokens, recomputed_tokens; // by engines; the second, of the first, after preemptions
    mb_class_metrics *classes;                   // of the workload's classes; NULL: none. Owned
    size_t class_count;
    mb_party_row *parties; // where somebody asked; owned
    size_t party_count;
    char **scripts; // every file that the policy loaded, its own first; owned
    size_t script_count;
    mb_batch_interval batch_means; // of the only seed; .batches 0: there are others, or the run was short
    mb_cut *cuts;                  // the policy's sets of bins, as they were when the run ended. Owned
    size_t cut_count;
    bool sampled, sample_judged; // it looked at a sample of lengths; which was of the requests judged here
} mb_outcome;

// Seeds are added until the 95 % interval of a measure is within +- width of its level.
typedef struct mb_until {
    double width; // 0: nobody asked
    int measure;
    uint32_t most; // seeds, whatever the width
} mb_until;

typedef struct mb_results {
    mb_scenario *scenario;
    size_t section;
    mb_outcome *outcomes; // [point][policy][seed]; see mb_results_at; owned
    size_t count;
    size_t *offsets; // of each point's first outcome; owned. NULL: mb_results_at counts
    bool interrupted;
    double wall_s;
    unsigned threads;
    const mb_section
        *view; // NULL: section number `section` of `scenario`; else this one, and `scenario` is not asked
    const char *baseline; // label of the policy that the others are compared with; NULL: all with all
    mb_until until;
    struct mb_results
        *control; // of the same jobs with relaxed limits; NULL: nobody asked. Owned, with its view
    struct mb_reference *reference; // the best possible; NULL: nobody asked. Owned
} mb_results;

// What policies are measured against; see run/reference.h.
typedef struct mb_reference {
    mb_results bound; // of one policy, whose values no policy can beat; `finished` says of how many requests.
                      // An outcome that did not finish has the reason in its error
    mb_results clairvoyant;                // of policies that know every length
    mb_policy_spec bound_spec, oracles[2]; // label and path owned
    mb_policy_spec **lists;                // the policies of each point of `clairvoyant`; owned
} mb_reference;

// The section that these are the results of.
const mb_section *mb_results_section(const mb_results *results);

// The outcome of a job; the seeds of one policy at one point lie side by side.
mb_outcome *mb_results_at(const mb_results *results, size_t point, size_t policy, uint32_t seed);

// Make the outcomes of all jobs, none of them started.
mb_status mb_results_init(mb_results *results, mb_error *error);

// What a policy reached over the seeds that finished; a seed for which a measure is undefined (NAN) does not
// count in it. `level` is what tables print, with its 95 % interval (base/statistics.h); `mean` and
// `half_width` are the plain mean and Student's t, which for a heavy tail may reach out of the range. NAN: no
// value; the intervals: fewer than two values. Of one seed, means over requests have an interval by batch
// means.
typedef struct mb_summary {
    uint32_t seeds;
    double level[MB_MEASURE_COUNT], low[MB_MEASURE_COUNT], high[MB_MEASURE_COUNT];
    double mean[MB_MEASURE_COUNT], half_width[MB_MEASURE_COUNT];
} mb_summary;
mb_summary mb_summarise(const mb_results *results, size_t point, size_t policy);
// The level of one measure alone.
mb_estimate mb_level(const mb_results *results, size_t point, size_t policy, int measure);

// Policies a and b in one measure, paired by seed (both saw the same requests); p_holm is not corrected yet.
mb_difference mb_compare(const mb_results *results, size_t point, size_t a, size_t b, int measure);
// The policy named by results->baseline at a point; SIZE_MAX: none.
size_t mb_baseline_at(const mb_results *results, size_t point);
// The tests that Holm's correction is over. That one policy is the best is claimed of comparisons with it
// alone, and a false claim needs that another seems better than the one that truly is: of those there are no
// more than policies less one (Hsu 1984, "Constrained simultaneous confidence intervals for multiple
// comparisons with the best"). A claim about any pair needs all of them.
typedef enum mb_test_family { MB_FAMILY_WITH_REFERENCE, MB_FAMILY_ALL_PAIRS } mb_test_family;
// Policy `reference` as a against each policy as b (itself: no pair), after Holm's correction over the family
// at the point; with a baseline over the pairs that it is in (p_holm of others is NAN). The caller frees it;
// NULL: out of memory.
mb_difference *mb_compare_all(const mb_results *results, size_t point, size_t reference, int measure,
                              mb_test_family family);
// The best policy at a point in a measure (by level; the first of equals) but for `except` (or SIZE_MAX);
// SIZE_MAX if no policy has a value or the measure has no better and worse.
size_t mb_best(const mb_results *results, size_t point, int measure, size_t except);
// The widest interval of results->until.measure of the policies at a point, as a share of the level (half of
// it).
double mb_until_width(const mb_results *results, size_t point);
// Frees what the results own: the outcomes and their errors. The scenario is the caller's.
void mb_outcome_deinit(mb_outcome *outcome);
void mb_results_deinit(mb_results *results);
