// SPDX-License-Identifier: MIT
// A check before the first run, so that a slip of the pen is not told after all the others.
#pragma once
#include "scenario/scenario.h"

// Every policy loads and takes its parameters; one that was set for all (--set params.x) is known to some.
mb_status mb_check_policies(const mb_experiment *experiment, mb_error *error);
// All points of all sections.
mb_status mb_check_scenario(const mb_scenario *scenario, mb_error *error);
