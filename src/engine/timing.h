// SPDX-License-Identifier: MIT
// Where time is computed: the latency model is asked what a step, or a whole batch, takes.
#pragma once
#include "engine/state.h"

// The step that was built. *extrapolated is set outside the range that the model was fitted on.
mb_status mb_time_step(const mb_engine *engine, const mb_step_shape *shape, double *seconds,
                       bool *extrapolated, mb_error *error);
// The whole batch that was built, into engine->time. Under a step model: its prefill, and a step for every
// token of the longest answer.
mb_status mb_time_batch(mb_engine *engine, mb_error *error);
