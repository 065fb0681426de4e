// SPDX-License-Identifier: MIT
#include "engine/fail.h"

#include "engine/pipeline.h"
#include "engine/spend.h"
#include "engine/stepper.h"

void mb_fail_list(const mb_engine *engine, mb_admitted *list) {
    const mb_stepper *stepper = engine->stepper;
    if (!stepper) {
        for (uint32_t i = 0; i < mb_engine_running(engine); i++)
            list[i] = (mb_admitted){i, engine->batch[i]};
        return;
    }
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        *list++ = (mb_admitted){request->order, slot};
        slot = request->next;
    }
}

mb_status mb_fail_begin(mb_engine *engine, double *lost_s, mb_error *error) {
    *lost_s = 0;
    if (engine->stepper) engine->stepper->cut_ns = mb_spend_now(engine->stepper);
    if (mb_engine_stepping(engine)) {
        const mb_status status = mb_run_cut(engine, lost_s, error);
        engine->stepper->cut_ns = mb_nanoseconds(engine->stepper->last_end_s);
        return status;
    }
    if (engine->pipeline) {
        *lost_s = mb_pipeline_cut(engine);
        mb_build_begin(engine->stepper);
    } else if (!isinf(engine->event_s))
        *lost_s = mb_engine_now(engine) - engine->start_s;
    else if (engine->stepper)
        mb_build_begin(engine->stepper); // until now it stood idle
    return MB_OK;
}

// --- whole batches

static void leave_batch(mb_engine *engine, uint32_t slot) {
    mb_request *request = mb_request_at(engine->around->requests, slot);
    const uint32_t tokens = request->prompt_tokens + request->output_tokens;
    const uint64_t reserved = engine->kv.reserved;
    mb_kv_release(&engine->kv, tokens);
    engine->around->kv_reserved -= reserved - engine->kv.reserved;
    engine->around->kv_used -= tokens;
    request->start_s = NAN; // its batch never was
    request->phase = MB_PHASE_WAITING;
}

// --- steppers

// Out of the lists; its progress is in the request. A static batch has made one of all rows, which are in no
// other list, and what it would have computed never was.
static void leave_stepper(mb_engine *engine, uint32_t slot) {
    mb_stepper *stepper = engine->stepper;
    mb_request *request = mb_request_at(stepper->requests, slot);
    const bool in_batch = engine->count > 0;
    mb_stepper_materialize(stepper, request);
    if (in_batch) request->computed = 0;
    if (stepper->around->times) {
        const bool in_step = in_batch || request->chunk > 0 || mb_build_holds(stepper, slot);
        mb_spend_lost(stepper, slot, in_step, in_batch ? engine->start_s : stepper->last_end_s);
    }
    if (in_batch)
        mb_stepper_delist(stepper, slot);
    else
        mb_build_withdraw(stepper, slot);
}

void mb_fail_request(mb_engine *engine, uint32_t slot) {
    if (!engine->stepper) {
        leave_batch(engine, slot);
        return;
    }
    mb_request *request = mb_request_at(engine->around->requests, slot);
    if (request->phase == MB_PHASE_RUNNING) {
        const double now_s = mb_engine_now(engine);
        leave_stepper(engine, slot);
        request->attained_s += now_s - request->since_s;
        request->since_s = now_s;
        request->phase = MB_PHASE_WAITING;
    }
    const uint32_t known = request->prompt_tokens + request->generated;
    request->stage = MB_STAGE_NEW;
    request->was_computed = request->computed < known ? request->computed : known;
    request->computed = 0;
    request->hold = (mb_kv_hold){.left = MB_KV_NO_RUN};
}

bool mb_fail_end(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    engine->count = 0;
    engine->predicted_tokens = 0;
    engine->cost_s = 0;
    engine->event_s = INFINITY;
    if (!stepper) return true;
    mb_stepper_account(stepper);
    mb_build_begin(stepper);
    stepper->ends = stepper->held = false;
    stepper->left_blocks = 0;
    stepper->paused = 0;
    stepper->resident_tokens = 0;
    stepper->transfer_s = 0;
    stepper->last_start_s = stepper->last_end_s = NAN;
    stepper->victims.kept = false;
    return mb_kv_blocks_clear(&stepper->kv);
}
