// SPDX-License-Identifier: MIT
// A grid of jobs - every policy, at every point, with every seed - whose results go into a database as they
// come. What the database has is not run again. A few points at a time are in memory.
#pragma once
#include "sweep/options.h"

mb_status mb_sweep_run(const mb_sweep_options *options, mb_sweep_result *result, mb_error *error);
