// SPDX-License-Identifier: MIT
// The highest (or lowest) value of a key at which a policy meets its SLOs: a bisection for each policy and
// seed; with lists of other keys, for each of their combinations, and what that costs.
#pragma once
#include "run/pool.h"

enum { MB_MOST_SLOS = 8, MB_MOST_PROBES = 64, MB_MOST_LISTS = 4, MB_MOST_CHOICES = 256 };

// "ttft_p99<=0.5": a measure, with or without its "_s", and a bound.
typedef struct mb_search_slo {
    int measure;
    bool at_most;
    double bound;
} mb_search_slo;
mb_status mb_search_slo_parse(const char *text, mb_search_slo *slo, mb_error *error);

// "cluster.gpu=h100-80gb,l40s-48gb": a key, and what it may be.
typedef struct mb_search_list {
    char key[128];
    char **items; // owned
    size_t count;
} mb_search_list;

typedef struct mb_search_options {
    const char *scenario;
    const mb_overrides *overrides; // without the key
    char key[128];
    double low, high, step; // step: 0: any value, or any whole number
    mb_search_list lists[MB_MOST_LISTS];
    size_t list_count;
    double tolerance; // of the answer, as a share
    mb_search_slo slos[MB_MOST_SLOS];
    size_t slo_count;
    mb_run_options run;
} mb_search_options;

// "workload.arrivals.rate=1..100", "cluster.gpus=2..64:2" (once), or a list. Release with
// mb_search_options_deinit in any case.
mb_status mb_search_over_parse(const char *text, mb_search_options *options, mb_error *error);
void mb_search_options_deinit(mb_search_options *options);
// What combination number `choice` of the lists has in one of them.
const char *mb_search_item(const mb_search_options *options, size_t choice, size_t list);

typedef struct mb_probe_run {
    double at, values[MB_MOST_SLOS];
    double ratio; // the worst measure, as a share of its bound: at most 1 where all are met
} mb_probe_run;

// One combination, one policy, one seed.
typedef struct mb_search_task {
    size_t choice, policy;
    uint32_t seed;
    enum { MB_FOUND, MB_MET_EVERYWHERE, MB_MET_NOWHERE, MB_NOT_RUN } end;
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

// What all seeds of a policy come to.
typedef struct mb_search_need {
    bool known;          // every seed is content with this:
    double value;        // of the key; of one that takes fractions NAN, but for the ends of the range
    double usd_per_hour; // there; NAN: no price is known
} mb_search_need;

typedef struct mb_search_result {
    mb_scenario *scenario; // of the first combination that runs, at the low end; owned
    mb_search_task *tasks; // [choices][policies][seeds]; owned
    mb_search_need *needs; // [choices][policies]; owned
    char **reasons;        // [choices]: why it does not run; NULL: it does. Owned
    char **cautions;       // [choices]: of its step times (mb_variant_caution). Owned
    size_t choices, policies;
    uint32_t seeds;
    bool whole; // the key takes whole numbers
} mb_search_result;

// Release with mb_search_deinit in any case.
mb_status mb_search_run(mb_search_options *options, mb_search_result *result, mb_error *error);
void mb_search_deinit(mb_search_result *result);
