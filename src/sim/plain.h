// SPDX-License-Identifier: MIT
// Plain steps: what a policy does at nearly every boundary, said once, so that nobody asks it there.
#pragma once
#include "sim/state.h"

// Fill the step that is being built as its replica's plain step says: carry, and admit unless that had to
// preempt (but for after_preemption).
mb_status mb_plain_step(mb_sim *sim, mb_error *error);
