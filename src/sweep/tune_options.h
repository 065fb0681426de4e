// SPDX-License-Identifier: MIT
// What a tuning is asked, and what it looks at of a run.
#pragma once
#include "run/pool.h"
#include "sweep/axis.h"

enum { MB_TUNE_RUNS = 200, MB_TUNE_FRESH = 10 };
#define MB_TUNE_LEAST_SERVED 0.99 // latencies are of what was served

typedef struct mb_tune_options {
    const char *scenario, *db; // db NULL: the runs are not kept
    const mb_overrides *overrides;
    mb_axis *axes;               // a range of whole numbers may turn out to be one of fractions
    const char *const *settings; // the tuning's part of the command, to be compared when it goes on
    size_t axis_count, setting_count;
    int measure;
    uint32_t fresh; // seeds to judge by
    size_t runs;    // at most so many, of all policies together; 0: MB_TUNE_RUNS for each
    int argc;
    char *const *argv;
    mb_run_options run;
} mb_tune_options;

// A run, as far as it is looked at here.
typedef struct mb_tune_run {
    bool done;
    double value;  // of the measure; NAN: of no use
    double e2e;    // mean, which two runs on different requests hardly share
    double served; // share
} mb_tune_run;
