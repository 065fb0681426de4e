// SPDX-License-Identifier: MIT
// Replicas that step together: ranks of data-parallel attention that share their experts (docs/models.md).
// Each is asked for its step as any replica is. A step that one starts or goes on with is held until the
// planning of the instant is over; then it begins on all ranks of the group. One that has nothing to do
// computes a dummy, and cannot start anything before the others' step ends.
#pragma once
#include "sim/state.h"

mb_status mb_lockstep_init(mb_sim *sim, mb_error *error);
void mb_lockstep_deinit(mb_sim *sim);
// Another group comes, with which there are so many replicas. False when out of memory.
bool mb_lockstep_make_room(mb_sim *sim, uint32_t replicas);
// May this idle replica start a step now? Else its group looks up at its next boundary.
bool mb_lockstep_may_start(mb_sim *sim, mb_replica *replica);
// All have planned: what is held begins.
mb_status mb_lockstep_start(mb_sim *sim, mb_error *error);
