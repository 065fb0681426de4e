// SPDX-License-Identifier: MIT
// A scenario: an experiment described by a Lua script, read into plain C values that any thread can run.
#pragma once
#include "base/error.h"
#include "base/strbuf.h"
#include "metrics/measures.h"
#include "scenario/experiment.h"

#include <stdatomic.h>

// One point of a sweep.
typedef struct mb_point {
    char *label; // "cluster.gpus=4 params.bins=8"; "" where nothing is swept
    mb_experiment experiment;
} mb_point;

typedef struct mb_section {
    char *title, *question; // NULL where not given
    char **columns;         // measures that its table shows, NULL-terminated; NULL: the usual ones
    bool has_report;        // the script prints the results itself
    size_t added;           // policies of the command line, the last ones of each point
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
    bool wants[MB_MEASURE_COUNT]; // measures that are wanted, whatever its columns are
    const atomic_bool *stop;      // ends the script while it loads or reports; NULL: nothing does
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
struct mb_scripts *mb_scenario_scripts(const mb_scenario *scenario); // that its policies read
const char *mb_scenario_skipped(const mb_scenario *scenario);        // the reason, or NULL
size_t mb_scenario_point_count(const mb_scenario *scenario); // over all sections, those left out as well
size_t mb_scenario_section_count(const mb_scenario *scenario);
const mb_section *mb_scenario_section(const mb_scenario *scenario, size_t index);
// Change the number of seeds of a point, and its description with it.
mb_status mb_scenario_reseed(mb_scenario *scenario, size_t section, size_t point, uint32_t seeds,
                             mb_error *error);

// Add the tables that an experiment was read from, every default filled in, as an object of JSON.
mb_status mb_scenario_resolved(mb_scenario *scenario, const mb_experiment *experiment, mb_strbuf *text,
                               mb_error *error);

// A script of the same cluster, times, promises and limits, as the script and the command line say them:
// `comment` and `head` are lines of it, the latter with what it says of all else. Fails where a function
// would have to be written. For a scenario with one section that sweeps nothing.
mb_status mb_scenario_write(mb_scenario *scenario, const char *comment, const char *head, mb_strbuf *text,
                            mb_error *error);

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
