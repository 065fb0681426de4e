// SPDX-License-Identifier: MIT
// A relaxed control: the same section, seeds and policies with unlimited memory and twice the replicas.
#pragma once
#include "run/experiment.h"

// Fills results->control, which mb_results_deinit frees. What a scenario makes scarce is worth nothing there,
// so policies that only differ in how they share it out become alike and fast.
mb_status mb_run_control(mb_results *results, const mb_run_options *options, mb_error *error);
