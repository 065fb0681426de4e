// SPDX-License-Identifier: MIT
// The plain way (--step): every running request is visited at every iteration, and no sum is kept. What the
// sums of stepper.c and the jumps of run.c must agree with, to the bit.
#include "engine/visit.h"

static bool needs_block(const mb_stepper *stepper, const mb_request *request) {
    return mb_kv_blocks_for(&stepper->kv, request->computed + UINT64_C(1)) >
           request->hold.own + request->hold.shared;
}

mb_visit mb_visit_decodes(const mb_stepper *stepper) {
    mb_visit visit = {0};
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        if (request->stage == MB_STAGE_DECODE) {
            visit.decodes++;
            visit.context += request->computed + UINT64_C(1);
            visit.due += needs_block(stepper, request);
        }
        slot = request->next;
    }
    stepper->around->operations += stepper->running;
    return visit;
}

void mb_visit_without(const mb_stepper *stepper, uint32_t slot, mb_visit *visit) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    if (request->stage != MB_STAGE_DECODE) return;
    visit->decodes--;
    visit->context -= request->computed + UINT64_C(1);
    visit->due -= needs_block(stepper, request);
}

bool mb_visit_step(mb_stepper *stepper) {
    bool ends = false;
    stepper->iteration++;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(stepper->requests, slot);
        if (request->stage == MB_STAGE_DECODE) {
            request->computed++;
            request->generated++;
            request->joined = stepper->iteration;
            request->last_token_s = stepper->last_decode_s;
            stepper->resident_tokens++;
            ends |= request->generated == request->output_tokens;
        }
        slot = request->next;
    }
    return ends;
}

void mb_visit_take(mb_stepper *stepper) {
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(stepper->requests, slot);
        if (request->stage == MB_STAGE_DECODE && needs_block(stepper, request))
            mb_kv_blocks_grow(&stepper->kv, &request->hold,
                              request->hold.own + request->hold.shared + UINT64_C(1));
        slot = request->next;
    }
}
