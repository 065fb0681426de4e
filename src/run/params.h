// SPDX-License-Identifier: MIT
// A check before a run.
#pragma once
#include "scenario/scenario.h"

// A parameter set for all policies (--set params.x) must be known to one of them, else it is a slip of the
// pen.
mb_status mb_check_params(const mb_experiment *experiment, mb_error *error);
