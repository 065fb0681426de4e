// SPDX-License-Identifier: MIT
// An engine fails: what is under way never was, what it holds is lost. What it did up to the last boundary
// between two steps stands; no step is visited.
#pragma once
#include "engine/engine.h"

// A request that runs on an engine, or is paused there, and its place in order of admission.
typedef struct mb_admitted {
    uint64_t order;
    uint32_t slot;
} mb_admitted;

// Those that run, in order of admission; room for mb_engine_running of them.
void mb_fail_list(const mb_engine *engine, mb_admitted *list);
// First the step or batch under way is given up; how long it has taken. Steps that ended by now are shown.
mb_status mb_fail_begin(mb_engine *engine, double *lost_s, mb_error *error);
// Then each of those that run, or are paused here, has nothing in memory any more, and waits; what it
// generated it keeps.
void mb_fail_request(mb_engine *engine, uint32_t slot);
// Then memory and cache are empty. False when out of memory.
bool mb_fail_end(mb_engine *engine);
