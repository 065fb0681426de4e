// SPDX-License-Identifier: MIT
#include "engine/timing.h"

#include <stdio.h>
#include <string.h>

// Add to the error of a clock that failed which step it was to time.
static mb_status untimed(const mb_engine *engine, const mb_step_shape *shape, mb_error *error) {
    if (!error || !*error->message) return MB_FAILED;
    const mb_surroundings *around = engine->around;
    const size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used,
             " [timing a step on replica %u, t = %.6g s: %llu tokens of %u prompts, %u decodes that read "
             "%llu tokens, "
             "seed %llu, replication %llu]",
             engine->id + 1, *around->clock, (unsigned long long)shape->prefill_tokens,
             shape->prefill_requests, shape->decode_requests, (unsigned long long)shape->decode_context,
             (unsigned long long)around->seed, (unsigned long long)around->replication);
    return MB_FAILED;
}

mb_status mb_time_step(const mb_engine *engine, const mb_step_shape *shape, double *seconds,
                       bool *extrapolated, mb_error *error) {
    const mb_surroundings *around = engine->around;
    const mb_status status =
        mb_latency_step(around->latency, shape, around->noise, seconds, extrapolated, error);
    return status == MB_OK ? MB_OK : untimed(engine, shape, error);
}

mb_status mb_time_batch(mb_engine *engine, mb_error *error) {
    const mb_surroundings *around = engine->around;
    if (!engine->stepper) {
        engine->time = mb_latency_batch(around->latency, engine->count, engine->longest_tokens,
                                        engine->longest_service_s, around->noise);
        return MB_OK;
    }
    if (mb_latency_barrier(around->latency, engine->count, engine->longest_prompt, engine->longest_output,
                           engine->token_budget, around->noise, &engine->time, error) == MB_OK)
        return MB_OK;
    const mb_step_shape shape = {.prefill_tokens = (uint64_t)engine->count * engine->longest_prompt,
                                 .prefill_requests = engine->count};
    return untimed(engine, &shape, error);
}
