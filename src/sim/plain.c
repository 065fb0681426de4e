// SPDX-License-Identifier: MIT
#include "sim/plain.h"

#include "sim/step.h"

mb_status mb_plain_step(mb_sim *sim, mb_error *error) {
    const mb_plain *plain = &sim->building->plain;
    mb_refusal refusal;
    uint32_t preempted;
    const mb_status status = mb_step_carry(sim, plain->carry, &preempted, error);
    if (status != MB_OK || (preempted > 0 && !plain->after_preemption)) return status;
    if (plain->displace) {
        mb_displaced done;
        return mb_step_displace(sim, plain->queue, plain->most, plain->newest, plain->age, &done, error);
    }
    mb_step_admit(sim, plain->queue, plain->most, &refusal);
    return MB_OK;
}
