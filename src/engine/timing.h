// SPDX-License-Identifier: MIT
// Where time is computed: the latency model is asked what a step, or a whole batch, takes.
#pragma once
#include "engine/state.h"
#include "model/latency_law.h"

// Add to the error of a clock that failed which step it was to time; MB_FAILED.
mb_status mb_time_failed(const mb_engine *engine, const mb_step_shape *shape, mb_error *error);
// The step that was built. *extrapolated is set outside the range that the model was fitted on.
static inline mb_status mb_time_step(const mb_engine *engine, const mb_step_shape *shape, double *seconds,
                                     bool *extrapolated, mb_error *error) {
    if (mb_latency_is_affine(engine->latency)) {
        *seconds = mb_law_seconds(engine->latency, shape, extrapolated);
        return MB_OK;
    }
    const mb_status status =
        mb_latency_step(engine->latency, shape, engine->around->noise, seconds, extrapolated, error);
    return status == MB_OK ? MB_OK : mb_time_failed(engine, shape, error);
}
// The whole batch that was built, into engine->time. Under a step model: its prefill, and a step for every
// token of the longest answer.
mb_status mb_time_batch(mb_engine *engine, mb_error *error);
// What the decodes of a step that takes `seconds` would have taken without its prompts; the same noise.
mb_status mb_time_decodes(const mb_engine *engine, const mb_step_shape *shape, double seconds, double *alone,
                          mb_error *error);
// How much of the seconds that a step takes is the host's.
mb_status mb_time_host(const mb_engine *engine, const mb_step_shape *shape, double seconds, double *host,
                       mb_error *error);
// What the batch that is served would take if all its members were as long as this one; the same noise.
mb_status mb_time_own(const mb_engine *engine, const mb_request *request, mb_batch_time *own,
                      mb_error *error);
