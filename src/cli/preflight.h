// SPDX-License-Identifier: MIT
// What is looked at before the first run of a scenario.
#pragma once
#include "scenario/scenario.h"

// Every policy loads and takes its parameters (one whose script does not load is told of, where the others
// can run), and `baseline`, where it is not NULL, is the label of one in each section.
mb_status mb_check_before(const mb_scenario *scenario, const char *baseline, mb_error *error);
