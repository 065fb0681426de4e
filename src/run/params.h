// SPDX-License-Identifier: MIT
// A check before the first run, so that a slip of the pen is not told after all the others.
#pragma once
#include "scenario/scenario.h"

// Told of a policy whose script does not load, where the others are to run all the same.
typedef struct mb_broken_policy {
    void (*tell)(void *context, const mb_policy_spec *spec, const mb_error *error);
    void *context;
} mb_broken_policy;

// Every policy loads and takes its parameters; one that was set for all (--set params.x) is known to some.
// `broken`: a script that does not load is told, and no failure if there are other policies; NULL: it is one.
mb_status mb_check_policies(const mb_experiment *experiment, const mb_broken_policy *broken, mb_error *error);
// All points of all sections.
mb_status mb_check_scenario(const mb_scenario *scenario, const mb_broken_policy *broken, mb_error *error);
