// SPDX-License-Identifier: MIT
// The runs of a tuning in a database, in the tables of a sweep (docs/results.md): a point for each
// combination that a policy tries, in the order in which they are tried, and one where it is judged.
#pragma once
#include "sweep/inputs.h"
#include "sweep/record.h"
#include "sweep/tune_options.h"

typedef struct mb_tune_store {
    mb_store store;
    mb_inputs inputs;
    mb_recorder recorder;
    bool fresh, writing;
    sqlite3_int64 known, points, runs; // points that were there; points passed or added, and their runs
} mb_tune_store;

mb_status mb_tune_store_open(mb_tune_store *all, const mb_tune_options *options, const mb_scenario *scenario,
                             mb_error *error);
// Around the points of a round. `good` false: they are taken back.
mb_status mb_tune_store_begin(mb_tune_store *all, mb_error *error);
mb_status mb_tune_store_end(mb_tune_store *all, bool good, mb_error *error);
typedef struct mb_tune_point {
    int section; // 1: tuning, 2: judging
    const char *title, *label;
    const mb_experiment *experiment; // its policies and seeds
    const mb_scenario *scenario;     // whose files it rests on
} mb_tune_point;

// Is the next point there already?
bool mb_tune_store_knows(const mb_tune_store *all);
// Write the next point.
mb_status mb_tune_store_add(mb_tune_store *all, const mb_tune_point *point, mb_error *error);
// Pass over the next point, which is there already and must have this label: its runs go into `runs`
// ([policy][seeds]), the first error of one into *failure, unless that has one.
mb_status mb_tune_store_read(mb_tune_store *all, const char *label, int measure, uint32_t seeds,
                             mb_tune_run *const *runs, mb_error **failure, mb_error *error);
// A run, by its number.
mb_status mb_tune_store_run(mb_tune_store *all, sqlite3_int64 run, sqlite3_int64 point,
                            const mb_outcome *outcome, mb_error *error);
// By which measure a database's first section was tuned; -1: it is of a sweep.
mb_status mb_tune_store_measure(mb_store *store, int *measure, mb_error *error);
void mb_tune_store_close(mb_tune_store *all);
