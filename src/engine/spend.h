// SPDX-License-Identifier: MIT
// Where the time of requests went, as an engine sees it (metrics/why.h). Only where around->times is there;
// of a step nothing is done per request, but for the prompts' chunks.
#pragma once
#include "engine/state.h"

#include <string.h>

// --- what each request or step comes by: no calls, or runs without prompts pay for those with them

static inline int64_t mb_spend_now(const mb_stepper *stepper) {
    return mb_nanoseconds(*stepper->around->clock);
}

static inline mb_request_time *mb_spend_time_of(const mb_stepper *stepper, uint32_t slot) {
    return mb_request_time_at(stepper->around->times, slot);
}

// From since_ns up to `until_ns` it ran, by when the engine had spent so much; `rest` is what it did when it
// was neither stalled nor had to wait for blocks to be moved.
static inline void mb_spend_charge(mb_request_time *time, int64_t until_ns, const mb_step_spending *spent,
                                   mb_time_part rest) {
    const int64_t stalled = spent->stalled_ns - time->seen.stalled_ns;
    const int64_t moved = spent->moved_ns - time->seen.moved_ns;
    const int64_t idle = spent->idle_ns - time->seen.idle_ns;
    time->parts[rest] += until_ns - time->since_ns - stalled - moved - idle;
    time->parts[MB_PART_STALLED] += stalled;
    time->parts[MB_PART_MOVED] += moved;
    time->parts[MB_PART_ASIDE] += idle;
    time->since_ns = until_ns;
    time->seen = *spent;
}

// A request that waited comes to a stepper, which has not touched it yet.
static inline void mb_spend_take_in(const mb_stepper *stepper, uint32_t slot, const mb_request *request) {
    mb_request_time *time = mb_spend_time_of(stepper, slot);
    const int64_t now = mb_spend_now(stepper);
    if (time->opened != request->id + 1) {
        memset(time->parts, 0, sizeof time->parts);
        time->parts[MB_PART_WAITING] = now - mb_nanoseconds(request->arrival_s);
        time->known = 0;
        time->opened = request->id + 1;
    } else {
        const mb_time_part part = isnan(request->start_s)              ? MB_PART_WAITING
                                  : request->stage == MB_STAGE_SWAPPED ? MB_PART_MOVED
                                                                       : MB_PART_ASIDE;
        time->parts[part] += now - time->since_ns;
    }
    time->since_ns = now;
    time->seen = stepper->spent;
}

// A request that runs here leaves its stage now, whichever it is.
static inline void mb_spend_turn(const mb_stepper *stepper, uint32_t slot, const mb_request *request) {
    const bool decode = request->stage == MB_STAGE_DECODE;
    mb_request_time *time = mb_spend_time_of(stepper, slot);
    const int64_t now = mb_spend_now(stepper);
    if (now != time->since_ns)
        mb_spend_charge(time, now, &stepper->spent, decode ? MB_PART_DECODE : MB_PART_ASIDE);
}

static inline void mb_spend_stand_idle(mb_stepper *stepper, int64_t until_ns) {
    stepper->spent.idle_ns += until_ns - stepper->accounted_ns;
    stepper->accounted_ns = until_ns;
}

// A step is going to be built: until now the engine stood idle.
static inline void mb_spend_idle(mb_stepper *stepper) {
    mb_spend_stand_idle(stepper, mb_spend_now(stepper));
}

// A piece of a run begins, with prompts in it or not; its decodes alone would take so many seconds.
static inline void mb_spend_begin(mb_stepper *stepper, bool prompted, double alone_s) {
    if (stepper->around->together && stepper->run_steps == 0) // it may have waited for others
        mb_spend_idle(stepper);
    stepper->prompted = prompted;
    stepper->moved_s = stepper->transfer_s;
    if (!prompted && !(stepper->moved_s > 0)) return;
    stepper->began_ns = mb_spend_now(stepper);
    stepper->alone_s = alone_s;
}

// Its step, which had prompts in it or moved blocks, ends now.
static inline void mb_spend_step(mb_stepper *stepper) {
    const double moved_until_s = stepper->piece_start_s + stepper->moved_s;
    const int64_t end = mb_spend_now(stepper);
    stepper->ended_ns = end;
    stepper->step_moved_ns = stepper->step_stalled_ns = 0;
    if (stepper->moved_s > 0) {
        const int64_t until = mb_nanoseconds(moved_until_s);
        stepper->step_moved_ns = (until > end ? end : until) - stepper->began_ns;
        stepper->spent.moved_ns += stepper->step_moved_ns;
    }
    if (!stepper->prompted) return;
    const int64_t alone_until = mb_nanoseconds(moved_until_s + stepper->alone_s);
    if (alone_until >= end) return;
    stepper->step_stalled_ns = end - alone_until;
    stepper->spent.stalled_ns += stepper->step_stalled_ns;
}

// How much of what it took to compute this chunk went to tokens that had been computed before.
int64_t mb_spend_again(const mb_request_time *time, uint32_t computed, uint32_t chunk, int64_t own);

// It ran before that step, too.
void mb_spend_before(const mb_stepper *stepper, mb_request_time *time);

// A request computed its chunk in it; computed: its tokens before that.
static inline void mb_spend_row(const mb_stepper *stepper, uint32_t slot, uint32_t computed, uint32_t chunk) {
    mb_request_time *time = mb_spend_time_of(stepper, slot);
    if (stepper->began_ns != time->since_ns) mb_spend_before(stepper, time);
    const int64_t now = stepper->ended_ns, moved = stepper->step_moved_ns;
    int64_t own = now - stepper->began_ns - moved;
    if (time->known > computed) {
        const int64_t again = mb_spend_again(time, computed, chunk, own);
        time->parts[MB_PART_AGAIN] += again;
        own -= again;
    }
    time->parts[MB_PART_MOVED] += moved;
    time->parts[MB_PART_PREFILL] += own;
    time->since_ns = now;
    time->seen = stepper->spent;
}

// Of a batch, which began at `start` and took `all`, what was one member's: its own prompt and answer, and
// the rest of it for longer ones.
static inline void mb_spend_share(int64_t parts[MB_PARTS], int64_t all, int64_t served, int64_t prompt,
                                  int64_t again) {
    parts[MB_PART_AGAIN] += again;
    parts[MB_PART_PREFILL] += prompt - again;
    parts[MB_PART_DECODE] += served - prompt;
    parts[MB_PART_PADDING] += all - served;
}

// Of a batch that is made of steps: one of its rows would have taken so long by itself.
static inline void mb_spend_member(const mb_engine *engine, const mb_request *request, mb_request_time *time,
                                   double first_token_s, double duration_s) {
    const mb_batch_span *span = &engine->span;
    const int64_t own = mb_nanoseconds(engine->start_s + duration_s) - span->start_ns;
    const int64_t first = mb_nanoseconds(engine->start_s + first_token_s) - span->start_ns;
    const int64_t served = own < span->all_ns ? own : span->all_ns;
    const int64_t prompt = first < served ? first : served;
    int64_t again = 0;
    if (time->known) again = mb_spend_again(time, 0, request->prompt_tokens + request->generated, prompt);
    mb_spend_share(time->parts, span->all_ns, served, prompt, again);
}

// Where the model must be asked, or the batch is not made of steps.
mb_status mb_spend_batch_asked(const mb_engine *engine, uint32_t slot, int64_t **parts, mb_error *error);

// A whole batch ends now: the parts of one of its members, in *parts or where that is set to.
static inline mb_status mb_spend_batch(const mb_engine *engine, uint32_t slot, int64_t **parts,
                                       mb_error *error) {
    if (!engine->span.affine) return mb_spend_batch_asked(engine, slot, parts, error);
    const mb_request *request = mb_request_at(engine->around->requests, slot);
    mb_request_time *time = mb_spend_time_of(engine->stepper, slot);
    *parts = time->parts;
    double first_s;
    const double own_s = mb_barrier_seconds(&engine->span.law, request->prompt_tokens + request->generated,
                                            mb_batch_output(engine, request), engine->token_budget, &first_s);
    mb_spend_member(engine, request, time, first_s + engine->cost_s, own_s + engine->cost_s);
    return MB_OK;
}

// --- the others
// The same for one that is set aside.
void mb_spend_aside(const mb_stepper *stepper, uint32_t slot);
// A running request is lost with its replica; in_step: what was under way for it began at this time.
void mb_spend_lost(const mb_stepper *stepper, uint32_t slot, bool in_step, double began_s);
// What it generated so far is thrown away: the time that went into it was lost, and what comes now is its
// answer.
void mb_spend_waste(const mb_stepper *stepper, uint32_t slot);
// A batch of a pipeline ends now for a request that was in it, and has not advanced yet.
void mb_spend_flight(const mb_stepper *stepper, uint32_t slot, const mb_flight *flight, bool prompt);
// A static batch ends now; first, before its rows are asked about.
void mb_spend_end_batch(mb_engine *engine);
// For a row that goes on later.
mb_status mb_spend_slice(const mb_engine *engine, uint32_t slot, mb_error *error);
