// SPDX-License-Identifier: MIT
// What a scenario says that must come out: `expect`, a schedule worked by hand, and `assert`, bounds.
#pragma once
#include "scenario/scenario.h"

typedef struct mb_expected {
    double start_s, first_token_s, end_s; // NAN: not said
    double preemptions;                   // NAN: not said
    bool rejected, unserved;
} mb_expected;

typedef struct mb_expectations {
    mb_expected *rows; // by request; owned. NULL: nothing is said
    size_t count;
    char **bounds; // as of --assert; owned
    size_t bound_count;
} mb_expectations;

// Release with mb_expectations_deinit, also after a failure.
mb_status mb_scenario_expectations(mb_scenario *scenario, size_t section, mb_expectations *expected,
                                   mb_error *error);
void mb_expectations_deinit(mb_expectations *expected);
