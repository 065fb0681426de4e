// SPDX-License-Identifier: MIT
#include "engine/hand.h"

#include "engine/build.h"

static uint64_t order_of(const mb_request_store *requests, uint32_t slot) {
    return mb_request_at(requests, slot)->order;
}

// One step of heapsort (Williams, 1964): no library's sort may know the store that holds the orders.
static void sift_down(const mb_request_store *requests, uint32_t *slots, uint32_t at, uint32_t count) {
    const uint32_t slot = slots[at];
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && order_of(requests, slots[child + 1]) > order_of(requests, slots[child]))
            child++;
        if (order_of(requests, slots[child]) < order_of(requests, slot)) break;
        slots[at] = slots[child];
        at = child;
    }
    slots[at] = slot;
}

void mb_put_in_order(const mb_request_store *requests, uint32_t *slots, uint32_t count) {
    uint32_t ordered = 1;
    while (ordered < count && order_of(requests, slots[ordered - 1]) < order_of(requests, slots[ordered]))
        ordered++;
    if (ordered >= count) return;
    for (uint32_t at = count / 2; at-- > 0;)
        sift_down(requests, slots, at, count);
    for (uint32_t last = count - 1; last > 0; last--) {
        const uint32_t latest = slots[0];
        slots[0] = slots[last];
        slots[last] = latest;
        sift_down(requests, slots, 0, last);
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
