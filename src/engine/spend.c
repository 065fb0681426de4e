// SPDX-License-Identifier: MIT
#include "engine/spend.h"

#include "engine/timing.h"

#include <string.h>

static int64_t now_ns(const mb_stepper *stepper) {
    return mb_nanoseconds(*stepper->around->clock);
}

static mb_request_time *time_of(const mb_stepper *stepper, uint32_t slot) {
    return mb_request_time_at(stepper->around->times, slot);
}

// From since_ns up to `until_ns` it ran, by when the engine had spent so much; `rest` is what it did when it
// was neither stalled nor had to wait for blocks to be moved.
static void charge(mb_request_time *time, int64_t until_ns, const mb_step_spending *spent,
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

void mb_spend_take_in(const mb_stepper *stepper, uint32_t slot) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    mb_request_time *time = time_of(stepper, slot);
    const mb_time_part part = isnan(request->start_s)              ? MB_PART_WAITING
                              : request->stage == MB_STAGE_SWAPPED ? MB_PART_MOVED
                                                                   : MB_PART_ASIDE;
    const int64_t now = now_ns(stepper);
    time->parts[part] += now - time->since_ns;
    time->since_ns = now;
    time->seen = stepper->spent;
}

void mb_spend_turn(const mb_stepper *stepper, uint32_t slot) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    const bool decode = request->stage == MB_STAGE_DECODE;
    mb_request_time *time = time_of(stepper, slot);
    const int64_t now = now_ns(stepper);
    if (now != time->since_ns) charge(time, now, &stepper->spent, decode ? MB_PART_DECODE : MB_PART_ASIDE);
}

void mb_spend_aside(const mb_stepper *stepper, uint32_t slot) {
    mb_spend_turn(stepper, slot);
    const mb_request *request = mb_request_at(stepper->requests, slot);
    mb_request_time *time = time_of(stepper, slot);
    if (request->computed > time->known) time->known = request->computed;
}

void mb_spend_lost(const mb_stepper *stepper, uint32_t slot, bool in_step, double began_s) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    const mb_time_part before = request->stage == MB_STAGE_DECODE ? MB_PART_DECODE : MB_PART_ASIDE;
    mb_request_time *time = time_of(stepper, slot);
    const int64_t now = now_ns(stepper), began = in_step ? mb_nanoseconds(began_s) : now;
    if (began > time->since_ns) charge(time, began, &stepper->spent, before);
    time->parts[MB_PART_AGAIN] += now - time->since_ns;
    time->since_ns = now;
    time->seen = stepper->spent;
    if (request->computed > time->known) time->known = request->computed;
}

void mb_spend_waste(const mb_stepper *stepper, uint32_t slot) {
    mb_request_time *time = time_of(stepper, slot);
    time->parts[MB_PART_AGAIN] += time->parts[MB_PART_DECODE];
    time->parts[MB_PART_DECODE] = 0;
    const uint32_t prompt = mb_request_at(stepper->requests, slot)->prompt_tokens;
    if (time->known > prompt) time->known = prompt; // its answer was never computed
}

static void stand_idle(mb_stepper *stepper, int64_t until_ns) {
    stepper->spent.idle_ns += until_ns - stepper->accounted_ns;
    stepper->accounted_ns = until_ns;
}

void mb_spend_idle(mb_stepper *stepper) {
    stand_idle(stepper, now_ns(stepper));
}

void mb_spend_begin(mb_stepper *stepper, const mb_step_shape *shape, double alone_s) {
    stepper->began_ns = now_ns(stepper);
    if (stepper->run_steps == 0) // it may have waited for others that step with it
        stand_idle(stepper, stepper->began_ns);
    stepper->prompted = shape->prefill_requests > 0 || shape->group_prompts;
    stepper->moved_s = stepper->transfer_s;
    stepper->alone_s = alone_s;
}

void mb_spend_step(mb_stepper *stepper) {
    const double start_s = stepper->piece_start_s, moved_s = stepper->moved_s;
    const int64_t end = now_ns(stepper);
    mb_step_spending *spent = &stepper->spent;
    stepper->ended_ns = end;
    stepper->before = *spent;
    if (moved_s > 0) {
        const int64_t until = mb_nanoseconds(start_s + moved_s);
        spent->moved_ns += (until > end ? end : until) - stepper->began_ns;
    }
    const int64_t alone_until = mb_nanoseconds(start_s + moved_s + stepper->alone_s);
    if (stepper->prompted && alone_until < end) spent->stalled_ns += end - alone_until;
}

// How much of what it took to compute this chunk went to tokens that had been computed before.
static int64_t again_of(const mb_request_time *time, uint32_t computed, uint32_t chunk, int64_t own) {
    if (time->known <= computed) return 0;
    const uint32_t known = time->known - computed;
    return known >= chunk ? own : own / chunk * known + own % chunk * known / chunk;
}

void mb_spend_row(const mb_stepper *stepper, uint32_t slot, uint32_t computed, uint32_t chunk) {
    mb_request_time *time = time_of(stepper, slot);
    if (stepper->began_ns != time->since_ns) charge(time, stepper->began_ns, &stepper->before, MB_PART_ASIDE);
    const int64_t now = stepper->ended_ns, moved = stepper->spent.moved_ns - stepper->before.moved_ns;
    const int64_t own = now - time->since_ns - moved;
    const int64_t again = again_of(time, computed, chunk, own);
    time->parts[MB_PART_MOVED] += moved;
    time->parts[MB_PART_AGAIN] += again;
    time->parts[MB_PART_PREFILL] += own - again;
    time->since_ns = now;
    time->seen = stepper->spent;
}

// How much of `all` the part up to `seconds` after the start is.
static int64_t up_to(double start_s, double seconds, int64_t all) {
    const int64_t part = mb_nanoseconds(start_s + seconds) - mb_nanoseconds(start_s);
    return part < all ? part : all;
}

void mb_spend_flight(const mb_stepper *stepper, uint32_t slot, const mb_flight *flight, bool prompt) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    mb_request_time *time = time_of(stepper, slot);
    const int64_t now = now_ns(stepper), all = now - time->since_ns;
    const int64_t own = up_to(flight->start_s, prompt ? flight->work_s : flight->alone_s, all);
    const int64_t again = prompt ? again_of(time, request->computed, request->chunk, own) : 0;
    time->parts[MB_PART_STALLED] += all - own;
    time->parts[MB_PART_AGAIN] += again;
    time->parts[prompt ? MB_PART_PREFILL : MB_PART_DECODE] += own - again;
    time->since_ns = now;
    time->seen = stepper->spent;
}

// Of a batch, which began at `start` and took `all`, what was one member's: its own prompt and answer, and
// the rest of it for longer ones.
static void share_batch(int64_t parts[MB_PARTS], int64_t all, int64_t served, int64_t prompt, int64_t again) {
    parts[MB_PART_AGAIN] += again;
    parts[MB_PART_PREFILL] += prompt - again;
    parts[MB_PART_DECODE] += served - prompt;
    parts[MB_PART_PADDING] += all - served;
}

// Without noise, and without steps, whose members may have run before.
static void spend_plainly(const mb_engine *engine, const mb_request *request, int64_t parts[MB_PARTS]) {
    const double start_s = engine->start_s;
    const int64_t start = mb_nanoseconds(start_s), all = mb_nanoseconds(mb_engine_now(engine)) - start;
    const uint32_t tokens = request->prompt_tokens + mb_batch_output(engine, request);
    double own_s = engine->time.duration_s, first_s = engine->time.first_token_s;
    if (tokens != engine->longest_tokens || request->service_s != engine->longest_service_s) {
        own_s = engine->cost_s +
                mb_latency_batch_exact(engine->latency, engine->count, tokens, request->service_s, &first_s);
        first_s += engine->cost_s;
    }
    const int64_t served = up_to(start_s, own_s, all);
    memset(parts, 0, MB_PARTS * sizeof *parts);
    parts[MB_PART_WAITING] = start - mb_nanoseconds(request->arrival_s);
    share_batch(parts, all, served, up_to(start_s, first_s, served), 0);
}

// Of a batch that is made of steps, in place.
static mb_status spend_rows(const mb_engine *engine, uint32_t slot, mb_request_time *time, mb_error *error) {
    const mb_request *request = mb_request_at(engine->around->requests, slot);
    const double start_s = engine->start_s;
    const int64_t all = mb_nanoseconds(mb_engine_now(engine)) - mb_nanoseconds(start_s);
    const uint32_t known = request->prompt_tokens + request->generated;
    mb_batch_time own;
    if (mb_latency_is_affine(engine->latency)) { // every member of every batch comes by here
        mb_latency_barrier_own(engine->latency, engine->count, known, mb_batch_output(engine, request),
                               engine->token_budget, &own);
        own.duration_s += engine->cost_s;
        own.first_token_s += engine->cost_s;
    } else {
        const mb_status status = mb_time_own(engine, request, &own, error);
        if (status != MB_OK) return status;
    }
    const int64_t served = up_to(start_s, own.duration_s, all);
    const int64_t prompt = up_to(start_s, own.first_token_s, served);
    share_batch(time->parts, all, served, prompt, again_of(time, 0, known, prompt));
    return MB_OK;
}

mb_status mb_spend_batch(const mb_engine *engine, uint32_t slot, int64_t **parts, mb_error *error) {
    if (engine->stepper) {
        mb_request_time *time = time_of(engine->stepper, slot);
        *parts = time->parts;
        return spend_rows(engine, slot, time, error);
    }
    const mb_request *request = mb_request_at(engine->around->requests, slot);
    if (!(engine->latency->noise > 0)) {
        spend_plainly(engine, request, *parts);
        return MB_OK;
    }
    const double start_s = engine->start_s;
    const int64_t start = mb_nanoseconds(start_s), all = mb_nanoseconds(mb_engine_now(engine)) - start;
    mb_batch_time own;
    const mb_status status = mb_time_own(engine, request, &own, error);
    if (status != MB_OK) return status;
    const int64_t served = up_to(start_s, own.duration_s, all);
    memset(*parts, 0, MB_PARTS * sizeof **parts);
    (*parts)[MB_PART_WAITING] = start - mb_nanoseconds(request->arrival_s);
    share_batch(*parts, all, served, up_to(start_s, own.first_token_s, served), 0);
    return MB_OK;
}

mb_status mb_spend_slice(const mb_engine *engine, uint32_t slot, mb_error *error) {
    int64_t *parts;
    const mb_status status = mb_spend_batch(engine, slot, &parts, error);
    mb_request_time *time = time_of(engine->stepper, slot);
    time->since_ns = now_ns(engine->stepper);
    time->seen = engine->stepper->spent;
    return status;
}
