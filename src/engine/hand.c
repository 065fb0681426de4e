// SPDX-License-Identifier: MIT
#include "engine/hand.h"

#include "engine/build.h"

void mb_put_in_order(const mb_request_store *requests, uint32_t *slots, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        const uint32_t slot = slots[i];
        const uint64_t order = mb_request_at(requests, slot)->order;
        uint32_t at = i;
        for (; at > 0 && mb_request_at(requests, slots[at - 1])->order > order; at--)
            slots[at] = slots[at - 1];
        slots[at] = slot;
    }
}

mb_status mb_hand_out(mb_engine *engine, uint32_t slot, mb_stage stage, mb_error *error) {
    mb_request *request = mb_request_at(engine->around->requests, slot);
    mb_refusal ignored;
    const mb_status status =
        mb_build_set_aside(engine, slot, MB_PREEMPT_PAUSE, MB_NO_QUEUE, false, &ignored, error);
    request->preemptions--;
    engine->around->metrics->preemptions--;
    request->stage = (uint8_t)stage;
    return status;
}

mb_status mb_hand_over(mb_engine *engine, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    mb_status status = MB_OK;
    mb_put_in_order(stepper->requests, stepper->handed, stepper->handed_count);
    for (uint32_t i = 0; i < stepper->handed_count && status == MB_OK; i++) {
        status = mb_hand_out(engine, stepper->handed[i], MB_STAGE_HANDOFF, error);
        if (status == MB_OK) engine->around->handed(engine->around->self, engine, stepper->handed[i]);
    }
    stepper->handed_count = 0;
    return status;
}
