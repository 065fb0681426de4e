// SPDX-License-Identifier: MIT
// Seeds until an interval is narrow enough.
#pragma once
#include "run/experiment.h"

// Run a section with the seeds of its scenario (at least MB_UNTIL_LEAST), look, and add half as many again,
// as often as it takes until the 95 % interval of `until->measure` is within +- `until->width` of its level
// for every policy of a point, or until->most seeds are reached. Points that are narrow enough get no more.
// What is run depends on the results alone, not on the threads.
enum { MB_UNTIL_LEAST = 5, MB_UNTIL_MOST = 100 };
mb_status mb_run_until(mb_scenario *scenario, size_t section, const mb_until *until,
                       const mb_run_options *options, mb_results *results, mb_error *error);
