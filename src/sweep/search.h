// SPDX-License-Identifier: MIT
// The highest (or lowest) value of a key at which a policy meets its SLOs: a bisection for each policy and
// seed.
#pragma once
#include "run/pool.h"

enum { MB_MOST_SLOS = 8, MB_MOST_PROBES = 64 };

// "ttft_p99<=0.5": a measure, with or without its "_s", and a bound.
typedef struct mb_search_slo {
    int measure;
    bool at_most;
    double bound;
} mb_search_slo;
mb_status mb_search_slo_parse(const char *text, mb_search_slo *slo, mb_error *error);

typedef struct mb_search_options {
    const char *scenario;
    const mb_overrides *overrides; // without the key
    char key[128];
    double low, high;
    double tolerance; // of the answer, as a share
    mb_search_slo slos[MB_MOST_SLOS];
    size_t slo_count;
    mb_run_options run;
} mb_search_options;

// "workload.arrivals.rate=1..100".
mb_status mb_search_range_parse(const char *text, mb_search_options *options, mb_error *error);

typedef struct mb_probe_run {
    double at, values[MB_MOST_SLOS];
    double ratio; // the worst measure, as a share of its bound: at most 1 where all are met
} mb_probe_run;

// One policy, one seed.
typedef struct mb_search_task {
    size_t policy;
    uint32_t seed;
    enum { MB_FOUND, MB_MET_EVERYWHERE, MB_MET_NOWHERE } end;
    double
        answer; // where the worst measure reaches its bound, or, of whole numbers, the last one that meets it
    bool ascending; // the SLOs are met up to the answer; else from the answer on
    bool not_monotone;
    mb_probe_run runs[MB_MOST_PROBES];
    size_t run_count;
    // While it goes on: the ends of the bracket, as runs; what comes next.
    size_t good, bad, checks;
    double next;
    bool busy, done;
} mb_search_task;

typedef struct mb_search_result {
    mb_scenario *scenario; // at the low end; owned
    mb_search_task *tasks; // [policies][seeds]; owned
    size_t policies;
    uint32_t seeds;
    bool whole; // the key takes whole numbers
} mb_search_result;

// Release with mb_search_deinit in any case.
mb_status mb_search_run(const mb_search_options *options, mb_search_result *result, mb_error *error);
void mb_search_deinit(mb_search_result *result);
