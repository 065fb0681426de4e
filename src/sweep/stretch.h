// SPDX-License-Identifier: MIT
// Some points of a sweep, read from its scenario; and the walk over their jobs.
#pragma once
#include "scenario/scenario.h"
#include "sweep/inputs.h"

enum { MB_STRETCH_POINTS = 64 };

typedef struct mb_stretch {
    mb_scenario *scenario;
    mb_overrides overrides;
    size_t first_point, points, jobs; // counted over all sections
    size_t holders;
} mb_stretch;

// The points from `first` on, held once.
mb_status mb_stretch_load(const char *scenario, const mb_overrides *overrides, size_t first,
                          mb_stretch **stretch, mb_error *error);
mb_stretch *mb_stretch_hold(mb_stretch *stretch);
void mb_stretch_release(mb_stretch *stretch); // NULL: nothing
// Add what its points rest on.
mb_status mb_stretch_inputs(const mb_stretch *stretch, mb_inputs *inputs, mb_error *error);

// Starts zeroed, but for `run`, which is the caller's.
typedef struct mb_cursor {
    sqlite3_int64 run; // number of the stretch's first job
    bool started;
    size_t index, point;   // of the job and of its point within the stretch
    size_t section, local; // of the point within its section
    size_t policy;
    uint32_t seed;
    const mb_experiment *experiment;
} mb_cursor;
// The next job: points, policies, seeds, the last running fastest; false after the last.
bool mb_stretch_next(const mb_stretch *stretch, mb_cursor *cursor);

// The point of this number, counted from 0 over the whole sweep, and its number within its section; NULL: it
// is not here.
const mb_experiment *mb_stretch_at(const mb_stretch *stretch, size_t point, size_t *local);
