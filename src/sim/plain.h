// SPDX-License-Identifier: MIT
// Plain steps: what a policy does at nearly every boundary, said once, so that nobody asks it there.
#pragma once
#include "sim/step.h"

// Fill the step that is being built as its replica's plain step says: carry, and admit unless that had to
// preempt (but for after_preemption).
static inline mb_status mb_plain_step(mb_sim *sim, mb_error *error) {
    const mb_plain *plain = &sim->building->plain;
    uint32_t preempted;
    const mb_status status = mb_step_carry(sim, plain->carry, &preempted, error);
    if (status != MB_OK || (preempted > 0 && !plain->after_preemption)) return status;
    if (plain->displace) {
        mb_displaced done;
        return mb_step_displace(sim, plain->queue, plain->most, plain->newest, plain->age, &done, error);
    }
    mb_refusal refusal;
    if (mb_queue_peek(&sim->queues[plain->queue], &sim->requests) != MB_NONE)
        mb_step_admit(sim, plain->queue, plain->most, &refusal);
    return MB_OK;
}
