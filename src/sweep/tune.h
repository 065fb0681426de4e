// SPDX-License-Identifier: MIT
// The best values of keys for each policy: searched for on the scenario's seeds, judged on seeds that the
// search has not seen, against the policy as the scenario has it.
#pragma once
#include "policy/policy_lua.h"
#include "sweep/pattern.h"
#include "sweep/tune_options.h"

// One policy.
typedef struct mb_tuned {
    const char *label;
    const mb_axis *axes[MB_MOST_AXES];               // those that it has
    char defaults[MB_MOST_AXES][MB_PARAM_TEXT_SIZE]; // "": not known
    size_t axis_count;
    mb_pattern search;
    mb_tune_run *runs;        // [trial][seed]
    size_t start, best;       // trials: the scenario's own values; the best. SIZE_MAX: none
    size_t trials;            // that were tried to the end
    size_t failed;            // of these, in which a run failed
    mb_error *failure;        // the first one; owned
    mb_tune_run *judged[2];   // [fresh]: as the scenario has it, tuned
    bool is_judged;           // else it is not finished, or there is nothing to compare
    bool same_requests;       // a fresh seed is no other than one of the tuning
    mb_estimate levels[2];    // on the fresh seeds
    mb_difference difference; // tuned against default
} mb_tuned;

typedef struct mb_tune_result {
    mb_scenario *scenario; // as it is
    char *caution;         // of its step times (mb_variant_caution); NULL: none. Owned
    mb_tuned *policies;
    size_t policy_count;
    uint32_t seeds;
    size_t before, done; // runs: found in the database; all
    bool interrupted;
} mb_tune_result;

// Release with mb_tune_deinit in any case. What fails after the first round leaves the best so far in the
// result.
mb_status mb_tune_run_all(const mb_tune_options *options, mb_tune_result *result, mb_error *error);
void mb_tune_deinit(mb_tune_result *result);
// The value of a trial over the tuning's seeds, as tables print it; NAN: of no use.
double mb_tune_level(const mb_tune_options *options, const mb_tune_result *result, const mb_tuned *policy,
                     size_t trial);
// "params.bins=9 params.rule=optimal"; NULL when out of memory; the caller frees it.
char *mb_tune_label(const mb_tuned *policy, size_t trial);
