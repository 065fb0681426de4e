// SPDX-License-Identifier: MIT
// Debug builds compare the sums of an engine with a walk over its requests.
#include "engine/engine.h"

#ifdef MB_DEBUG
#include "engine/peak.h"
#include "engine/pipeline.h"
#include "engine/stepper.h"
#include "engine/sums.h"

// While a run jumps, the sums stand where they were last looked at, and so does every request: the two agree
// at any time.
static const char *broken_sums(const mb_engine *engine) {
    const mb_stepper *stepper = engine->stepper;
    uint64_t prefill_left = 0, parked_context = 0;
    uint64_t context = 0, due = 0, decodes = 0, prefills = 0, parked = 0, resident = 0, own = 0;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        mb_request request =
            *mb_request_at(stepper->requests, slot); // a copy: looking must not change anything
        if (request.phase != MB_PHASE_RUNNING) return "what an engine runs is running";
        mb_stepper_materialize(stepper, &request);
        if (request.generated > request.output_tokens && request.output_tokens > 0)
            return "no more tokens than the answer has";
        resident += request.computed;
        own += request.hold.own;
        prefills += request.stage == MB_STAGE_PREFILL;
        parked += request.stage == MB_STAGE_PARKED;
        if (request.stage == MB_STAGE_PREFILL) prefill_left += mb_todo(&request);
        if (request.stage == MB_STAGE_PARKED) parked_context += request.computed + UINT64_C(1);
        if (request.stage == MB_STAGE_DECODE) {
            decodes++;
            context += request.computed + UINT64_C(1);
            due += !request.covered && request.computed % stepper->kv.block_tokens == 0;
            if (!stepper->naive && stepper->decodes[request.place].slot != slot)
                return "places in the heap of decodes";
        }
        slot = request.next;
    }
    if (prefills != stepper->prefill_count || parked != stepper->parked) return "prefills and parked decodes";
    if (own > mb_stepper_blocks_used(stepper) && stepper->begun <= stepper->steps)
        return "blocks held <= blocks taken";
    if (stepper->naive) return NULL;
    if (prefill_left != mb_sum_prefill_left(engine) || context + parked_context != mb_sum_context(engine) ||
        decodes + parked != mb_sum_decodes(engine) || prefills != mb_sum_prefills(engine))
        return "what policies see of decodes and prefills";
    if (decodes != stepper->decode_count || context != stepper->context) return "decodes and their context";
    if (!mb_endings_hold(stepper)) return "decodes in the order of their ends";
    if (due != stepper->due[stepper->iteration % stepper->kv.block_tokens]) return "blocks due";
    return stepper->paused == 0 && resident != stepper->resident_tokens ? "tokens in memory" : NULL;
}

const char *mb_engine_broken(const mb_engine *engine, bool busy) {
    const mb_stepper *stepper = engine->stepper;
    if (engine->kv.reserved > engine->kv.capacity) return "reserved KV tokens <= capacity";
    if (!busy && engine->kv.reserved > 0) return "an idle replica holds no KV tokens";
    if (!stepper) return NULL;
    if (stepper->kv.free > stepper->kv.total) return "free blocks <= all blocks";
    if (stepper->stepping && !busy) return "an engine that steps is busy";
    if (stepper->running == 0 && stepper->paused == 0 &&
        (stepper->kv.free != stepper->kv.total || stepper->resident_tokens > 0))
        return "an empty engine holds no blocks";
    const char *broken = engine->pipeline ? mb_pipeline_broken(engine) : NULL;
    if (broken) return broken;
    return stepper->stepping || !busy || engine->pipeline ? broken_sums(engine) : NULL;
}

static mb_place place_of(const mb_stepper *stepper, uint32_t slot) {
    mb_request request = *mb_request_at(stepper->requests, slot); // a copy, as above
    mb_stepper_materialize(stepper, &request);
    return (mb_place){.held = (uint64_t)request.prompt_tokens + request.generated,
                      .left = mb_request_expected(&request) - request.generated};
}

// Each that has not ended holds as many tokens more as there were steps.
static uint64_t held_after(const mb_engine *engine, const mb_place *others, size_t count, uint64_t steps) {
    const mb_stepper *stepper = engine->stepper;
    uint64_t held = 0;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;
         slot = mb_request_at(stepper->requests, slot)->next) {
        const mb_place place = place_of(stepper, slot);
        held += place.left >= steps ? place.held + steps : 0;
    }
    for (size_t i = 0; i < count; i++)
        held += others[i].left >= steps ? others[i].held + steps : 0;
    return held;
}

uint64_t mb_peak_walked(const mb_engine *engine, const mb_place *others, size_t count) {
    const mb_stepper *stepper = engine->stepper;
    uint64_t peak = 0;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;
         slot = mb_request_at(stepper->requests, slot)->next) {
        const uint64_t held = held_after(engine, others, count, place_of(stepper, slot).left);
        if (held > peak) peak = held;
    }
    for (size_t i = 0; i < count; i++) {
        const uint64_t held = held_after(engine, others, count, others[i].left);
        if (held > peak) peak = held;
    }
    return peak;
}
#endif
