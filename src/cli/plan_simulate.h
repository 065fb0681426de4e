// SPDX-License-Identifier: MIT
// The answers of mbsand plan that come from simulations.
#pragma once
#include "cli/plan_options.h"

// --page: block sizes beside contiguous memory. *code: the exit code of the run.
mb_status mb_plan_pages(const mb_plan_options *options, int *code, mb_error *error);
// --slo: the cheapest configuration that meets it.
mb_status mb_plan_cheapest(const mb_plan_options *options, int *code, mb_error *error);
