// SPDX-License-Identifier: MIT
// Whole batches: served as one, padded to the longest member; the engine is busy until the batch ends.
#pragma once
#include "engine/state.h"

// Build a batch, without a stepper: it is empty; add a request that waits.
static inline void mb_batch_begin(mb_engine *engine) {
    engine->count = 0;
    engine->longest_tokens = engine->most_output = 0;
    engine->longest_service_s = 0;
    engine->prompt_tokens = engine->output_tokens = engine->predicted_tokens = 0;
}
mb_refusal mb_batch_add(mb_engine *engine, uint32_t slot);
// Share of the memory that is reserved.
static inline double mb_batch_fill(const mb_engine *engine) {
    return (double)engine->kv.reserved / (double)engine->kv.capacity;
}
// The rows of a stepper's step become the batch. False when out of memory.
bool mb_batch_from_rows(mb_engine *engine);
mb_status mb_batch_start(mb_engine *engine, mb_error *error);
mb_status mb_batch_end(mb_engine *engine, mb_step_report *report, mb_error *error);
