// SPDX-License-Identifier: MIT
// A scenario: an experiment described by a Lua script, read into plain C values that any thread can run.
#pragma once
#include "base/error.h"
#include "metrics/measures.h"
#include "policy/spec.h"
#include "sim/sim.h"

// Everything that a set of comparable runs shares: the same requests, cluster and clocks for every policy.
typedef struct mb_experiment {
    mb_workload workload;
    mb_latency latency;
    mb_grid *grid;              // of latency.table; owned
    struct mb_profile *profile; // of latency.profile; owned
    uint32_t replicas;
    mb_kv_kind kv_kind;
    uint64_t kv_capacity;
    uint32_t kv_max_length, kv_block;
    bool prefix_cache;
    mb_reserve reserve;
    bool reserve_given; // the scenario says so
    double watermark;
    uint32_t max_requests;
    uint64_t token_budget, swap_tokens;
    double swap_s_per_token;
    uint32_t *graph_sizes;        // of a step model; owned
    struct mb_roofline *roofline; // of latency.roofline; owned
    char *model_path;             // of cluster.model; owned, NULL where there is none
    double usd_per_hour;          // of all replicas together; 0: not known
    bool block_oversize;
    bool stepwise; // --step
    double stop_s;
    mb_slo slo;
    uint64_t warmup_requests;
    double warmup_s;
    bool exact_percentiles, oracle;
    mb_policy_spec *policies;
    size_t policy_count;
    uint32_t seeds;
    uint64_t seed; // of the first; the others are the replications of it
    mb_limits limits;
    const struct mb_scenario *scenario; // that it belongs to, and where:
    size_t section_index, point_index;
    char *description; // "10,000 requests, 4 replicas, ..." in words
} mb_experiment;

// One point of a sweep.
typedef struct mb_point {
    char *label; // "cluster.gpus=4 params.bins=8"; "" where nothing is swept
    mb_experiment experiment;
} mb_point;

typedef struct mb_section {
    char *title, *question; // NULL where not given
    char **columns;         // measures that its table shows, NULL-terminated; NULL: the usual ones
    bool has_report;        // the script prints the results itself
    mb_point *points;
    size_t point_count;
} mb_section;

typedef struct mb_scenario mb_scenario;

// A change from the command line: "cluster.gpus=8", or a policy to add: "NAME|FILE[,param=value...]".
typedef struct mb_overrides {
    const char *const *sets;
    size_t set_count;
    const char *const *overs; // "cluster.gpus=1,2,4", "params.bins=1..32:x2": axes of a sweep
    size_t over_count;
    const char *const *policies;
    size_t policy_count;
    const char *only; // of the scenario's own policies, names with commas between; NULL: all
    uint32_t seeds;   // 0: as the scenario says
    uint64_t seed;
    bool has_seed;
    bool stepwise;    // --step
    mb_limits limits; // zero members: as the scenario says
    // Read `most_points` points from number `first_point` on, counted from 0 over all sections, and leave out
    // the others, so that a large sweep need not be in memory as a whole; 0: all points.
    size_t first_point, most_points;
} mb_overrides;

// Load, check and prepare. Every mistake is one sentence with file, line and the nearest known key.
// A scenario that cannot run here and says so (`skip "reason"`) gives *scenario with mb_scenario_skipped()
// set.
mb_status mb_scenario_load(const char *path, const mb_overrides *overrides, mb_scenario **scenario,
                           mb_error *error);
void mb_scenario_free(mb_scenario *scenario);

const char *mb_scenario_path(const mb_scenario *scenario);
const char *mb_scenario_root(const mb_scenario *scenario); // of the project's files
const char *mb_scenario_text(const mb_scenario *scenario); // the script's source
// The files that the script required, or ran by their names: NULL after the last.
const char *mb_scenario_module(const mb_scenario *scenario, size_t index);
// The files of data that it names: traces, lengths, tables, descriptions of hardware. NULL after the last.
const char *mb_scenario_file(const mb_scenario *scenario, size_t index);
const char *mb_scenario_skipped(const mb_scenario *scenario); // the reason, or NULL
size_t mb_scenario_point_count(const mb_scenario *scenario);  // over all sections, those left out as well
size_t mb_scenario_section_count(const mb_scenario *scenario);
const mb_section *mb_scenario_section(const mb_scenario *scenario, size_t index);
// Change the number of seeds of a point, and its description with it.
mb_status mb_scenario_reseed(mb_scenario *scenario, size_t section, size_t point, uint32_t seeds,
                             mb_error *error);

// The function of latency.custom, in a Lua state of its own: a scenario's state serves one thread.
typedef struct mb_step_clock mb_step_clock;
// Runs the scenario's text again, once for a thread: its jobs take turns.
mb_status mb_step_clock_open(const mb_scenario *scenario, mb_step_clock **clock, mb_error *error);
// Makes `latency` call the function of this experiment of the scenario; `latency` must not outlive the clock.
void mb_step_clock_use(mb_step_clock *clock, const mb_experiment *experiment, mb_latency *latency);
// Stands in until a job opens the clock.
mb_status mb_step_clock_missing(void *self, const mb_step_shape *shape, double *seconds, mb_error *error);
void mb_step_clock_close(mb_step_clock *clock);

// Results of one policy at one point, over seeds.
typedef struct mb_row {
    size_t point, policy;
    uint32_t seeds;                   // that finished
    const double *level, *low, *high; // [MB_MEASURE_COUNT], as tables print it; NAN: no interval
    const double *mean, *half_width;  // the plain mean and Student's t
    const double *const *values;      // [of the experiment's seeds][MB_MEASURE_COUNT]; NULL: did not finish
} mb_row;

// Call the section's own report function; it prints to standard output.
mb_status mb_scenario_report(mb_scenario *scenario, size_t section, const mb_row *rows, size_t row_count,
                             mb_error *error);
