// SPDX-License-Identifier: MIT
// Building a step of an iteration-level engine: who is in it, with how many tokens, in which memory.
#include "engine/build.h"

#include "base/apart.h"
#include "engine/spend.h"
#include "engine/stepper.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void mb_build_begin(mb_stepper *stepper) {
    mb_stepper_account(stepper);
    if (stepper->around->times) mb_spend_idle(stepper);
    stepper->row_count = stepper->selected_count = stepper->built = stepper->aside_count = 0;
    stepper->tokens = stepper->quantum = 0;
    stepper->with_decodes = stepper->barrier = stepper->spare = stepper->late = false;
    stepper->fresh = stepper->running == 0;
}

// A batch of a pipeline may have so many rows, lest the first take all and leave the other stages nothing.
MB_APART static uint32_t most_rows(const mb_engine *engine) {
    const mb_pipeline_plan *plan = engine->pipeline->plan;
    if (plan->batch_requests) return plan->batch_requests;
    if (engine->max_requests == MB_NONE) return MB_NONE;
    return engine->max_requests > plan->batches ? engine->max_requests / plan->batches : 1;
}

static inline uint64_t budget_left(const mb_engine *engine) {
    const uint64_t given = engine->stepper->tokens;
    if (engine->pipeline && engine->stepper->built >= most_rows(engine)) return 0;
    return engine->token_budget > given ? engine->token_budget - given : 0;
}

uint64_t mb_build_budget_left(const mb_engine *engine) {
    return budget_left(engine);
}

bool mb_build_holds(const mb_stepper *stepper, uint32_t slot) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    return request->chunk > 0 || (request->stage == MB_STAGE_DECODE && stepper->with_decodes);
}

// --- rows

MB_WITHIN static bool add_row(mb_stepper *stepper, uint32_t slot, mb_request *request, uint32_t chunk) {
    if (stepper->row_count == stepper->row_capacity) {
        const uint32_t more = stepper->row_capacity ? 2 * stepper->row_capacity : 16;
        uint32_t *rows = realloc(stepper->rows, more * sizeof *rows);
        if (rows) stepper->rows = rows;
        mb_chunk *chunks = realloc(stepper->chunks, more * sizeof *chunks);
        if (chunks) stepper->chunks = chunks;
        if (!rows || !chunks) return false;
        stepper->row_capacity = more;
    }
    stepper->rows[stepper->row_count] = slot;
    stepper->chunks[stepper->row_count++] = (mb_chunk){.tokens = chunk, .prefix = request->computed};
    request->chunk = chunk;
    stepper->tokens += chunk;
    stepper->built++;
    return true;
}

static void drop_row(mb_stepper *stepper, uint32_t slot) {
    uint32_t i = stepper->row_count; // from the end: the newest is the usual one
    while (stepper->rows[--i] != slot) {
    }
    stepper->row_count--;
    memmove(stepper->rows + i, stepper->rows + i + 1, (stepper->row_count - i) * sizeof *stepper->rows);
    memmove(stepper->chunks + i, stepper->chunks + i + 1, (stepper->row_count - i) * sizeof *stepper->chunks);
}

// A decode alone; it joins the others when the step is complete.
static bool select_decode(mb_stepper *stepper, uint32_t slot, mb_request *request) {
    if (!mb_slots_room(&stepper->selected, stepper->selected_count, &stepper->selected_capacity))
        return false;
    stepper->selected[stepper->selected_count++] = slot;
    request->chunk = 1;
    stepper->tokens++;
    stepper->built++;
    return true;
}

static void drop_selected(mb_stepper *stepper, uint32_t slot) {
    uint32_t i = stepper->selected_count;
    while (stepper->selected[--i] != slot) {
    }
    stepper->selected[i] = stepper->selected[--stepper->selected_count];
}

static mb_refusal out_of_memory(mb_engine *engine) {
    engine->around->out_of_memory = true;
    return MB_REFUSED_MEMORY;
}

// --- what a chunk may be

// The tokens that a prefill with `todo` left may compute in this step; 0: none.
static uint32_t chunk_of(const mb_engine *engine, uint32_t todo, uint32_t wanted) {
    const uint64_t left = budget_left(engine);
    if (wanted) return wanted <= left ? (wanted < todo ? wanted : todo) : 0;
    if (todo <= left) return todo;
    if (engine->chunked) return (uint32_t)left;
    // A prompt larger than any budget goes alone: else it would never go.
    return engine->stepper->built == 0 && todo > engine->token_budget ? todo : 0;
}

static mb_refusal add_prefill_chunk(mb_engine *engine, uint32_t slot, uint32_t wanted) {
    mb_stepper *stepper = engine->stepper;
    mb_request *request = mb_request_at(stepper->requests, slot);
    const uint32_t chunk = chunk_of(engine, mb_todo(request), wanted);
    if (chunk == 0) return MB_REFUSED_TOKENS;
    const uint32_t reach = request->computed + chunk;
    if (!mb_kv_blocks_grow(&stepper->kv, &request->hold, mb_kv_blocks_for(&stepper->kv, reach)))
        return MB_REFUSED_MEMORY;
    const mb_kv_names names = mb_request_names(request);
    if ((names.count && !mb_kv_blocks_share(&stepper->kv, &request->hold, &names, reach)) ||
        !add_row(stepper, slot, request, chunk))
        return out_of_memory(engine);
    return MB_FITS;
}

// --- requests that run already

MB_APART static mb_refusal add_running(mb_engine *engine, uint32_t slot, uint32_t wanted) {
    mb_stepper *stepper = engine->stepper;
    mb_request *request = mb_request_at(stepper->requests, slot);
    if (request->in_flight) return MB_REFUSED_FLIGHT;
    if (mb_build_holds(stepper, slot)) return MB_FITS;
    if (request->stage == MB_STAGE_PREFILL) return add_prefill_chunk(engine, slot, wanted);
    if (budget_left(engine) == 0) return MB_REFUSED_TOKENS;
    mb_stepper_materialize(stepper, request);
    if ((stepper->spare && stepper->kv.free == 0 && mb_stepper_has_emitted(stepper, request)) ||
        !mb_kv_blocks_grow(&stepper->kv, &request->hold,
                           mb_kv_blocks_for(&stepper->kv, request->computed + UINT64_C(1))))
        return MB_REFUSED_MEMORY;
    return select_decode(stepper, slot, request) ? MB_FITS : out_of_memory(engine);
}

// --- admission

static uint64_t watermark_blocks(const mb_engine *engine) {
    return (uint64_t)(int64_t)(engine->watermark * mb_double(engine->stepper->kv.total));
}

// Blocks to take at admission for a request that computes up to `reach` tokens now and knows `known`.
static uint64_t reserve_of(const mb_engine *engine, const mb_request *request, uint32_t reach,
                           uint32_t known) {
    uint64_t tokens = reach;
    switch (engine->reserve) {
    default: // MB_RESERVE_CHUNK, MB_RESERVE_SEQUENCE
        break;
    case MB_RESERVE_PROMPT:
        tokens = known;
        break;
    case MB_RESERVE_PREDICTED:
        tokens = (uint64_t)request->prompt_tokens + request->predicted_output;
        break;
    case MB_RESERVE_EXPECTED:
        tokens = (uint64_t)request->prompt_tokens + mb_request_expected(request);
        break;
    case MB_RESERVE_MAXIMUM:
        tokens = engine->kv.max_length;
        break;
    case MB_RESERVE_FINAL:
        tokens = (uint64_t)request->prompt_tokens + request->output_tokens;
        break;
    }
    const mb_kv_blocks *kv = &engine->stepper->kv;
    const uint64_t least = mb_kv_blocks_for(kv, reach), most = kv->total - watermark_blocks(engine);
    uint64_t blocks =
        mb_kv_blocks_for(kv, tokens < known && engine->reserve >= MB_RESERVE_PROMPT ? known : tokens);
    if (blocks > most) blocks = most; // a guess above the pool must not keep a request out for ever
    return blocks > least ? blocks : least;
}

static mb_refusal demand_memory(const mb_engine *engine, uint64_t blocks) {
    return engine->stepper->kv.free >= blocks + watermark_blocks(engine) ? MB_FITS : MB_REFUSED_MEMORY;
}

// From waiting to running: bookkeeping that every way of coming in shares.
MB_WITHIN static void take_in(mb_engine *engine, uint32_t slot) {
    const mb_surroundings *around = engine->around;
    mb_request *request = mb_request_at(around->requests, slot);
    const double now_s = *around->clock;
    if (around->times) mb_spend_take_in(engine->stepper, slot, request);
    request->home = request->queue;
    request->phase = MB_PHASE_RUNNING;
    request->replica = engine->id;
    if (isnan(request->start_s)) request->start_s = now_s;
    request->waited_s += now_s - request->since_s;
    request->since_s = now_s;
    around->took(around->self, engine, slot);
    mb_stepper_enlist(engine->stepper, slot);
}

// Into the step with its chunk: as a decode, if a single token of an answer that has begun is missing.
MB_WITHIN static bool enter_step(mb_stepper *stepper, uint32_t slot, uint32_t chunk) {
    mb_request *request = mb_request_at(stepper->requests, slot);
    if (request->generated == 0 || mb_todo(request) > 1) {
        request->stage = MB_STAGE_PREFILL;
        mb_stepper_add_prefill(stepper, slot);
        return add_row(stepper, slot, request, chunk);
    }
    request->stage = MB_STAGE_PARKED;
    if (!stepper->with_decodes) {
        stepper->parked++;
        return select_decode(stepper, slot, request);
    }
    stepper->tokens++;
    stepper->built++;
    return mb_stepper_join(stepper, slot);
}

// One that no cache knows, with all that it lacks in one step that has room for it, where blocks are taken as
// they are needed: the usual case of admit_new. `left`: of the budget.
static inline bool is_usual(const mb_engine *engine, const mb_request *request, uint32_t wanted,
                            uint64_t left) {
    const mb_kv_names names = mb_request_names(request);
    return !wanted && mb_kv_unknown(&names, &request->hold) && engine->reserve <= MB_RESERVE_SEQUENCE &&
           engine->watermark == 0 && request->prompt_tokens + request->generated <= left;
}

static inline mb_refusal admit_usual(mb_engine *engine, uint32_t slot, mb_request *request) {
    mb_stepper *stepper = engine->stepper;
    const uint32_t known = request->prompt_tokens + request->generated;
    const uint64_t blocks = mb_kv_blocks_for(&stepper->kv, known);
    if (stepper->kv.free < blocks) return MB_REFUSED_MEMORY;
    mb_kv_blocks_take(&stepper->kv, blocks);
    request->hold.own = (uint32_t)blocks;
    take_in(engine, slot);
    request->computed = 0;
    mb_metrics *metrics = engine->around->metrics;
    metrics->admitted_tokens += known;
    metrics->recomputed_tokens += request->was_computed;
    request->was_computed = 0;
    return enter_step(stepper, slot, known) ? MB_FITS : out_of_memory(engine);
}

// A request of which nothing is in memory: prompt, and what it generated before it was preempted.
MB_APART static mb_refusal admit_new(mb_engine *engine, uint32_t slot, uint32_t wanted) {
    mb_stepper *stepper = engine->stepper;
    mb_request *request = mb_request_at(stepper->requests, slot);
    const mb_kv_names names = mb_request_names(request);
    const uint32_t known = request->prompt_tokens + request->generated;
    const bool unknown = mb_kv_unknown(&names, &request->hold);
    const bool elsewhere = request->hold.left != MB_KV_NO_RUN && request->replica != engine->id;
    const mb_kv_hold nothing = {.left = MB_KV_NO_RUN};
    mb_kv_match match = {0};
    if (!unknown)
        match = mb_kv_blocks_match(&stepper->kv, elsewhere ? &nothing : &request->hold, &names, known);
    const uint32_t cached = match.blocks * stepper->kv.block_tokens;
    const uint32_t chunk = chunk_of(engine, known - cached, wanted);
    if (chunk == 0) return MB_REFUSED_TOKENS;
    const uint64_t blocks = reserve_of(engine, request, cached + chunk, known);
    const uint64_t whole =
        engine->reserve == MB_RESERVE_SEQUENCE ? mb_kv_blocks_for(&stepper->kv, known) : blocks;
    const uint64_t demand = whole > blocks ? whole : blocks;
    const mb_refusal refusal = demand_memory(engine, demand - match.blocks + match.idle);
    if (refusal != MB_FITS) return refusal;
    if (elsewhere) engine->around->forget(engine->around->self, slot);
    if (!unknown) mb_kv_blocks_reuse(&stepper->kv, &request->hold, &names, known);
    if (!mb_kv_blocks_grow(&stepper->kv, &request->hold, blocks) ||
        (!unknown && !mb_kv_blocks_share(&stepper->kv, &request->hold, &names, cached + chunk)))
        return out_of_memory(engine);
    take_in(engine, slot);
    request->computed = cached;
    stepper->resident_tokens += cached;
    mb_metrics *metrics = engine->around->metrics;
    metrics->admitted_tokens += known;
    metrics->cached_tokens += cached;
    if (request->was_computed > cached) metrics->recomputed_tokens += request->was_computed - cached;
    request->was_computed = 0;
    return enter_step(stepper, slot, chunk) ? MB_FITS : out_of_memory(engine);
}

// A request whose memory is here (paused) or on the host (swapped): it goes on where it stopped.
MB_APART static mb_refusal resume(mb_engine *engine, uint32_t slot, uint32_t wanted) {
    mb_stepper *stepper = engine->stepper;
    mb_request *request = mb_request_at(stepper->requests, slot);
    const bool swapped = request->stage == MB_STAGE_SWAPPED;
    if (request->stage == MB_STAGE_MOVING || (!swapped && request->replica != engine->id))
        return MB_REFUSED_ELSEWHERE;
    const uint32_t todo = mb_todo(request);
    const bool decode = request->generated > 0 && todo == 1;
    const uint32_t chunk = decode ? (budget_left(engine) ? 1 : 0) : chunk_of(engine, todo, wanted);
    if (chunk == 0) return MB_REFUSED_TOKENS;
    const uint32_t reach = request->computed + chunk;
    const uint64_t held = request->hold.own + request->hold.shared;
    const uint64_t blocks = mb_kv_blocks_for(&stepper->kv, reach);
    if (blocks > held && demand_memory(engine, blocks - held) != MB_FITS) return MB_REFUSED_MEMORY;
    const mb_kv_names names = mb_request_names(request);
    if (!mb_kv_blocks_grow(&stepper->kv, &request->hold, blocks) ||
        (names.count && !mb_kv_blocks_share(&stepper->kv, &request->hold, &names, reach)))
        return out_of_memory(engine);
    take_in(engine, slot);
    if (swapped) {
        stepper->transfer_s += request->computed * engine->around->swap_s_per_token;
        engine->around->host_used -= request->computed;
        stepper->resident_tokens += request->computed;
    } else
        stepper->paused--;
    return enter_step(stepper, slot, chunk) ? MB_FITS : out_of_memory(engine);
}

// Was this step composed before the request came? It was when the step before it began, unless that was not
// followed at once, or left nothing to go on with.
static bool is_late(const mb_engine *engine, const mb_request *request) {
    const mb_stepper *stepper = engine->stepper;
    return engine->around->async && !stepper->fresh && stepper->running > 0 &&
           stepper->last_end_s == mb_engine_now(engine) &&
           mb_front_end_passed(&engine->around->front_end, request->arrival_s, request->prompt_tokens) >
               stepper->last_start_s;
}

mb_refusal mb_build_add(mb_engine *engine, uint32_t slot, uint32_t wanted) {
    mb_request *request = mb_request_at(engine->around->requests, slot);
    if (request->phase == MB_PHASE_RUNNING) return add_running(engine, slot, wanted);
    if (is_late(engine, request)) {
        engine->stepper->late = true;
        return MB_REFUSED_LATE;
    }
    if (engine->stepper->running >= engine->max_requests) return MB_REFUSED_REQUESTS;
    const uint64_t left = budget_left(engine);
    if (left == 0) return MB_REFUSED_TOKENS;
    mb_refusal refusal;
    if (request->stage != MB_STAGE_NEW)
        refusal = resume(engine, slot, wanted);
    else if (is_usual(engine, request, wanted, left))
        refusal = admit_usual(engine, slot, request);
    else
        refusal = admit_new(engine, slot, wanted);
    if (refusal == MB_REFUSED_MEMORY) engine->around->metrics->memory_stops++;
    return refusal;
}

// --- preemption

void mb_build_withdraw(mb_stepper *stepper, uint32_t slot) {
    mb_request *request = mb_request_at(stepper->requests, slot);
    switch (request->stage) {
    case MB_STAGE_PREFILL:
        if (request->chunk) {
            drop_row(stepper, slot);
            stepper->tokens -= request->chunk;
            stepper->built--;
        }
        mb_stepper_drop_prefill(stepper, slot);
        break;
    case MB_STAGE_DECODE:
        if (!stepper->naive) mb_stepper_materialize(stepper, request);
        if (stepper->with_decodes) { // the block of this step's token has been taken; perhaps for it
            const uint64_t blocks = mb_kv_blocks_for(&stepper->kv, request->computed + UINT64_C(1));
            if (blocks > request->hold.own + request->hold.shared)
                request->hold.own = (uint32_t)blocks - request->hold.shared;
            stepper->tokens--;
            stepper->built--;
        }
        mb_stepper_part(stepper, slot);
        break;
    default:
        stepper->parked--;
    }
    if (request->chunk && request->stage == MB_STAGE_PARKED) {
        drop_selected(stepper, slot);
        stepper->tokens--;
        stepper->built--;
    }
    request->chunk = 0;
    mb_stepper_delist(stepper, slot);
}

// What it generated is thrown away: nothing of its answer was there.
static void start_over(const mb_stepper *stepper, uint32_t slot) {
    mb_request *request = mb_request_at(stepper->requests, slot);
    if (stepper->around->times) mb_spend_waste(stepper, slot);
    stepper->around->metrics->wasted_tokens += request->generated;
    request->generated = request->counted = 0;
    request->first_token_s = request->last_token_s = NAN;
    request->gap_s = 0;
    if (stepper->around->readings) mb_reading_start_over(&request->rest->reading);
}

static bool let_go(mb_engine *engine, uint32_t slot, mb_preemption how) {
    mb_stepper *stepper = engine->stepper;
    mb_request *request = mb_request_at(stepper->requests, slot);
    const mb_kv_names names = mb_request_names(request);
    if (how == MB_PREEMPT_PAUSE) {
        request->stage = MB_STAGE_PAUSED;
        stepper->paused++;
        return true;
    }
    stepper->resident_tokens -= request->computed;
    if (how == MB_PREEMPT_SWAP) {
        request->stage = MB_STAGE_SWAPPED;
        stepper->transfer_s += request->computed * engine->around->swap_s_per_token;
        engine->around->host_used += request->computed;
        return mb_kv_blocks_release(&stepper->kv, &request->hold, &names, request->computed, MB_KV_FORGET);
    }
    request->stage = MB_STAGE_NEW;
    if (how == MB_PREEMPT_RESTART) start_over(stepper, slot);
    const uint32_t known = request->prompt_tokens + request->generated;
    request->was_computed = request->computed < known ? request->computed : known;
    const bool done =
        mb_kv_blocks_release(&stepper->kv, &request->hold, &names, request->was_computed, MB_KV_KEEP);
    request->computed = 0;
    return done;
}

mb_status mb_build_set_aside(mb_engine *engine, uint32_t slot, mb_preemption how, uint32_t queue, bool front,
                             mb_refusal *refusal, mb_error *error) {
    const mb_surroundings *around = engine->around;
    mb_request *request = mb_request_at(around->requests, slot);
    const double now_s = *around->clock;
    *refusal = MB_FITS;
    if (request->in_flight) {
        *refusal = MB_REFUSED_FLIGHT;
        return MB_OK;
    }
    mb_stepper_materialize(engine->stepper, request);
    if (how == MB_PREEMPT_SWAP && request->computed > around->host_tokens - around->host_used) {
        *refusal = MB_REFUSED_HOST;
        return MB_OK;
    }
    if (around->times) mb_spend_aside(engine->stepper, slot);
    mb_build_withdraw(engine->stepper, slot);
    request->attained_s += now_s - request->since_s;
    request->since_s = now_s;
    request->preemptions++;
    request->phase = MB_PHASE_WAITING;
    around->metrics->preemptions++;
    if (!let_go(engine, slot, how)) return mb_fail_memory(error);
    return around->gave_back(around->self, engine, slot, queue, front, error);
}

mb_status mb_build_preempt(mb_engine *engine, uint32_t slot, mb_preemption how, uint32_t queue, bool front,
                           mb_refusal *refusal, mb_error *error) {
    const mb_surroundings *around = engine->around;
    mb_stepper *stepper = engine->stepper;
    mb_request *request = mb_request_at(around->requests, slot);
    mb_stepper_materialize(stepper, request);
    const mb_preempted record = {
        .time_s = *around->clock,
        .replica = engine->id,
        .id = request->id,
        .how = mb_preemption_name(how),
        .computed_tokens = request->computed,
        .lost_tokens = how == MB_PREEMPT_RECOMPUTE || how == MB_PREEMPT_RESTART ? request->computed : 0};
    const mb_status status = mb_build_set_aside(engine, slot, how, queue, front, refusal, error);
    if (status != MB_OK || *refusal != MB_FITS) return status;
    if (!mb_slots_room(&stepper->aside, stepper->aside_count, &stepper->aside_capacity))
        return mb_fail_memory(error);
    stepper->aside[stepper->aside_count++] = slot;
    if (!around->preempted) return MB_OK;
    return around->preempted(around->self, &record, error);
}

mb_status mb_build_cancel(mb_engine *engine, uint32_t slot, mb_error *error) {
    mb_refusal ignored;
    mb_request *request = mb_request_at(engine->around->requests, slot);
    const mb_status status =
        mb_build_set_aside(engine, slot, MB_PREEMPT_RESTART, MB_NO_QUEUE, false, &ignored, error);
    request->preemptions--;
    engine->around->metrics->preemptions--;
    return status;
}

// --- static batches

static bool hold_to_the_end(mb_engine *engine, mb_request *request) {
    mb_stepper *stepper = engine->stepper;
    const uint64_t final =
        (uint64_t)request->prompt_tokens + request->generated + mb_batch_output(engine, request);
    return mb_kv_blocks_grow(&stepper->kv, &request->hold, mb_kv_blocks_for(&stepper->kv, final));
}

// The newest row makes room: it never ran.
static mb_status return_newest(mb_engine *engine, mb_error *error) {
    mb_refusal ignored;
    const uint32_t slot = engine->stepper->newest;
    mb_request *request = mb_request_at(engine->around->requests, slot);
    if (request->preemptions == 0) request->start_s = NAN; // whoever is told sees that it never ran
    const mb_status status =
        mb_build_set_aside(engine, slot, MB_PREEMPT_RECOMPUTE, MB_NONE, true, &ignored, error);
    if (status != MB_OK) return status;
    request->preemptions--;
    engine->around->metrics->preemptions--;
    return MB_OK;
}

mb_status mb_build_barrier(mb_engine *engine, uint32_t most, uint32_t *returned, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    *returned = 0;
    stepper->barrier = true;
    engine->most_output = most;
    // Memory for every row up to its end, the oldest first.
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(stepper->requests, slot);
        if (hold_to_the_end(engine, request)) {
            slot = request->next;
            continue;
        }
        const bool itself = stepper->newest == slot;
        const mb_status status = return_newest(engine, error);
        if (status != MB_OK) return status;
        (*returned)++;
        if (itself) break;
    }
    return MB_OK;
}
