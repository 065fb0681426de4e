// SPDX-License-Identifier: MIT
// The run of equal steps: when it stops, in closed form; what it did, in sums.
//
// A run is timed in pieces. Where repetitions of the step follow an arithmetic series the run is one piece,
// and the end of its k-th step is computed from the start, never from step k - 1: so it does not matter at
// which of the steps anybody looked. Else each step is a piece.
#include "engine/engine.h"
#include "sim/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- memory over time

// Tokens in memory; with shared prefixes several requests count the same block, so no more than there is.
static double tokens_in_memory(const mb_engine *engine) {
    const uint64_t blocks = mb_engine_blocks_used(engine) * engine->kv.block_tokens;
    return (double)(engine->resident_tokens < blocks ? engine->resident_tokens : blocks);
}

void mb_engine_account(const mb_sim *sim, mb_engine *engine) {
    if (engine->stepping) return;
    const double dt = sim->now_s - engine->accounted_s;
    engine->accounted_s = sim->now_s;
    if (dt <= 0) return;
    engine->reserved_integral += dt * (double)(mb_engine_blocks_used(engine) * engine->kv.block_tokens);
    engine->used_integral += dt * tokens_in_memory(engine);
}

// Memory grows evenly over a run (each decode by a token per step), so the mean of its ends stands for it.
static void account_run(mb_sim *sim, mb_engine *engine) {
    const double duration = sim->now_s - engine->sums_start_s;
    const double blocks = (double)mb_engine_blocks_used(engine);
    const double mean = (engine->blocks_at_start + blocks) / 2 * engine->kv.block_tokens;
    engine->reserved_integral += duration * mean;
    engine->used_integral += duration * (engine->tokens_at_start + tokens_in_memory(engine)) / 2;
    engine->accounted_s = sim->now_s;
    const double fill = blocks / (double)engine->kv.total;
    if (fill > sim->metrics.kv_peak) sim->metrics.kv_peak = fill;
}

// --- blocks for steps to come

// Blocks that the decodes take for `count` steps, the first of them iteration `index`.
static uint64_t blocks_for_steps(const mb_engine *engine, uint64_t index, uint64_t count) {
    const uint64_t block = engine->kv.block_tokens;
    uint64_t blocks = count / block * engine->due_total;
    for (uint64_t i = 0; i < count % block; i++)
        blocks += engine->due[(index + i) % block];
    return blocks;
}

// How many steps from iteration `index` on, at most `most`, find the blocks that they need in `left`; what is
// left then.
static uint64_t steps_with_blocks(const mb_engine *engine, uint64_t index, uint64_t most, uint64_t *rest) {
    const uint64_t block = engine->kv.block_tokens;
    uint64_t left = *rest;
    if (left / (most / block + 1) >= engine->due_total) return most;
    uint64_t steps = left / engine->due_total * block;
    left %= engine->due_total;
    for (; steps < most; steps++) {
        const uint64_t due = engine->due[(index + steps) % block];
        if (due > left) break;
        left -= due;
    }
    *rest = left;
    return steps < most ? steps : most;
}

// The same in the free blocks, by the rule of this step. Where each decode must find one, the newest finds
// the fewest: all but the last free block can be taken, and that one too in a step in which it is the
// newest's.
static uint64_t steps_with_memory(const mb_sim *sim, const mb_engine *engine, uint64_t index, uint64_t most) {
    const uint64_t block = engine->kv.block_tokens;
    uint64_t left = engine->kv.free;
    if (!engine->spare) return steps_with_blocks(engine, index, most, &left);
    if (left-- == 0) return 0;
    const uint64_t steps = steps_with_blocks(engine, index, most, &left);
    if (steps == most || engine->due[(index + steps) % block] != left + 1) return steps;
    return steps + mb_engine_newest_due(sim, engine, index + steps);
}

// The piece goes on until step ... : the first end of a request or of a cover, the quantum, or the first step
// without memory. The blocks of the next step are taken.
static uint64_t find_limit(const mb_sim *sim, const mb_engine *engine) {
    if (engine->naive || engine->single) return engine->steps + 1;
    uint64_t most = engine->decodes[0].at - engine->iteration;
    if (engine->quantum) {
        const uint64_t left = engine->quantum - engine->run_steps - engine->steps;
        if (left < most) most = left;
    }
    return engine->steps + 1 + steps_with_memory(sim, engine, engine->iteration + 1, most - 1);
}

// --- pieces

static void set_boundary(mb_sim *sim, const mb_replica *replica, double time_s) {
    sim->boundary_s[replica->id] = time_s;
    mb_min_tree_set(&sim->boundaries, replica->id, time_s);
}

static mb_step_shape shape_of(const mb_sim *sim, const mb_engine *engine) {
    mb_step_shape shape = {.prefill_requests = engine->row_count, .chunks = engine->chunks};
    for (uint32_t i = 0; i < engine->row_count; i++)
        shape.prefill_tokens += engine->chunks[i].tokens;
    if (!engine->with_decodes) return shape;
    shape.decode_requests = engine->decode_count;
    shape.decode_context = engine->context;
    if (engine->naive) {
        const mb_visit visit = mb_visit_decodes(sim, engine);
        shape.decode_requests = (uint32_t)visit.decodes;
        shape.decode_context = visit.context;
    }
    return shape;
}

static mb_status wait_for_limit(mb_sim *sim, const mb_replica *replica, mb_engine *engine, mb_error *error) {
    engine->event_s = mb_piece_time(engine, engine->limit);
    if (engine->event_s == engine->far_s) return MB_OK; // still in the heap from before
    engine->far_s = engine->event_s;
    if (mb_heap_push(&sim->heap, engine->event_s, MB_EVENT_STEP_END, replica->id)) return MB_OK;
    return mb_fail_memory(error);
}

mb_status mb_step_untimed(const mb_sim *sim, const mb_replica *replica, const mb_step_shape *shape,
                          mb_error *error) {
    if (!error || !*error->message) return MB_FAILED;
    const size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used,
             " [timing a step on replica %u, t = %.6g s: %llu tokens of %u prompts, %u decodes that read "
             "%llu tokens, "
             "seed %llu, replication %llu]",
             replica->id + 1, sim->now_s, (unsigned long long)shape->prefill_tokens, shape->prefill_requests,
             shape->decode_requests, (unsigned long long)shape->decode_context,
             (unsigned long long)sim->config->seed, (unsigned long long)sim->config->replication);
    return MB_FAILED;
}

// The first step's blocks have been taken.
static mb_status begin_piece(mb_sim *sim, mb_replica *replica, mb_engine *engine, mb_error *error) {
    const mb_latency *latency = sim->config->latency;
    const mb_step_shape shape = shape_of(sim, engine);
    bool extrapolated = false;
    double seconds = 0;
    const mb_status status = mb_latency_step(latency, &shape, &sim->noise, &seconds, &extrapolated, error);
    if (status != MB_OK) return mb_step_untimed(sim, replica, &shape, error);
    const bool even = shape.prefill_requests == 0 && engine->transfer_s == 0 && mb_latency_is_affine(latency);
    engine->single = !even;
    engine->piece_start_s = sim->now_s;
    engine->first_s = seconds + engine->transfer_s;
    engine->slope_s = even ? mb_latency_step_slope(latency, shape.decode_requests) : 0;
    engine->transfer_s = 0;
    engine->piece_decodes = shape.decode_requests;
    engine->run_prefill_tokens += shape.prefill_tokens;
    engine->steps = engine->uncounted = 0;
    engine->begun = 1;
    engine->extrapolated = extrapolated;
    engine->limit = find_limit(sim, engine);
    set_boundary(sim, replica, mb_piece_time(engine, 1));
    return wait_for_limit(sim, replica, engine, error);
}

// Gaps between tokens: the first step ends those that were open, the others follow the series.
static void add_gaps(mb_sim *sim, mb_engine *engine, uint64_t steps) {
    const double first = mb_piece_time(engine, 1);
    mb_sketch *itl = &sim->metrics.itl;
    const bool open = engine->group_count != 1 || engine->groups[0].time_s != engine->piece_start_s;
    uint64_t from = engine->uncounted;
    if (open && from == 0) {
        for (uint32_t i = 0; i < engine->group_count; i++)
            mb_sketch_add_many(itl, first - engine->groups[i].time_s, engine->groups[i].count);
        from = 1;
    }
    if (from < steps)
        mb_sketch_add_series(itl, engine->first_s + engine->slope_s * (double)from, engine->slope_s,
                             steps - from, engine->piece_decodes);
}

// Everything that a piece did, when it is over.
static void close_piece(mb_sim *sim, mb_engine *engine) {
    mb_metrics *metrics = &sim->metrics;
    const uint64_t steps = engine->steps, decodes = engine->piece_decodes;
    const uint64_t counted = steps - engine->uncounted;
    engine->run_steps += steps;
    engine->run_decodes += steps * decodes;
    metrics->batches += counted;
    metrics->batch_requests += counted * (engine->row_count + decodes);
    engine->computed_tokens += counted * decodes;
    if (engine->extrapolated) metrics->extrapolated_batches += counted;
    if (!decodes || !steps) return;
    add_gaps(sim, engine, steps);
    engine->groups[0] = (mb_token_group){mb_piece_time(engine, steps), (uint32_t)decodes};
    engine->group_count = 1;
}

// --- where the piece stands

// The number of steps ended by now.
static uint64_t steps_by(const mb_engine *engine, double now_s) {
    if (now_s < mb_piece_time(engine, engine->steps + 1)) return engine->steps;
    if (now_s >= mb_piece_time(engine, engine->limit)) return engine->limit;
    // Solve slope/2 k^2 + (first - slope/2) k = elapsed; then look at the exact times around.
    const double elapsed = now_s - engine->piece_start_s, slope = engine->slope_s;
    const double b = engine->first_s - slope / 2;
    const double guess = 2 * elapsed / (b + sqrt(b * b + 2 * slope * elapsed));
    uint64_t k = guess > 1 ? (uint64_t)guess : 1;
    while (k > engine->steps + 1 && mb_piece_time(engine, k) > now_s)
        k--;
    while (k < engine->limit && mb_piece_time(engine, k + 1) <= now_s)
        k++;
    return k;
}

// Has this replica had its turn in the planning of the present instant?
static bool has_planned(const mb_sim *sim, const mb_replica *replica) {
    return replica->id < sim->plan_cursor;
}

static void advance(mb_engine *engine, uint64_t steps) {
    if (!engine->with_decodes || steps == engine->steps) return;
    const uint64_t more = steps - engine->steps;
    engine->iteration += more;
    engine->context += more * engine->decode_count;
    engine->resident_tokens += more * engine->decode_count;
    engine->last_decode_s = mb_piece_time(engine, steps);
}

// Steps that have begun hold their blocks.
static void begin_until(mb_engine *engine, uint64_t begun) {
    if (begun <= engine->begun) return;
    const uint64_t first = engine->iteration - engine->steps; // iteration of the piece's first step
    if (engine->with_decodes)
        mb_kv_blocks_take(&engine->kv,
                          blocks_for_steps(engine, first + engine->begun, begun - engine->begun));
    engine->begun = begun;
}

void mb_engine_settle(mb_sim *sim, mb_replica *replica) {
    mb_engine *engine = replica->engine;
    if (!engine->stepping || engine->naive) return;
    const uint64_t steps = steps_by(engine, sim->now_s);
    advance(engine, steps);
    engine->steps = steps;
    const bool at_boundary = steps > 0 && mb_piece_time(engine, steps) == sim->now_s;
    const bool next_begun = steps < engine->limit && !(at_boundary && !has_planned(sim, replica));
    begin_until(engine, steps + next_begun);
}

double mb_run_next_boundary(mb_sim *sim, const mb_replica *replica) {
    const mb_engine *engine = replica->engine;
    const double known = sim->boundary_s[replica->id]; // of the last look; usually still to come
    if (known > sim->now_s || (known == sim->now_s && !has_planned(sim, replica))) return known;
    uint64_t k = steps_by(engine, sim->now_s);
    if (k == 0 || mb_piece_time(engine, k) < sim->now_s || has_planned(sim, replica)) k++;
    const double boundary = mb_piece_time(engine, k < engine->limit ? k : engine->limit);
    set_boundary(sim, replica, boundary);
    return boundary;
}

void mb_run_interrupt(mb_sim *sim, mb_replica *replica) {
    mb_engine *engine = replica->engine;
    if (engine->naive || engine->limit - engine->steps <= 1) return; // it looks at the next boundary anyway
    const double boundary = mb_run_next_boundary(sim, replica);
    if (boundary >= engine->event_s) return;
    if (boundary == sim->now_s) {
        mb_engine_settle(sim, replica);
        mb_sim_mark_boundary(sim, replica);
        return;
    }
    engine->event_s = boundary;
    if (!mb_heap_push(&sim->heap, boundary, MB_EVENT_STEP_END, replica->id)) sim->out_of_memory = true;
}

// --- start, stop, go on

// Decodes that were added one by one are those that run; the others are left out.
static bool commit_selection(mb_sim *sim, mb_engine *engine) {
    if (engine->selected_count == 0 || engine->with_decodes) return true;
    bool done = true;
    for (uint32_t slot = engine->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->stage == MB_STAGE_DECODE && !request->chunk) {
            mb_engine_part(sim, engine, slot);
            engine->parked++;
        } else if (request->stage == MB_STAGE_PARKED && request->chunk) {
            engine->parked--;
            done &= mb_engine_join(sim, engine, slot);
        }
        slot = request->next;
    }
    engine->with_decodes = true;
    return done;
}

static void clear_selection(mb_sim *sim, mb_engine *engine) {
    for (uint32_t i = 0; i < engine->selected_count; i++)
        mb_request_at(&sim->requests, engine->selected[i])->chunk = 0;
    engine->selected_count = 0;
}

mb_status mb_run_start(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_engine *engine = replica->engine;
    if (replica->idle_on_purpose) { // it said idle, and then added requests all the same
        mb_sim_integrate(sim);
        replica->idle_on_purpose = false;
        sim->idle_on_purpose_count--;
    }
    if (!commit_selection(sim, engine)) return mb_fail_memory(error);
    clear_selection(sim, engine);
    mb_sim_mark_busy(sim, replica);
    engine->stepping = true;
    engine->run_start_s = engine->sums_start_s = sim->now_s;
    engine->run_steps = engine->run_decodes = engine->run_prefill_tokens = 0;
    engine->run_requests = engine->requests;
    engine->blocks_at_start = (double)mb_engine_blocks_used(engine);
    engine->tokens_at_start = tokens_in_memory(engine);
    return begin_piece(sim, replica, engine, error);
}

mb_status mb_run_continue(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_engine *engine = replica->engine;
    if (engine->naive)
        mb_visit_take(sim, engine);
    else if (engine->single)
        mb_kv_blocks_take(&engine->kv, mb_engine_due_now(sim, engine));
    else
        begin_until(engine, engine->steps + 1);
    if (engine->single) {
        close_piece(sim, engine);
        return begin_piece(sim, replica, engine, error);
    }
    if (engine->steps == engine->limit) engine->limit = find_limit(sim, engine);
    return wait_for_limit(sim, replica, engine, error);
}

static bool first_ends(mb_sim *sim, mb_engine *engine) {
    if (engine->naive) return engine->ends;
    while (engine->decodes[0].at == engine->iteration && !engine->decodes[0].ends)
        mb_engine_uncover_first(sim, engine);
    return engine->decodes[0].at == engine->iteration;
}

mb_status mb_run_stop(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_engine *engine = replica->engine;
    engine->event_s = INFINITY;
    if (engine->far_s <= sim->now_s) engine->far_s = INFINITY;
    if (engine->steps == engine->limit) {
        const uint64_t steps = engine->run_steps + engine->steps;
        if (engine->row_count > 0 || steps == engine->quantum || first_ends(sim, engine) ||
            !mb_engine_has_blocks(sim, engine, 0))
            return mb_run_end(sim, replica, error);
    }
    mb_sim_mark_boundary(sim, replica);
    return MB_OK;
}

void mb_run_reach(mb_sim *sim, mb_replica *replica) {
    mb_engine *engine = replica->engine;
    if (!engine->naive) {
        mb_engine_settle(sim, replica);
        return;
    }
    engine->steps++;
    if (!engine->with_decodes) return;
    engine->last_decode_s = mb_piece_time(engine, engine->steps);
    engine->ends = mb_visit_step(sim, engine);
}

// --- the end of a run

static void measure(mb_sim *sim, const mb_request *request) {
    mb_metrics *metrics = &sim->metrics;
    const double ttft = request->first_token_s - request->arrival_s, e2e = sim->now_s - request->arrival_s;
    const uint32_t output = request->output_tokens;
    const double answering_s = request->last_token_s - request->first_token_s;
    const double tbt = output > 1 ? answering_s / (output - 1) : 0;
    mb_judge_served(sim, request, ttft, tbt, e2e);
    if (!mb_sim_counts(sim, request)) return;
    mb_sketch_add(&metrics->queue, request->start_s - request->arrival_s);
    mb_sketch_add(&metrics->ttft, ttft);
    mb_sketch_add(&metrics->e2e, e2e);
    if (output > 1) mb_sketch_add(&metrics->tpot, tbt);
}

static mb_status finish(mb_sim *sim, mb_replica *replica, uint32_t slot, mb_error *error) {
    mb_engine *engine = replica->engine;
    mb_request *request = mb_request_at(&sim->requests, slot);
    const mb_kv_names names = mb_engine_names(request);
    mb_engine_delist(sim, engine, slot);
    engine->resident_tokens -= request->computed;
    if (!mb_kv_blocks_release(&engine->kv, &request->hold, &names, request->computed,
                              request->session ? MB_KV_SESSION : MB_KV_FORGET))
        return mb_fail_memory(error);
    measure(sim, request);
    const mb_status status = mb_sim_count_finished(sim, request, error);
    if (status != MB_OK) return status;
    const mb_finished record = {.request = request,
                                .first_token_s = request->first_token_s,
                                .end_s = sim->now_s,
                                .batch = 0,
                                .why = "done"};
    return mb_sim_leave(sim, slot, MB_END_DONE, &record, error);
}

// A prefill row has computed its chunk. Returns whether the request is done; false and *failed when out of
// memory.
static bool advance_row(mb_sim *sim, mb_engine *engine, uint32_t slot, bool *failed) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    request->computed += request->chunk;
    engine->resident_tokens += request->chunk;
    engine->computed_tokens += request->chunk;
    request->chunk = 0;
    const uint32_t todo = mb_todo(request);
    if (todo == 1 && request->generated > 0) { // computed again up to the last token: it goes on as a decode
        mb_engine_drop_prefill(sim, engine, slot);
        if (!mb_engine_join(sim, engine, slot)) *failed = true;
    }
    if (todo > 0) return false;
    if (request->generated++ == 0)
        request->first_token_s = sim->now_s;
    else
        mb_sketch_add(&sim->metrics.itl, sim->now_s - request->last_token_s);
    request->last_token_s = sim->now_s;
    mb_engine_drop_prefill(sim, engine, slot);
    if (request->generated >= request->output_tokens) return true;
    if (!mb_engine_join(sim, engine, slot)) *failed = true;
    return false;
}

// Everything advances first; then those that are done leave, decodes before prefills.
static mb_status leave_done(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_engine *engine = replica->engine;
    bool failed = false;
    uint32_t count = 0;
    const bool decodes = engine->with_decodes;
    for (uint32_t slot = engine->oldest; engine->naive && engine->ends && slot != MB_NONE;) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        const uint32_t next = request->next;
        if (request->stage == MB_STAGE_DECODE && request->generated == request->output_tokens) {
            mb_engine_part(sim, engine, slot);
            if (!mb_slots_room(&engine->selected, count, &engine->selected_capacity))
                return mb_fail_memory(error);
            engine->selected[count++] = slot;
        }
        slot = next;
    }
    while (decodes && !engine->naive && engine->decode_count && first_ends(sim, engine)) {
        if (!mb_slots_room(&engine->selected, count, &engine->selected_capacity))
            return mb_fail_memory(error);
        engine->selected[count++] = mb_engine_pop_decode(sim, engine);
    }
    for (uint32_t i = 0; i < engine->row_count; i++) {
        if (!advance_row(sim, engine, engine->rows[i], &failed)) continue;
        if (!mb_slots_room(&engine->selected, count, &engine->selected_capacity))
            return mb_fail_memory(error);
        engine->selected[count++] = engine->rows[i];
    }
    if (failed) return mb_fail_memory(error);
    mb_status status = MB_OK;
    for (uint32_t i = 0; i < count && status == MB_OK; i++)
        status = finish(sim, replica, engine->selected[i], error);
    return status;
}

static mb_status show_run(mb_sim *sim, const mb_replica *replica, const mb_step_report *report,
                          mb_error *error) {
    sim->batches++; // numbers runs and batches alike
    if (!sim->observer.batch) return MB_OK;
    const mb_engine *engine = replica->engine;
    const mb_batch_record record = {.steps = report->count,
                                    .batch = sim->batches,
                                    .replica = replica->id,
                                    .start_s = engine->run_start_s,
                                    .end_s = sim->now_s,
                                    .tbt_s = report->tbt_s,
                                    .requests = report->requests,
                                    .useful_tokens = report->prefill_tokens + report->decode_tokens,
                                    .kv_reserved = mb_engine_blocks_used(engine) * engine->kv.block_tokens};
    return sim->observer.batch(sim->observer.self, &record, error);
}

// Who was in the run of equal steps, in order of admission. A prompt's chunk is a run of a single step.
static mb_status show_members(mb_sim *sim, const mb_engine *engine, uint64_t steps, mb_error *error) {
    mb_status status = MB_OK;
    for (uint32_t slot = engine->oldest; slot != MB_NONE && status == MB_OK;) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        const bool decode = engine->with_decodes && request->stage == MB_STAGE_DECODE;
        const mb_member_record record = {.batch = sim->batches,
                                         .id = request->id,
                                         .prompt_tokens = request->chunk,
                                         .output_tokens = decode ? steps : 0};
        if (decode || request->chunk) status = sim->observer.member(sim->observer.self, &record, error);
        slot = request->next;
    }
    return status;
}

mb_status mb_run_end(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_engine *engine = replica->engine;
    close_piece(sim, engine);
    account_run(sim, engine);
    engine->stepping = false;
    engine->event_s = INFINITY;
    set_boundary(sim, replica, INFINITY);
    const uint64_t steps = engine->run_steps;
    const double duration = sim->now_s - engine->run_start_s;
    const mb_step_report report = {.duration_s = duration,
                                   .tbt_s = engine->run_decodes ? duration / (double)steps : 0,
                                   .count = steps,
                                   .requests = engine->run_requests,
                                   .prefill_tokens = engine->run_prefill_tokens,
                                   .decode_tokens = engine->run_decodes};
    mb_status status = show_run(sim, replica, &report, error);
    if (status == MB_OK && sim->observer.member) status = show_members(sim, engine, steps, error);
    if (status == MB_OK) status = leave_done(sim, replica, error);
    engine->ends = false;
    mb_sim_mark_idle(sim, replica);
    if (status == MB_OK && sim->policy.ops->stepped)
        status = sim->policy.ops->stepped(sim->policy.self, sim, replica, &report, error);
    return status;
}

void mb_run_abandon(mb_sim *sim, mb_replica *replica) {
    mb_engine *engine = replica->engine;
    if (!engine->stepping) return;
    mb_engine_settle(sim, replica);
    close_piece(sim, engine);
    account_run(sim, engine);
    engine->stepping = false;
}

void mb_run_restart_sums(mb_sim *sim, mb_replica *replica) {
    mb_engine *engine = replica->engine;
    mb_engine_settle(sim, replica);
    mb_engine_account(sim, engine);
    engine->reserved_integral = engine->used_integral = 0;
    engine->computed_tokens = 0;
    engine->uncounted = engine->steps;
    if (!engine->stepping) return;
    engine->sums_start_s = sim->now_s;
    engine->blocks_at_start = (double)mb_engine_blocks_used(engine);
    engine->tokens_at_start = tokens_in_memory(engine);
}
