// SPDX-License-Identifier: MIT
// Sums over what runs on an engine, as of the last mb_engine_settle, and what would happen. All 0 of whole
// batches.
#pragma once
#include "engine/engine.h"

// Requests that decode, and that have tokens of their prompt (or of what they lost) still to compute.
uint32_t mb_sum_decodes(const mb_engine *engine);
uint32_t mb_sum_prefills(const mb_engine *engine);
uint64_t mb_sum_prefill_left(const mb_engine *engine); // those tokens
// Tokens that the next step of all decodes reads,
uint64_t mb_sum_context(const mb_engine *engine);
// and takes of the memory (whole blocks), if it did not yet.
uint64_t mb_sum_due(const mb_engine *engine);

// Seconds of a step that computes this, without noise; through all stages of a pipeline.
mb_status mb_shape_seconds(const mb_engine *engine, const mb_step_shape *shape, double *seconds,
                           mb_error *error);
// Seconds of the step that is being built with one more chunk (tokens 0: none), without noise; 0: nothing is
// in it. `chunks` has room for one more than the step has rows of prompts (mb_step_rows).
uint32_t mb_step_rows(const mb_engine *engine);
mb_status mb_step_seconds(const mb_engine *engine, mb_chunk more, mb_chunk *chunks, double *seconds,
                          mb_error *error);
