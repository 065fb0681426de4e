// SPDX-License-Identifier: MIT
// The run of equal steps: when it stops, in closed form; what it did, in sums.
//
// A run is timed in pieces. Where repetitions of the step follow an arithmetic series the run is one piece,
// and the end of its k-th step is computed from the start, never from step k - 1: so it does not matter at
// which of the steps anybody looked. Else each step is a piece.
#include "engine/run.h"

#include "base/apart.h"
#include "engine/ahead.h"
#include "engine/gaps.h"
#include "engine/hand.h"
#include "engine/pieces.h"
#include "engine/spend.h"
#include "engine/stepper.h"
#include "engine/timing.h"
#include "engine/visit.h"

// Memory grows evenly over a run (each decode by a token per step), so the mean of its ends stands for it.
inline void mb_run_account(mb_stepper *stepper) {
    const double now_s = *stepper->around->clock, duration = now_s - stepper->sums_start_s;
    const double blocks = mb_double(mb_stepper_blocks_used(stepper));
    const double mean = (stepper->blocks_at_start + blocks) / 2 * stepper->kv.block_tokens;
    stepper->reserved_integral += duration * mean;
    stepper->used_integral += duration * (stepper->tokens_at_start + mb_stepper_tokens(stepper)) / 2;
    stepper->accounted_s = now_s;
    mb_metrics *metrics = stepper->around->metrics;
    const double fill = blocks / mb_double(stepper->kv.total);
    if (fill > metrics->kv_peak) metrics->kv_peak = fill;
}

inline void mb_run_restart_account(mb_stepper *stepper) {
    stepper->sums_start_s = *stepper->around->clock;
    stepper->blocks_at_start = mb_double(mb_stepper_blocks_used(stepper));
    stepper->tokens_at_start = mb_stepper_tokens(stepper);
}

// --- pieces

// The piece goes on until step ... : the first end of a request or of a cover, the quantum, or the first step
// without memory. The blocks of the next step are taken.
inline uint64_t mb_run_limit(const mb_stepper *stepper) {
    if (stepper->naive || stepper->single) return stepper->steps + 1;
    uint64_t most = stepper->decodes[0].at - stepper->iteration;
    if (stepper->quantum) {
        const uint64_t left = stepper->quantum - stepper->run_steps - stepper->steps;
        if (left < most) most = left;
    }
    return stepper->steps + 1 + mb_steps_with_memory(stepper, stepper->iteration + 1, most - 1);
}

inline mb_step_shape mb_run_shape(const mb_stepper *stepper) {
    mb_step_shape shape = {.prefill_requests = stepper->row_count, .chunks = stepper->chunks};
    for (uint32_t i = 0; i < stepper->row_count; i++)
        shape.prefill_tokens += stepper->chunks[i].tokens;
    if (!stepper->with_decodes) return shape;
    shape.decode_requests = stepper->decode_count;
    shape.decode_context = stepper->context;
    if (stepper->naive) {
        const mb_visit visit = mb_visit_decodes(stepper);
        shape.decode_requests = (uint32_t)visit.decodes;
        shape.decode_context = visit.context;
    }
    return shape;
}

inline mb_status mb_run_wait(mb_engine *engine, mb_error *error) {
    const mb_stepper *stepper = engine->stepper;
    engine->event_s = mb_piece_time(stepper, stepper->limit);
    return engine->around->wake(engine->around->self, engine, engine->event_s) ? MB_OK
                                                                               : mb_fail_memory(error);
}

MB_WITHIN void mb_run_set_piece(mb_engine *engine, const mb_step_shape *shape, const mb_run_piece *piece) {
    mb_stepper *stepper = engine->stepper;
    stepper->single = piece->single;
    stepper->piece_start_s = mb_engine_now(engine);
    stepper->first_s = piece->first_s;
    stepper->slope_s = piece->slope_s;
    if (engine->around->times) mb_spend_begin(stepper, mb_law_has_prompts(shape), piece->alone_s);
    stepper->transfer_s = engine->cost_s = 0;
    stepper->piece_decodes = shape->decode_requests;
    stepper->run_prefill_tokens += shape->prefill_tokens;
    stepper->steps = stepper->uncounted = 0;
    stepper->begun = 1;
    stepper->inside = piece->inside;
    stepper->limit = mb_run_limit(stepper);
    stepper->boundary_s = mb_piece_first(stepper);
}

static inline void set_series(const mb_engine *engine, const mb_step_shape *shape, double seconds,
                              bool extrapolated, mb_run_piece *piece) {
    const mb_latency *latency = engine->latency;
    const double once_s = engine->stepper->transfer_s + engine->cost_s;
    piece->single = shape->prefill_requests > 0 || once_s > 0 || !mb_latency_is_affine(latency);
    piece->first_s = seconds + once_s;
    piece->slope_s = piece->single ? 0 : mb_latency_step_slope(latency, shape->decode_requests);
    piece->inside = extrapolated ? 0 : piece->single ? UINT64_MAX : mb_latency_steps_inside(latency, shape);
}

// Of decodes that wait for prompts.
static inline bool is_mixed(const mb_step_shape *shape) {
    return shape->decode_requests > 0 && mb_law_has_prompts(shape);
}

mb_status mb_run_time(const mb_engine *engine, const mb_step_shape *shape, mb_run_piece *piece,
                      mb_error *error) {
    const mb_latency *latency = engine->latency;
    double seconds = 0;
    bool extrapolated = false;
    piece->alone_s = 0;
    mb_status status = mb_time_step(engine, shape, &seconds, &extrapolated, error);
    const bool mixed = is_mixed(shape);
    if (mixed && engine->around->times && status == MB_OK) {
        if (mb_latency_is_affine(latency)) // at once what the other comes to
            piece->alone_s = mb_law_decodes_seconds(latency, shape->decode_requests, shape->decode_context);
        else
            status = mb_time_decodes(engine, shape, seconds, &piece->alone_s, error);
    }
    if (status != MB_OK) return status;
    if (mixed) piece->alone_s += engine->cost_s;
    set_series(engine, shape, seconds, extrapolated, piece);
    return MB_OK;
}

MB_APART static mb_status begin_any_piece(mb_engine *engine, mb_error *error) {
    const mb_step_shape shape = mb_run_shape(engine->stepper);
    mb_run_piece piece;
    const mb_status status = mb_run_time(engine, &shape, &piece, error);
    if (status != MB_OK) return status;
    mb_run_set_piece(engine, &shape, &piece);
    return mb_run_wait(engine, error);
}

// The first step's blocks have been taken.
MB_WITHIN static mb_status begin_piece(mb_engine *engine, mb_error *error) {
    if (!mb_latency_is_affine(engine->latency)) return begin_any_piece(engine, error);
    const mb_step_shape shape = mb_run_shape(engine->stepper); // the same, with nothing in memory
    mb_run_piece piece = {.alone_s = 0};
    bool extrapolated = false;
    const double seconds = mb_law_seconds(engine->latency, &shape, &extrapolated);
    if (engine->around->times && is_mixed(&shape))
        piece.alone_s = mb_law_decodes_seconds(engine->latency, shape.decode_requests, shape.decode_context) +
                        engine->cost_s;
    set_series(engine, &shape, seconds, extrapolated, &piece);
    mb_run_set_piece(engine, &shape, &piece);
    return mb_run_wait(engine, error);
}

// Gaps between tokens: the first step ends those that were open, the others follow the series.
MB_WITHIN static void add_gaps(mb_stepper *stepper, uint64_t steps) {
    const double first = mb_piece_first(stepper);
    mb_sketch *itl = &stepper->around->metrics->itl;
    const bool open = stepper->group_count != 1 || stepper->groups[0].time_s != stepper->piece_start_s;
    uint64_t from = stepper->uncounted;
    if (open && from == 0) {
        for (uint32_t i = 0; i < stepper->group_count; i++)
            mb_sketch_add_many(itl, first - stepper->groups[i].time_s, stepper->groups[i].count);
        from = 1;
    }
    if (from + 1 == steps)
        mb_sketch_add_many(itl, stepper->first_s + stepper->slope_s * mb_double(from),
                           stepper->piece_decodes);
    else if (from < steps)
        mb_sketch_add_series(itl, stepper->first_s + stepper->slope_s * mb_double(from), stepper->slope_s,
                             steps - from, stepper->piece_decodes);
}

// Everything that a piece did, when it is over.
MB_WITHIN void mb_run_close_piece(mb_stepper *stepper) {
    mb_metrics *metrics = stepper->around->metrics;
    const uint64_t steps = stepper->steps, decodes = stepper->piece_decodes;
    const uint64_t counted = steps - stepper->uncounted;
    stepper->run_steps += steps;
    stepper->run_decodes += steps * decodes;
    metrics->batches += counted;
    metrics->batch_requests += counted * (stepper->row_count + decodes);
    stepper->computed_tokens += counted * decodes;
    if (steps > stepper->inside)
        metrics->extrapolated_batches +=
            steps - (stepper->inside > stepper->uncounted ? stepper->inside : stepper->uncounted);
    if (stepper->around->times && steps && (stepper->prompted || stepper->moved_s > 0))
        mb_spend_step(stepper);
    if (!decodes || !steps) return;
    if (stepper->around->gaps)
        mb_gaps_piece(stepper, mb_piece_time(stepper, 1), mb_piece_time(stepper, steps));
    if (stepper->around->readings) mb_pieces_close(stepper);
    add_gaps(stepper, steps);
    stepper->groups[0] = (mb_token_group){stepper->last_decode_s, (uint32_t)decodes};
    stepper->group_count = 1;
}

// --- where the piece stands

// The number of steps ended by now.
MB_WITHIN static uint64_t steps_by(const mb_stepper *stepper, double now_s) {
    if (now_s >= mb_piece_time(stepper, stepper->limit)) return stepper->limit;
    if (now_s < mb_piece_time(stepper, stepper->steps + 1)) return stepper->steps;
    // Solve slope/2 k^2 + (first - slope/2) k = elapsed; then look at the exact times around.
    const double elapsed = now_s - stepper->piece_start_s, slope = stepper->slope_s;
    const double b = stepper->first_s - slope / 2;
    const double guess = 2 * elapsed / (b + sqrt(b * b + 2 * slope * elapsed));
    uint64_t k = guess > 1 ? (uint64_t)guess : 1;
    while (k > stepper->steps + 1 && mb_piece_time(stepper, k) > now_s)
        k--;
    while (k < stepper->limit && mb_piece_time(stepper, k + 1) <= now_s)
        k++;
    return k;
}

// Has this replica had its turn in the planning of the present instant?
static bool has_planned(const mb_engine *engine) {
    return engine->id < engine->around->turn;
}

static inline void advance(mb_stepper *stepper, uint64_t steps, double end_s) {
    if (!stepper->with_decodes || steps == stepper->steps) return;
    const uint64_t more = steps - stepper->steps;
    stepper->iteration += more;
    stepper->context += more * stepper->decode_count;
    stepper->resident_tokens += more * stepper->decode_count;
    stepper->last_decode_s = end_s;
}

// Steps that have begun hold their blocks.
static inline void begin_until(mb_stepper *stepper, uint64_t begun) {
    if (begun <= stepper->begun) return;
    const uint64_t first = stepper->iteration - stepper->steps; // iteration of the piece's first step
    if (stepper->with_decodes)
        mb_kv_blocks_take(&stepper->kv,
                          mb_blocks_for_steps(stepper, first + stepper->begun, begun - stepper->begun));
    stepper->begun = begun;
}

void mb_run_settle(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    if (!stepper->stepping || stepper->naive) return;
    const uint64_t steps = steps_by(stepper, mb_engine_now(engine));
    const double end_s = mb_piece_time(stepper, steps);
    advance(stepper, steps, end_s);
    stepper->steps = steps;
    if (steps == stepper->limit) { // nothing goes on by itself
        begin_until(stepper, steps);
        return;
    }
    const bool at_boundary = steps > 0 && end_s == mb_engine_now(engine);
    begin_until(stepper, steps + !(at_boundary && !has_planned(engine)));
}

double mb_run_next_boundary(const mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    const double known = stepper->boundary_s; // of the last look; usually still to come
    if (known > mb_engine_now(engine) || (known == mb_engine_now(engine) && !has_planned(engine)))
        return known;
    uint64_t k = steps_by(stepper, mb_engine_now(engine));
    if (k == 0 || mb_piece_time(stepper, k) < mb_engine_now(engine) || has_planned(engine)) k++;
    const double boundary = mb_piece_time(stepper, k < stepper->limit ? k : stepper->limit);
    stepper->boundary_s = boundary;
    return boundary;
}

double mb_run_interrupt(mb_engine *engine) {
    const mb_stepper *stepper = engine->stepper;
    // A question may have settled it at this very boundary, before its turn: it can still stop here.
    const bool here = stepper->steps > 0 && !has_planned(engine) &&
                      mb_piece_time(stepper, stepper->steps) == mb_engine_now(engine);
    if (stepper->naive || (stepper->limit - stepper->steps <= 1 && !here))
        return INFINITY; // it stops there anyway
    const double boundary = mb_run_next_boundary(engine);
    if (boundary >= engine->event_s) return INFINITY;
    if (boundary == mb_engine_now(engine))
        mb_run_settle(engine);
    else
        engine->event_s = boundary;
    return boundary;
}

// --- start, stop, go on

// Decodes that were added one by one are those that run; the others are left out.
static bool commit_selection(mb_stepper *stepper) {
    if (stepper->selected_count == 0 || stepper->with_decodes) return true;
    bool done = true;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        mb_request *request = mb_request_at(stepper->requests, slot);
        if (request->stage == MB_STAGE_DECODE && !request->chunk) {
            mb_stepper_part(stepper, slot);
            stepper->parked++;
        } else if (request->stage == MB_STAGE_PARKED && request->chunk) {
            stepper->parked--;
            done &= mb_stepper_join(stepper, slot);
        }
        slot = request->next;
    }
    stepper->with_decodes = true;
    return done;
}

static inline void clear_selection(mb_stepper *stepper) {
    for (uint32_t i = 0; i < stepper->selected_count; i++)
        mb_request_at(stepper->requests, stepper->selected[i])->chunk = 0;
    stepper->selected_count = 0;
}

// How long its steps take is known when all ranks have built theirs.
static void hold_first(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    stepper->held = true;
    stepper->piece_start_s = mb_engine_now(engine);
    stepper->first_s = stepper->boundary_s = INFINITY;
    stepper->slope_s = 0;
    stepper->steps = stepper->uncounted = 0;
    stepper->begun = stepper->limit = 1;
    stepper->piece_decodes = 0;
}

mb_status mb_run_start(mb_engine *engine, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    if (!commit_selection(stepper)) return mb_fail_memory(error);
    clear_selection(stepper);
    stepper->stepping = true;
    stepper->run_start_s = mb_engine_now(engine);
    stepper->run_steps = stepper->run_decodes = stepper->run_prefill_tokens = 0;
    stepper->run_requests = stepper->built;
    if (stepper->late) stepper->quantum = 1; // it may enter the next
    stepper->run_blocks = mb_stepper_blocks_used(stepper);
    mb_run_restart_account(stepper);
    if (!engine->around->together) return begin_piece(engine, error);
    hold_first(engine);
    return MB_OK;
}

mb_status mb_run_continue(mb_engine *engine, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    if (stepper->naive)
        mb_visit_take(stepper);
    else if (stepper->single)
        mb_kv_blocks_take(&stepper->kv, mb_stepper_due_now(stepper));
    else
        begin_until(stepper, stepper->steps + 1);
    stepper->begun = stepper->steps + 1; // though it may still wait for the other ranks
    if (engine->around->together) {
        stepper->held = true;
        return MB_OK;
    }
    if (stepper->single) {
        mb_run_close_piece(stepper);
        return begin_any_piece(engine, error);
    }
    if (stepper->steps == stepper->limit) stepper->limit = mb_run_limit(stepper);
    return mb_run_wait(engine, error);
}

static inline bool first_ends(mb_stepper *stepper) {
    if (stepper->naive) return stepper->ends;
    while (stepper->decodes[0].at == stepper->iteration && !stepper->decodes[0].ends)
        mb_stepper_uncover_first(stepper);
    return stepper->decodes[0].at == stepper->iteration;
}

inline bool mb_run_stops(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    engine->event_s = INFINITY;
    if (stepper->steps != stepper->limit) return false;
    const uint64_t steps = stepper->run_steps + stepper->steps;
    return stepper->row_count > 0 || steps == stepper->quantum || first_ends(stepper) ||
           !mb_had_blocks(stepper);
}

MB_APART static void reach_naively(mb_stepper *stepper) {
    stepper->steps++;
    if (!stepper->with_decodes) return;
    stepper->last_decode_s = mb_piece_time(stepper, stepper->steps);
    stepper->ends = mb_visit_step(stepper);
}

inline void mb_run_reach(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    if (stepper->naive) {
        reach_naively(stepper);
        return;
    }
    const double end_s = mb_piece_time(stepper, stepper->limit);
    if (mb_engine_now(engine) < end_s) {
        mb_run_settle(engine);
        return;
    }
    advance(stepper, stepper->limit, end_s); // as usual
    stepper->steps = stepper->limit;
    begin_until(stepper, stepper->limit);
}

bool mb_run_reach_alone(mb_engine *engine) {
    mb_run_reach(engine);
    return mb_run_stops(engine);
}

// --- the end of a run

MB_WITHIN mb_status mb_run_finish(mb_engine *engine, uint32_t slot, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    const mb_request *request = mb_request_at(stepper->requests, slot);
    if (!mb_stepper_let_leave(stepper, slot) || stepper->pieces.out_of_memory) return mb_fail_memory(error);
    const uint32_t output = request->output_tokens;
    const double tbt_s = output > 1 ? (request->last_token_s - request->first_token_s) / (output - 1) : 0;
    const mb_request_times *times = engine->around->times;
    const mb_served served = {.first_token_s = request->first_token_s,
                              .tbt_s = tbt_s,
                              .gap_s = request->gap_s,
                              .tpot_s = output > 1 ? tbt_s : (double)NAN,
                              .parts = times ? mb_request_time_at(times, slot)->parts : NULL};
    return engine->around->done(engine->around->self, engine, slot, &served, error);
}

bool mb_run_advance_row(mb_stepper *stepper, uint32_t slot, bool *failed) {
    const double now_s = *stepper->around->clock;
    mb_request *request = mb_request_at(stepper->requests, slot);
    if (stepper->around->times && !stepper->staged)
        mb_spend_row(stepper, slot, request->computed, request->chunk);
    request->computed += request->chunk;
    stepper->resident_tokens += request->chunk;
    stepper->computed_tokens += request->chunk;
    request->chunk = 0;
    const uint32_t todo = mb_todo(request);
    if (todo == 1 && request->generated > 0) { // computed again up to the last token: it goes on as a decode
        mb_stepper_drop_prefill(stepper, slot);
        if (!mb_stepper_join(stepper, slot)) *failed = true;
    }
    if (todo > 0) return false;
    const bool first = request->generated == 0;
    request->generated++;
    if (first)
        request->first_token_s = now_s;
    else {
        mb_sketch_add(&stepper->around->metrics->itl, now_s - request->last_token_s);
        request->gap_s = fmax(request->gap_s, now_s - request->last_token_s);
    }
    request->last_token_s = now_s;
    if (stepper->around->readings) mb_pieces_token(stepper, slot);
    mb_stepper_drop_prefill(stepper, slot);
    if (request->generated >= request->output_tokens) return true;
    if (!(first && stepper->hands_off ? mb_stepper_part_with(stepper, slot) : mb_stepper_join(stepper, slot)))
        *failed = true;
    return false;
}

static inline bool note_done(mb_stepper *stepper, uint32_t *count, uint32_t slot) {
    if (!mb_slots_room(&stepper->selected, *count, &stepper->selected_capacity)) return false;
    stepper->selected[(*count)++] = slot;
    return true;
}

// Of the decodes, where each is visited.
MB_APART static bool part_with_done(mb_stepper *stepper, uint32_t *count) {
    for (uint32_t slot = stepper->oldest; stepper->ends && slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        const uint32_t next = request->next;
        if (request->stage == MB_STAGE_DECODE && request->generated == request->output_tokens) {
            mb_stepper_part(stepper, slot);
            if (!note_done(stepper, count, slot)) return false;
        }
        slot = next;
    }
    return true;
}

// Everything advances first; then those that are handed over, or done, leave, decodes before prefills, each
// in order of admission (in which the policy need not have added them).
static inline mb_status leave_done(mb_engine *engine, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    bool failed = false;
    uint32_t count = 0;
    if (stepper->naive)
        failed = !part_with_done(stepper, &count);
    else if (stepper->with_decodes)
        while (stepper->decode_count && first_ends(stepper))
            failed |= !note_done(stepper, &count, mb_stepper_pop_decode(stepper));
    const uint32_t first_row = count;
    for (uint32_t i = 0; i < stepper->row_count; i++)
        if (mb_run_advance_row(stepper, stepper->rows[i], &failed))
            failed |= !note_done(stepper, &count, stepper->rows[i]);
    if (failed) return mb_fail_memory(error);
    if (count - first_row > 1)
        mb_put_in_order(stepper->requests, stepper->selected + first_row, count - first_row);
    stepper->with_decodes = false; // the step is over: whoever is told of the ends stands before the next
    mb_status status = stepper->handed_count ? mb_hand_over(engine, error) : MB_OK;
    for (uint32_t i = 0; i < count && status == MB_OK; i++)
        status = mb_run_finish(engine, stepper->selected[i], error);
    return status;
}

static mb_step_report report_of(const mb_stepper *stepper) {
    const double duration = stepper->last_end_s - stepper->run_start_s;
    return (mb_step_report){.duration_s = duration,
                            .tbt_s = stepper->run_decodes ? duration / mb_double(stepper->run_steps) : 0,
                            .count = stepper->run_steps,
                            .requests = stepper->run_requests,
                            .prefill_tokens = stepper->run_prefill_tokens,
                            .decode_tokens = stepper->run_decodes};
}

MB_APART static mb_status show_run(const mb_engine *engine, mb_error *error) {
    const mb_surroundings *around = engine->around;
    const mb_stepper *stepper = engine->stepper;
    const mb_step_report report = report_of(stepper);
    const mb_batch_record record = {.steps = report.count,
                                    .batch = around->batches,
                                    .replica = engine->id,
                                    .start_s = stepper->run_start_s,
                                    .end_s = stepper->last_end_s,
                                    .tbt_s = report.tbt_s,
                                    .requests = report.requests,
                                    .useful_tokens = report.prefill_tokens + report.decode_tokens,
                                    .kv_reserved = mb_stepper_blocks_used(stepper) * stepper->kv.block_tokens,
                                    .kv_capacity = mb_stepper_capacity(stepper),
                                    .kv_between = stepper->left_blocks * stepper->kv.block_tokens,
                                    .kv_before = stepper->run_blocks * stepper->kv.block_tokens,
                                    .prefill_tokens = report.prefill_tokens,
                                    .decode_tokens = report.decode_tokens};
    return around->ran(around->self, &record, error);
}

// Who was in the run of equal steps, in order of admission. A prompt's chunk is a run of a single step.
MB_APART static mb_status show_members(const mb_engine *engine, uint64_t steps, mb_error *error) {
    const mb_surroundings *around = engine->around;
    const mb_stepper *stepper = engine->stepper;
    mb_status status = MB_OK;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE && status == MB_OK;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        const bool decode = stepper->with_decodes && request->stage == MB_STAGE_DECODE;
        const mb_member_record record = {.batch = around->batches,
                                         .id = request->id,
                                         .prompt_tokens = request->chunk,
                                         .output_tokens = decode ? steps : 0};
        if (decode || request->chunk) status = around->member(around->self, &record, error);
        slot = request->next;
    }
    return status;
}

// The run is over: its steps so far, the last of which ended at last_end_s, are shown.
MB_WITHIN static mb_status close_run(mb_engine *engine, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    mb_surroundings *around = engine->around;
    mb_run_close_piece(stepper);
    mb_run_account(stepper);
    stepper->stepping = false;
    if (around->times) stepper->accounted_ns = mb_nanoseconds(mb_engine_now(engine));
    engine->event_s = INFINITY;
    stepper->boundary_s = INFINITY;
    if (stepper->run_steps == 0) return MB_OK;
    around->batches++;
    if (around->ran) {
        const mb_status status = show_run(engine, error);
        if (status != MB_OK) return status;
    }
    return around->member ? show_members(engine, stepper->run_steps, error) : MB_OK;
}

mb_status mb_run_end(mb_engine *engine, mb_step_report *report, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    stepper->last_start_s =
        stepper->steps == 1 ? stepper->piece_start_s : mb_piece_time(stepper, stepper->steps - 1);
    stepper->last_end_s = mb_engine_now(engine);
    mb_status status = close_run(engine, error);
    if (report) *report = report_of(stepper);
    if (status == MB_OK) status = leave_done(engine, error);
    stepper->left_blocks = mb_stepper_blocks_used(stepper);
    stepper->ends = false;
    return status;
}

mb_status mb_run_cut(mb_engine *engine, double *lost_s, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    mb_run_settle(engine);
    // (How long the first step of one that waits for other ranks takes is not known.)
    stepper->last_end_s = stepper->steps ? mb_piece_time(stepper, stepper->steps) : stepper->piece_start_s;
    *lost_s = mb_engine_now(engine) - stepper->last_end_s;
    return close_run(engine, error);
}

void mb_run_abandon(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    if (!stepper->stepping) return;
    mb_run_settle(engine);
    mb_run_close_piece(stepper);
    mb_run_account(stepper);
    stepper->stepping = false;
}

void mb_run_restart_sums(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    mb_run_settle(engine);
    mb_stepper_account(stepper);
    stepper->reserved_integral = stepper->used_integral = 0;
    stepper->computed_tokens = 0;
    stepper->uncounted = stepper->steps;
    if (stepper->stepping) mb_run_restart_account(stepper);
}
