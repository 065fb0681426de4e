// SPDX-License-Identifier: MIT
// Ranks of a group that step together (data-parallel attention over shared experts, docs/models.md): each is
// an engine with requests and memory of its own. A step that one of them begins or continues is held until
// all have had their turn; then it begins on all of them, takes the time of the slowest, and ends on all.
#pragma once
#include "engine/state.h"

// Of a group: what its ranks have in common while they step.
typedef struct mb_lockstep {
    uint32_t ranks; // that compute something in the present piece
    uint64_t most;  // steps of the piece that the same rank is the slowest for
} mb_lockstep;

// It stands between two steps and its turn has passed: it goes on.
void mb_lockstep_hold(mb_engine *engine);
static inline bool mb_lockstep_holds(const mb_engine *engine) {
    return engine->stepper->held;
}
// The present instant is the end of a step of its run, whether somebody looked or not.
bool mb_lockstep_at_boundary(mb_engine *engine);
// Begin what the group's stepping engines hold.
mb_status mb_lockstep_begin(mb_lockstep *group, mb_engine *const *ranks, uint32_t count, mb_error *error);
