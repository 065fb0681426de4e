// SPDX-License-Identifier: MIT
// Building a step of an iteration-level engine: who is in it, with how many tokens, in which memory.
#include "engine/engine.h"
#include "sim/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void mb_step_begin(mb_sim *sim, mb_replica *replica) {
    mb_engine *engine = replica->engine;
    mb_engine_account(sim, engine);
    engine->row_count = engine->selected_count = engine->requests = 0;
    engine->tokens = engine->quantum = 0;
    engine->with_decodes = engine->barrier = engine->spare = false;
    engine->fresh = engine->running == 0;
}

static uint64_t budget_left(const mb_replica *replica) {
    const uint64_t given = replica->engine->tokens;
    return replica->token_budget > given ? replica->token_budget - given : 0;
}

bool mb_step_holds(const mb_sim *sim, uint32_t slot) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const mb_engine *engine = sim->building->engine;
    return request->chunk > 0 || (request->stage == MB_STAGE_DECODE && engine->with_decodes);
}

// --- rows

static bool add_row(mb_engine *engine, uint32_t slot, mb_request *request, uint32_t chunk) {
    if (engine->row_count == engine->row_capacity) {
        const uint32_t more = engine->row_capacity ? 2 * engine->row_capacity : 16;
        uint32_t *rows = realloc(engine->rows, more * sizeof *rows);
        if (rows) engine->rows = rows;
        mb_chunk *chunks = realloc(engine->chunks, more * sizeof *chunks);
        if (chunks) engine->chunks = chunks;
        if (!rows || !chunks) return false;
        engine->row_capacity = more;
    }
    engine->rows[engine->row_count] = slot;
    engine->chunks[engine->row_count++] = (mb_chunk){.tokens = chunk, .prefix = request->computed};
    request->chunk = chunk;
    engine->tokens += chunk;
    engine->requests++;
    return true;
}

static void drop_row(mb_engine *engine, uint32_t slot) {
    uint32_t i = engine->row_count; // from the end: the newest is the usual one
    while (engine->rows[--i] != slot) {
    }
    engine->row_count--;
    memmove(engine->rows + i, engine->rows + i + 1, (engine->row_count - i) * sizeof *engine->rows);
    memmove(engine->chunks + i, engine->chunks + i + 1, (engine->row_count - i) * sizeof *engine->chunks);
}

// A decode alone; it joins the others when the step is complete.
static bool select_decode(mb_engine *engine, uint32_t slot, mb_request *request) {
    if (!mb_slots_room(&engine->selected, engine->selected_count, &engine->selected_capacity)) return false;
    engine->selected[engine->selected_count++] = slot;
    request->chunk = 1;
    engine->tokens++;
    engine->requests++;
    return true;
}

static void drop_selected(mb_engine *engine, uint32_t slot) {
    uint32_t i = engine->selected_count;
    while (engine->selected[--i] != slot) {
    }
    engine->selected[i] = engine->selected[--engine->selected_count];
}

static mb_refusal out_of_memory(mb_sim *sim) {
    sim->out_of_memory = true; // ends the run when `schedule` returns
    return MB_REFUSED_MEMORY;
}

// --- what a chunk may be

// The tokens that a prefill with `todo` left may compute in this step; 0: none.
static uint32_t chunk_of(const mb_replica *replica, uint32_t todo, uint32_t wanted) {
    const uint64_t left = budget_left(replica);
    if (wanted) return wanted <= left ? (wanted < todo ? wanted : todo) : 0;
    if (todo <= left) return todo;
    if (replica->chunked) return (uint32_t)left;
    // A prompt larger than any budget goes alone: else it would never go.
    return replica->engine->requests == 0 && todo > replica->token_budget ? todo : 0;
}

static mb_refusal add_prefill_chunk(mb_sim *sim, mb_replica *replica, uint32_t slot, uint32_t wanted) {
    mb_engine *engine = replica->engine;
    mb_request *request = mb_request_at(&sim->requests, slot);
    const uint32_t chunk = chunk_of(replica, mb_todo(request), wanted);
    if (chunk == 0) return MB_REFUSED_TOKENS;
    const uint32_t reach = request->computed + chunk;
    if (!mb_kv_blocks_grow(&engine->kv, &request->hold, mb_kv_blocks_for(&engine->kv, reach)))
        return MB_REFUSED_MEMORY;
    const mb_kv_names names = mb_engine_names(request);
    if (!mb_kv_blocks_share(&engine->kv, &request->hold, &names, reach) ||
        !add_row(engine, slot, request, chunk))
        return out_of_memory(sim);
    return MB_FITS;
}

// --- requests that run already

static mb_refusal add_running(mb_sim *sim, mb_replica *replica, uint32_t slot, uint32_t wanted) {
    mb_engine *engine = replica->engine;
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (mb_step_holds(sim, slot)) return MB_FITS;
    if (request->stage == MB_STAGE_PREFILL) return add_prefill_chunk(sim, replica, slot, wanted);
    if (budget_left(replica) == 0) return MB_REFUSED_TOKENS;
    mb_engine_materialize(engine, request);
    if ((engine->spare && engine->kv.free == 0 && mb_engine_has_emitted(engine, request)) ||
        !mb_kv_blocks_grow(&engine->kv, &request->hold,
                           mb_kv_blocks_for(&engine->kv, request->computed + UINT64_C(1))))
        return MB_REFUSED_MEMORY;
    return select_decode(engine, slot, request) ? MB_FITS : out_of_memory(sim);
}

// --- admission

static uint64_t watermark_blocks(const mb_replica *replica) {
    return (uint64_t)(replica->watermark * (double)replica->engine->kv.total);
}

// Blocks to take at admission for a request that computes up to `reach` tokens now and knows `known`.
static uint64_t reserve_of(const mb_sim *sim, const mb_replica *replica, const mb_request *request,
                           uint32_t reach, uint32_t known) {
    uint64_t tokens = reach;
    switch (replica->reserve) {
    default: // MB_RESERVE_CHUNK, MB_RESERVE_SEQUENCE
        break;
    case MB_RESERVE_PROMPT:
        tokens = known;
        break;
    case MB_RESERVE_PREDICTED:
        tokens = (uint64_t)request->prompt_tokens + request->predicted_output;
        break;
    case MB_RESERVE_MAXIMUM:
        tokens = sim->config->kv_max_length;
        break;
    case MB_RESERVE_FINAL:
        tokens = (uint64_t)request->prompt_tokens + request->output_tokens;
        break;
    }
    const mb_kv_blocks *kv = &replica->engine->kv;
    const uint64_t least = mb_kv_blocks_for(kv, reach), most = kv->total - watermark_blocks(replica);
    uint64_t blocks =
        mb_kv_blocks_for(kv, tokens < known && replica->reserve >= MB_RESERVE_PROMPT ? known : tokens);
    if (blocks > most) blocks = most; // a guess above the pool must not keep a request out for ever
    return blocks > least ? blocks : least;
}

static mb_refusal demand_memory(const mb_replica *replica, uint64_t blocks) {
    return replica->engine->kv.free >= blocks + watermark_blocks(replica) ? MB_FITS : MB_REFUSED_MEMORY;
}

// From waiting to running: bookkeeping that every way of coming in shares.
static void take_in(mb_sim *sim, mb_replica *replica, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_sim_integrate(sim);
    request->home = request->queue;
    if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    mb_sim_unstamp(sim, slot);
    request->phase = MB_PHASE_RUNNING;
    request->replica = replica->id;
    if (isnan(request->start_s)) request->start_s = sim->now_s;
    request->waited_s += sim->now_s - request->since_s;
    request->since_s = sim->now_s;
    sim->waiting--;
    sim->running++;
    mb_client_starts(sim, request);
    mb_engine_enlist(sim, replica->engine, slot);
}

// Into the step with its chunk: as a decode, if a single token of an answer that has begun is missing.
static bool enter_step(mb_sim *sim, mb_engine *engine, uint32_t slot, uint32_t chunk) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->generated == 0 || mb_todo(request) > 1) {
        request->stage = MB_STAGE_PREFILL;
        mb_engine_add_prefill(sim, engine, slot);
        return add_row(engine, slot, request, chunk);
    }
    request->stage = MB_STAGE_PARKED;
    if (!engine->with_decodes) {
        engine->parked++;
        return select_decode(engine, slot, request);
    }
    engine->tokens++;
    engine->requests++;
    return mb_engine_join(sim, engine, slot);
}

// A request of which nothing is in memory: prompt, and what it generated before it was preempted.
static mb_refusal admit_new(mb_sim *sim, mb_replica *replica, uint32_t slot, uint32_t wanted) {
    mb_engine *engine = replica->engine;
    mb_request *request = mb_request_at(&sim->requests, slot);
    const mb_kv_names names = mb_engine_names(request);
    const uint32_t known = request->prompt_tokens + request->generated;
    const bool elsewhere = request->hold.left != MB_KV_NO_RUN && request->replica != replica->id;
    const mb_kv_hold nothing = {.left = MB_KV_NO_RUN};
    const mb_kv_match match =
        mb_kv_blocks_match(&engine->kv, elsewhere ? &nothing : &request->hold, &names, known);
    const uint32_t cached = match.blocks * engine->kv.block_tokens;
    const uint32_t chunk = chunk_of(replica, known - cached, wanted);
    if (chunk == 0) return MB_REFUSED_TOKENS;
    const uint64_t blocks = reserve_of(sim, replica, request, cached + chunk, known);
    const uint64_t whole =
        replica->reserve == MB_RESERVE_SEQUENCE ? mb_kv_blocks_for(&engine->kv, known) : blocks;
    const uint64_t demand = whole > blocks ? whole : blocks;
    const mb_refusal refusal = demand_memory(replica, demand - match.blocks + match.idle);
    if (refusal != MB_FITS) return refusal;
    if (elsewhere) mb_kv_blocks_forget(&sim->replicas[request->replica].engine->kv, &request->hold);
    mb_kv_blocks_reuse(&engine->kv, &request->hold, &names, known);
    if (!mb_kv_blocks_grow(&engine->kv, &request->hold, blocks) ||
        !mb_kv_blocks_share(&engine->kv, &request->hold, &names, cached + chunk))
        return out_of_memory(sim);
    take_in(sim, replica, slot);
    request->computed = cached;
    engine->resident_tokens += cached;
    sim->metrics.admitted_tokens += known;
    sim->metrics.cached_tokens += cached;
    if (request->was_computed > cached) sim->metrics.recomputed_tokens += request->was_computed - cached;
    request->was_computed = 0;
    return enter_step(sim, engine, slot, chunk) ? MB_FITS : out_of_memory(sim);
}

// A request whose memory is here (paused) or on the host (swapped): it goes on where it stopped.
static mb_refusal resume(mb_sim *sim, mb_replica *replica, uint32_t slot, uint32_t wanted) {
    mb_engine *engine = replica->engine;
    mb_request *request = mb_request_at(&sim->requests, slot);
    const bool swapped = request->stage == MB_STAGE_SWAPPED;
    if (!swapped && request->replica != replica->id) return MB_REFUSED_ELSEWHERE;
    const uint32_t todo = mb_todo(request);
    const bool decode = request->generated > 0 && todo == 1;
    const uint32_t chunk = decode ? (budget_left(replica) ? 1 : 0) : chunk_of(replica, todo, wanted);
    if (chunk == 0) return MB_REFUSED_TOKENS;
    const uint64_t held = request->hold.own + request->hold.shared;
    const uint64_t blocks = mb_kv_blocks_for(&engine->kv, (uint64_t)request->computed + chunk);
    if (blocks > held && demand_memory(replica, blocks - held) != MB_FITS) return MB_REFUSED_MEMORY;
    if (!mb_kv_blocks_grow(&engine->kv, &request->hold, blocks)) return out_of_memory(sim);
    take_in(sim, replica, slot);
    if (swapped) {
        engine->transfer_s += request->computed * sim->config->swap_s_per_token;
        sim->swapped_tokens -= request->computed;
        engine->resident_tokens += request->computed;
    } else
        engine->paused--;
    return enter_step(sim, engine, slot, chunk) ? MB_FITS : out_of_memory(sim);
}

mb_refusal mb_engine_add(mb_sim *sim, uint32_t slot, uint32_t wanted) {
    mb_replica *replica = sim->building;
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->phase == MB_PHASE_RUNNING) return add_running(sim, replica, slot, wanted);
    if (replica->engine->running >= replica->max_requests) return MB_REFUSED_REQUESTS;
    if (budget_left(replica) == 0) return MB_REFUSED_TOKENS;
    const mb_refusal refusal = request->stage == MB_STAGE_NEW ? admit_new(sim, replica, slot, wanted)
                                                              : resume(sim, replica, slot, wanted);
    if (refusal == MB_REFUSED_MEMORY) sim->metrics.memory_stops++;
    return refusal;
}

// --- preemption

// Take a running request out of the step and out of the engine's lists; its progress is in the request.
static void withdraw(mb_sim *sim, mb_engine *engine, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    switch (request->stage) {
    case MB_STAGE_PREFILL:
        if (request->chunk) {
            drop_row(engine, slot);
            engine->tokens -= request->chunk;
            engine->requests--;
        }
        mb_engine_drop_prefill(sim, engine, slot);
        break;
    case MB_STAGE_DECODE:
        if (!engine->naive) mb_engine_materialize(engine, request);
        if (engine->with_decodes) { // the block of this step's token has been taken; perhaps for it
            const uint64_t blocks = mb_kv_blocks_for(&engine->kv, request->computed + UINT64_C(1));
            if (blocks > request->hold.own + request->hold.shared)
                request->hold.own = (uint32_t)blocks - request->hold.shared;
            engine->tokens--;
            engine->requests--;
        }
        mb_engine_part(sim, engine, slot);
        break;
    default:
        engine->parked--;
    }
    if (request->chunk && request->stage == MB_STAGE_PARKED) {
        drop_selected(engine, slot);
        engine->tokens--;
        engine->requests--;
    }
    request->chunk = 0;
    mb_engine_delist(sim, engine, slot);
}

static bool let_go(mb_sim *sim, mb_engine *engine, mb_request *request, mb_preemption how) {
    const mb_kv_names names = mb_engine_names(request);
    if (how == MB_PREEMPT_PAUSE) {
        request->stage = MB_STAGE_PAUSED;
        engine->paused++;
        return true;
    }
    engine->resident_tokens -= request->computed;
    if (how == MB_PREEMPT_SWAP) {
        request->stage = MB_STAGE_SWAPPED;
        engine->transfer_s += request->computed * sim->config->swap_s_per_token;
        sim->swapped_tokens += request->computed;
        return mb_kv_blocks_release(&engine->kv, &request->hold, &names, request->computed, MB_KV_FORGET);
    }
    request->stage = MB_STAGE_NEW;
    request->was_computed = request->computed;
    const bool done =
        mb_kv_blocks_release(&engine->kv, &request->hold, &names, request->computed, MB_KV_KEEP);
    request->computed = 0;
    return done;
}

const char *mb_preemption_name(mb_preemption how) {
    static const char *const names[] = {"recompute", "swap", "pause"};
    return names[how];
}

static mb_status set_aside(mb_sim *sim, uint32_t slot, mb_preemption how, uint32_t queue, bool front,
                           mb_refusal *refusal, mb_error *error) {
    mb_replica *replica = sim->building;
    mb_engine *engine = replica->engine;
    mb_request *request = mb_request_at(&sim->requests, slot);
    *refusal = MB_FITS;
    mb_engine_materialize(engine, request);
    if (how == MB_PREEMPT_SWAP && request->computed > sim->config->swap_tokens - sim->swapped_tokens) {
        *refusal = MB_REFUSED_HOST;
        return MB_OK;
    }
    mb_sim_integrate(sim);
    withdraw(sim, engine, slot);
    request->attained_s += sim->now_s - request->since_s;
    request->since_s = sim->now_s;
    request->preemptions++;
    request->phase = MB_PHASE_WAITING;
    sim->metrics.preemptions++;
    sim->running--;
    sim->waiting++;
    mb_client_stops(sim, request);
    if (!let_go(sim, engine, request, how)) return mb_fail_memory(error);
    if (queue == MB_NONE) queue = request->home != MB_NONE ? request->home : 0;
    return mb_sim_file_again(sim, queue, slot, front, error);
}

mb_status mb_step_preempt(mb_sim *sim, uint32_t slot, mb_preemption how, uint32_t queue, bool front,
                          mb_refusal *refusal, mb_error *error) {
    const mb_replica *replica = sim->building;
    const mb_request *request = mb_request_at(&sim->requests, slot);
    mb_engine_materialize(replica->engine, mb_request_at(&sim->requests, slot));
    const mb_preempted record = {.time_s = sim->now_s,
                                 .replica = replica->id,
                                 .id = request->id,
                                 .how = mb_preemption_name(how),
                                 .computed_tokens = request->computed,
                                 .lost_tokens = how == MB_PREEMPT_RECOMPUTE ? request->computed : 0};
    const mb_status status = set_aside(sim, slot, how, queue, front, refusal, error);
    if (status != MB_OK || *refusal != MB_FITS || !sim->observer.preempted) return status;
    return sim->observer.preempted(sim->observer.self, &record, error);
}

// --- carry

// The next chunks of the unfinished prefills that this step's budget allows: the blocks that they need beyond
// those held.
static uint64_t prefills_need(const mb_sim *sim, const mb_replica *replica, uint64_t budget) {
    const mb_engine *engine = replica->engine;
    uint64_t blocks = 0;
    const mb_request *request;
    for (uint32_t slot = engine->first_prefill; slot != MB_NONE && budget > 0; slot = request->after) {
        request = mb_request_at(&sim->requests, slot);
        if (request->chunk) continue;
        const uint32_t todo = mb_todo(request), chunk = todo < budget ? todo : (uint32_t)budget;
        const uint64_t reach = mb_kv_blocks_for(&engine->kv, (uint64_t)request->computed + chunk);
        const uint64_t held = request->hold.own + request->hold.shared;
        if (reach > held) blocks += reach - held;
        budget -= chunk;
    }
    return blocks;
}

static mb_status preempt_newest(mb_sim *sim, mb_engine *engine, uint32_t *preempted, mb_error *error) {
    mb_refusal ignored;
    (*preempted)++;
    return mb_step_preempt(sim, engine->newest, MB_PREEMPT_RECOMPUTE, MB_NONE, true, &ignored, error);
}

// Request by request, where the step holds some already, or the budget does not reach for all.
static mb_status carry_each(mb_sim *sim, mb_replica *replica, uint32_t *preempted, mb_error *error) {
    mb_engine *engine = replica->engine;
    for (int prefills = 0; prefills < 2; prefills++) {
        for (uint32_t slot = engine->oldest; slot != MB_NONE;) {
            const mb_request *request = mb_request_at(&sim->requests, slot);
            const bool prefill = request->stage == MB_STAGE_PREFILL;
            if (mb_step_holds(sim, slot) || prefill != (prefills == 1)) {
                slot = request->next;
                continue;
            }
            const mb_refusal refusal = add_running(sim, replica, slot, 0);
            if (refusal == MB_REFUSED_TOKENS) break;
            if (refusal == MB_FITS) {
                slot = mb_request_at(&sim->requests, slot)->next;
                continue;
            }
            const bool itself = engine->newest == slot;
            const mb_status status = preempt_newest(sim, engine, preempted, error);
            if (status != MB_OK) return status;
            if (itself) break;
        }
    }
    return MB_OK;
}

static bool unpark_all(mb_sim *sim, mb_engine *engine) {
    bool done = true;
    for (uint32_t slot = engine->parked ? engine->oldest : MB_NONE; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->stage == MB_STAGE_PARKED) {
            engine->parked--;
            done &= mb_engine_join(sim, engine, slot);
        }
        slot = request->next;
    }
    return done;
}

static uint32_t count_decodes(const mb_sim *sim, const mb_engine *engine) {
    return engine->naive ? (uint32_t)mb_visit_decodes(sim, engine).decodes : engine->decode_count;
}

mb_status mb_step_carry(mb_sim *sim, bool spare, uint32_t *preempted, mb_error *error) {
    mb_replica *replica = sim->building;
    mb_engine *engine = replica->engine;
    *preempted = 0;
    if (!engine) return MB_OK;
    engine->spare = spare;
    if (engine->running == 0) return MB_OK;
    if (engine->selected_count > 0 || engine->with_decodes ||
        engine->running - engine->prefill_count > budget_left(replica))
        return carry_each(sim, replica, preempted, error);
    if (!unpark_all(sim, engine)) return mb_fail_memory(error);
    const uint64_t budget = budget_left(replica);
    while (engine->running > 0) {
        const uint64_t decodes = count_decodes(sim, engine);
        if (mb_engine_has_blocks(sim, engine, prefills_need(sim, replica, budget - decodes))) break;
        const mb_status status = preempt_newest(sim, engine, preempted, error);
        if (status != MB_OK) return status;
    }
    const uint32_t decodes = count_decodes(sim, engine);
    if (decodes) {
        engine->with_decodes = true;
        engine->tokens += decodes;
        engine->requests += decodes;
        if (engine->naive)
            mb_visit_take(sim, engine);
        else
            mb_kv_blocks_take(&engine->kv, mb_engine_due_now(sim, engine));
    }
    for (uint32_t slot = engine->first_prefill; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        if (!request->chunk && add_running(sim, replica, slot, 0) != MB_FITS) break;
        slot = request->after;
    }
    return MB_OK;
}

// --- static batches

static bool hold_to_the_end(mb_engine *engine, mb_request *request) {
    const uint64_t final = (uint64_t)request->prompt_tokens + request->output_tokens;
    return mb_kv_blocks_grow(&engine->kv, &request->hold, mb_kv_blocks_for(&engine->kv, final));
}

// The newest row makes room: it never ran.
static mb_status return_newest(mb_sim *sim, mb_engine *engine, mb_error *error) {
    mb_refusal ignored;
    const uint32_t slot = engine->newest;
    const mb_status status = set_aside(sim, slot, MB_PREEMPT_RECOMPUTE, MB_NONE, true, &ignored, error);
    if (status != MB_OK) return status;
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (--request->preemptions == 0) request->start_s = NAN;
    sim->metrics.preemptions--;
    return MB_OK;
}

mb_status mb_step_barrier(mb_sim *sim, uint32_t *returned, mb_error *error) {
    mb_engine *engine = sim->building->engine;
    *returned = 0;
    if (!engine) return MB_OK;
    engine->barrier = true;
    // Memory for every row up to its end, the oldest first.
    for (uint32_t slot = engine->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        if (hold_to_the_end(engine, request)) {
            slot = request->next;
            continue;
        }
        const bool itself = engine->newest == slot;
        const mb_status status = return_newest(sim, engine, error);
        if (status != MB_OK) return status;
        (*returned)++;
        sim->taken_in--;
        sim->stop = MB_STOP_MEMORY;
        if (itself) break;
    }
    return MB_OK;
}
