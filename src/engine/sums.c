// SPDX-License-Identifier: MIT
#include "engine/sums.h"

#include "engine/pipeline.h"
#include "engine/stepper.h"
#include "engine/visit.h"

#include <string.h>

uint32_t mb_sum_prefills(const mb_engine *engine) {
    return engine->stepper ? engine->stepper->prefill_count : 0;
}

uint32_t mb_sum_decodes(const mb_engine *engine) {
    return engine->stepper ? engine->stepper->running - engine->stepper->prefill_count : 0;
}

uint64_t mb_sum_prefill_left(const mb_engine *engine) {
    const mb_stepper *stepper = engine->stepper;
    uint64_t tokens = 0;
    for (uint32_t slot = stepper ? stepper->first_prefill : MB_NONE; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        tokens += mb_todo(request);
        slot = request->after;
    }
    return tokens;
}

// The next parked decode from `slot` on, or MB_NONE: those that the last steps left out.
static uint32_t next_parked(const mb_stepper *stepper, uint32_t slot) {
    while (slot != MB_NONE && mb_request_at(stepper->requests, slot)->stage != MB_STAGE_PARKED)
        slot = mb_request_at(stepper->requests, slot)->next;
    return slot;
}

uint64_t mb_sum_context(const mb_engine *engine) {
    const mb_stepper *stepper = engine->stepper;
    if (!stepper) return 0;
    uint64_t context = stepper->naive ? mb_visit_decodes(stepper).context : stepper->context;
    uint32_t slot = stepper->parked ? next_parked(stepper, stepper->oldest) : MB_NONE;
    for (; slot != MB_NONE; slot = next_parked(stepper, mb_request_at(stepper->requests, slot)->next))
        context += mb_request_at(stepper->requests, slot)->computed + UINT64_C(1);
    return context;
}

// Decodes in the heap below `place` whose cover is used up at this iteration: they begin to need blocks
// there.
static uint64_t uncovered_at(const mb_stepper *stepper, uint32_t place, uint64_t iteration) {
    if (place >= stepper->decode_count || stepper->decodes[place].at > iteration) return 0;
    const mb_request *request = mb_request_at(stepper->requests, stepper->decodes[place].slot);
    const uint64_t held = (uint64_t)(request->hold.own + request->hold.shared) * stepper->kv.block_tokens;
    uint64_t count = request->covered && request->computed + (iteration - request->joined) >= held;
    for (uint32_t child = 4 * place + 1; child <= 4 * place + 4; child++)
        count += uncovered_at(stepper, child, iteration);
    return count;
}

static bool needs_block(const mb_stepper *stepper, const mb_request *request, uint64_t ahead) {
    return mb_kv_blocks_for(&stepper->kv, request->computed + ahead + 1) >
           (uint64_t)request->hold.own + request->hold.shared;
}

// The decodes that advance together need so many blocks `ahead` steps from now.
static uint64_t due_together(const mb_stepper *stepper, uint64_t ahead) {
    const uint64_t iteration = stepper->iteration + ahead;
    if (!stepper->naive)
        return stepper->due[iteration % stepper->kv.block_tokens] + uncovered_at(stepper, 0, iteration);
    uint64_t due = 0;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        due += request->stage == MB_STAGE_DECODE && needs_block(stepper, request, ahead);
        slot = request->next;
    }
    return due;
}

uint64_t mb_sum_due(const mb_engine *engine) {
    const mb_stepper *stepper = engine->stepper;
    if (!stepper) return 0;
    // A step with decodes that has begun, or is filled, has its blocks.
    const bool begun = stepper->stepping && stepper->begun > stepper->steps;
    uint64_t due = due_together(stepper, stepper->with_decodes && (begun || !stepper->stepping));
    for (uint32_t i = 0; i < stepper->selected_count && !stepper->naive;
         i++) { // added one by one: they have theirs
        const mb_request *request = mb_request_at(stepper->requests, stepper->selected[i]);
        due -= request->stage == MB_STAGE_DECODE && !request->covered &&
               request->computed % stepper->kv.block_tokens == 0;
    }
    uint32_t slot = stepper->parked ? next_parked(stepper, stepper->oldest) : MB_NONE;
    for (; slot != MB_NONE; slot = next_parked(stepper, mb_request_at(stepper->requests, slot)->next))
        due += needs_block(stepper, mb_request_at(stepper->requests, slot), 0);
    return due * stepper->kv.block_tokens;
}

// --- the step as it is filled

uint32_t mb_step_rows(const mb_engine *engine) {
    return engine->stepper ? engine->stepper->row_count : 0;
}

mb_status mb_shape_seconds(const mb_engine *engine, const mb_step_shape *shape, double *seconds,
                           mb_error *error) {
    const mb_latency *latency = engine->latency->told ? engine->latency->told : engine->latency;
    mb_latency quiet;
    if (latency->noise > 0) {
        quiet = *latency;
        quiet.noise = 0;
        latency = &quiet;
    }
    bool extrapolated;
    const mb_status status = mb_latency_step(latency, shape, NULL, seconds, &extrapolated, error);
    if (status != MB_OK || !engine->pipeline) return status;
    const double host = mb_latency_host(latency, shape);
    *seconds = mb_pipeline_through(engine->pipeline, *seconds - host, host,
                                   shape->prefill_tokens + shape->decode_requests);
    return MB_OK;
}

mb_status mb_step_seconds(const mb_engine *engine, mb_chunk more, mb_chunk *chunks, double *seconds,
                          mb_error *error) {
    const mb_stepper *stepper = engine->stepper;
    mb_step_shape shape = {.prefill_requests = stepper->row_count, .chunks = chunks};
    if (stepper->row_count) memcpy(chunks, stepper->chunks, stepper->row_count * sizeof *chunks);
    if (more.tokens) chunks[shape.prefill_requests++] = more;
    for (uint32_t i = 0; i < shape.prefill_requests; i++)
        shape.prefill_tokens += chunks[i].tokens;
    if (stepper->with_decodes) {
        const mb_visit visit =
            stepper->naive ? mb_visit_decodes(stepper)
                           : (mb_visit){.decodes = stepper->decode_count, .context = stepper->context};
        shape.decode_requests = (uint32_t)visit.decodes;
        shape.decode_context = visit.context;
    }
    for (uint32_t i = 0; i < stepper->selected_count && !stepper->with_decodes; i++) {
        shape.decode_requests++;
        shape.decode_context +=
            mb_request_at(stepper->requests, stepper->selected[i])->computed + UINT64_C(1);
    }
    *seconds = 0;
    if (shape.decode_requests + shape.prefill_requests == 0) return MB_OK;
    const mb_status status = mb_shape_seconds(engine, &shape, seconds, error);
    *seconds += stepper->transfer_s + engine->cost_s;
    return status;
}
