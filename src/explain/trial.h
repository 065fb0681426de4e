// SPDX-License-Identifier: MIT
// Two policies on the same requests, run and compared.
#pragma once
#include "explain/record.h"
#include "explain/requests.h"

typedef enum mb_explain_measure { MB_EXPLAIN_E2E, MB_EXPLAIN_TTFT, MB_EXPLAIN_TBT } mb_explain_measure;

// What the two are compared on.
typedef struct mb_duel {
    const mb_experiment *experiment; // of the whole run; its policies are the two
    const mb_requests *requests;
    mb_explain_measure measure;
    const mb_run_options *run;
    size_t trials;   // that were run on some of the requests,
    uint64_t worked; // requests in them
} mb_duel;

// What a request was served, in seconds; NAN: nothing to measure.
double mb_explain_value(mb_explain_measure measure, const mb_service *service, double arrival_s);

// NAN equals NAN.
static inline bool mb_same_time(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

// Did the two the same at the same times in the same place?
bool mb_service_same(const mb_service *a, const mb_service *b);

// The requests that both served.
typedef struct mb_gap {
    size_t both, alone[2]; // by both; by one of them only
    double mean[2];        // over those by both; NAN: there are none
} mb_gap;

// By how much the winner's mean is smaller, as a share of the loser's; below 0: it is larger. NAN: no mean.
double mb_gap_share(const mb_gap *gap, int winner);

typedef struct mb_trial {
    size_t *numbers; // of the requests, ascending; owned. NULL: all, as in the scenario, warm-up and all
    size_t count;
    bool wants_parts;
    mb_record records[2];
    mb_gap gap;
    mb_error *error; // of a run that failed; owned
    int failed;      // which of the two
    bool ran;        // both came to their end
    bool sampled;    // one of them looked at the lengths in advance
} mb_trial;

// Run several at once. A failing run does not fail the call.
mb_status mb_trials_run(mb_duel *duel, mb_trial *trials, size_t count, mb_error *error);
void mb_trial_deinit(mb_trial *trial);
