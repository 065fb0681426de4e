// SPDX-License-Identifier: MIT
#include "engine/spend.h"

#include "engine/timing.h"

#include <string.h>

void mb_spend_aside(const mb_stepper *stepper, uint32_t slot) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    mb_spend_turn(stepper, slot, request);
    mb_request_time *time = mb_spend_time_of(stepper, slot);
    if (request->computed > time->known) time->known = request->computed;
}

void mb_spend_lost(const mb_stepper *stepper, uint32_t slot, bool in_step, double began_s) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    const mb_time_part before = request->stage == MB_STAGE_DECODE ? MB_PART_DECODE : MB_PART_ASIDE;
    mb_request_time *time = mb_spend_time_of(stepper, slot);
    const int64_t now = mb_spend_now(stepper), began = in_step ? mb_nanoseconds(began_s) : stepper->cut_ns;
    if (began > time->since_ns) mb_spend_charge(time, began, &stepper->spent, before);
    time->parts[in_step ? MB_PART_AGAIN : MB_PART_ASIDE] += now - time->since_ns;
    time->since_ns = now;
    time->seen = stepper->spent;
    if (request->computed > time->known) time->known = request->computed;
}

void mb_spend_waste(const mb_stepper *stepper, uint32_t slot) {
    mb_request_time *time = mb_spend_time_of(stepper, slot);
    time->parts[MB_PART_AGAIN] += time->parts[MB_PART_DECODE];
    time->parts[MB_PART_DECODE] = 0;
    const uint32_t prompt = mb_request_at(stepper->requests, slot)->prompt_tokens;
    if (time->known > prompt) time->known = prompt; // its answer was never computed
}

void mb_spend_before(const mb_stepper *stepper, mb_request_time *time) {
    mb_step_spending before = stepper->spent;
    before.stalled_ns -= stepper->step_stalled_ns;
    before.moved_ns -= stepper->step_moved_ns;
    mb_spend_charge(time, stepper->began_ns, &before, MB_PART_ASIDE);
}

int64_t mb_spend_again(const mb_request_time *time, uint32_t computed, uint32_t chunk, int64_t own) {
    if (time->known <= computed) return 0;
    const uint32_t known = time->known - computed;
    return known >= chunk ? own : own / chunk * known + own % chunk * known / chunk;
}

// How much of `all` the part up to `seconds` after the start is.
static int64_t up_to(double start_s, double seconds, int64_t all) {
    const int64_t part = mb_nanoseconds(start_s + seconds) - mb_nanoseconds(start_s);
    return part < all ? part : all;
}

void mb_spend_flight(const mb_stepper *stepper, uint32_t slot, const mb_flight *flight, bool prompt) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    mb_request_time *time = mb_spend_time_of(stepper, slot);
    const int64_t now = mb_spend_now(stepper), all = now - time->since_ns;
    const int64_t own = up_to(flight->start_s, prompt ? flight->work_s : flight->alone_s, all);
    const int64_t again = prompt ? mb_spend_again(time, request->computed, request->chunk, own) : 0;
    time->parts[MB_PART_STALLED] += all - own;
    time->parts[MB_PART_AGAIN] += again;
    time->parts[prompt ? MB_PART_PREFILL : MB_PART_DECODE] += own - again;
    time->since_ns = now;
    time->seen = stepper->spent;
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
    mb_spend_share(parts, all, served, up_to(start_s, first_s, served), 0);
}

void mb_spend_end_batch(mb_engine *engine) {
    mb_batch_span *span = &engine->span;
    engine->stepper->accounted_ns = mb_spend_now(engine->stepper);
    span->start_ns = mb_nanoseconds(engine->start_s);
    span->all_ns = engine->stepper->accounted_ns - span->start_ns;
    span->affine = mb_latency_is_affine(engine->latency);
    if (span->affine) span->law = mb_latency_barrier_law(engine->latency, engine->count);
}

// The others: the model is asked, or the batch is not made of steps.
mb_status mb_spend_batch_asked(const mb_engine *engine, uint32_t slot, int64_t **parts, mb_error *error) {
    const mb_request *request = mb_request_at(engine->around->requests, slot);
    if (!engine->stepper && !(engine->latency->noise > 0)) {
        spend_plainly(engine, request, *parts);
        return MB_OK;
    }
    mb_batch_time own;
    const mb_status status = mb_time_own(engine, request, &own, error);
    if (status != MB_OK) return status;
    if (engine->stepper) {
        mb_request_time *time = mb_spend_time_of(engine->stepper, slot);
        *parts = time->parts;
        mb_spend_member(engine, request, time, own.first_token_s, own.duration_s);
        return MB_OK;
    }
    const double start_s = engine->start_s;
    const int64_t start = mb_nanoseconds(start_s), all = mb_nanoseconds(mb_engine_now(engine)) - start;
    const int64_t served = up_to(start_s, own.duration_s, all);
    memset(*parts, 0, MB_PARTS * sizeof **parts);
    (*parts)[MB_PART_WAITING] = start - mb_nanoseconds(request->arrival_s);
    mb_spend_share(*parts, all, served, up_to(start_s, own.first_token_s, served), 0);
    return MB_OK;
}

mb_status mb_spend_slice(const mb_engine *engine, uint32_t slot, mb_error *error) {
    int64_t *parts;
    const mb_status status = mb_spend_batch(engine, slot, &parts, error);
    mb_request_time *time = mb_spend_time_of(engine->stepper, slot);
    time->since_ns = mb_spend_now(engine->stepper);
    time->seen = engine->stepper->spent;
    return status;
}
