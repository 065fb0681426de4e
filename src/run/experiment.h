// SPDX-License-Identifier: MIT
// Run all jobs of a section of a scenario, on several threads. The results do not depend on how many.
#pragma once
#include "run/pool.h"

// Run the jobs of `results` that were not started yet.
mb_status mb_run_more(const mb_run_options *options, mb_results *results, mb_error *error);

// Failing jobs do not fail the call: their outcome says why. Release with mb_results_deinit.
mb_status mb_run_section(mb_scenario *scenario, size_t section, const mb_run_options *options,
                         mb_results *results, mb_error *error);
