// SPDX-License-Identifier: MIT
// What the search for the cheapest configuration tried, and how it is printed.
#pragma once
#include "base/strbuf.h"
#include "planner/question.h"

enum { MB_PLAN_MOST_LIMITS = 8, MB_PLAN_MOST_TRIED = 512 };

typedef struct mb_plan_limit {
    int measure; // of mb_measures
    bool at_least;
    double value;
} mb_plan_limit;

typedef struct mb_plan_tried {
    const mb_gpu *gpu;
    uint32_t tp, replicas;
    double usd_per_hour;
    double usd_per_mtok;
    double values[MB_PLAN_MOST_LIMITS]; // the worst over the seeds
    double served;                      // share of the requests, likewise: latencies are of these alone
    bool meets;
} mb_plan_tried;

typedef struct mb_plan_found {
    const mb_plan_options *options;
    char *template; // path of the scenario that is simulated; owned by the search
    mb_plan_limit limits[MB_PLAN_MOST_LIMITS];
    size_t limit_count;
    mb_plan_tried tried[MB_PLAN_MOST_TRIED];
    size_t count, best; // best: SIZE_MAX: none
    size_t without_price, too_small;
} mb_plan_found;

// In the format that the options ask for, with the warnings. GPUs left out are *notes where the format has no
// place for them.
mb_status mb_plan_found_write(const mb_plan_found *found, mb_strbuf *out, mb_strbuf *notes, mb_error *error);
