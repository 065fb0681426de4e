// SPDX-License-Identifier: MIT
// The plain way (--step): every running request is visited at every iteration, and no sum is kept. What the
// sums of engine.c and the jumps of steps.c must agree with, to the bit.
#include "engine/engine.h"

static bool needs_block(const mb_engine *engine, const mb_request *request) {
    return mb_kv_blocks_for(&engine->kv, request->computed + UINT64_C(1)) >
           request->hold.own + request->hold.shared;
}

mb_visit mb_visit_decodes(const mb_sim *sim, const mb_engine *engine) {
    mb_visit visit = {0};
    for (uint32_t slot = engine->oldest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->stage == MB_STAGE_DECODE) {
            visit.decodes++;
            visit.context += request->computed + UINT64_C(1);
            visit.due += needs_block(engine, request);
        }
        slot = request->next;
    }
    return visit;
}

bool mb_visit_step(mb_sim *sim, mb_engine *engine) {
    bool ends = false;
    engine->iteration++;
    for (uint32_t slot = engine->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->stage == MB_STAGE_DECODE) {
            request->computed++;
            request->generated++;
            request->joined = engine->iteration;
            request->last_token_s = engine->last_decode_s;
            engine->resident_tokens++;
            ends |= request->generated == request->output_tokens;
        }
        slot = request->next;
    }
    return ends;
}

void mb_visit_take(mb_sim *sim, mb_engine *engine) {
    for (uint32_t slot = engine->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->stage == MB_STAGE_DECODE && needs_block(engine, request))
            mb_kv_blocks_grow(&engine->kv, &request->hold,
                              request->hold.own + request->hold.shared + UINT64_C(1));
        slot = request->next;
    }
}
