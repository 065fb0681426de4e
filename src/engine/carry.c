// SPDX-License-Identifier: MIT
// What runs goes on in the step that is being built; where memory runs out some make room for the others.
#include "engine/build.h"

#include "base/apart.h"
#include "engine/stepper.h"
#include "engine/victim.h"
#include "engine/visit.h"

// The next chunks of the unfinished prefills that this step's budget allows: the blocks that they need beyond
// those held.
static uint64_t prefills_need(const mb_engine *engine, uint64_t budget) {
    const mb_stepper *stepper = engine->stepper;
    uint64_t blocks = 0;
    const mb_request *request;
    for (uint32_t slot = stepper->first_prefill; slot != MB_NONE && budget > 0; slot = request->after) {
        request = mb_request_at(stepper->requests, slot);
        if (request->chunk) continue;
        const uint32_t todo = mb_todo(request), chunk = todo < budget ? todo : (uint32_t)budget;
        const uint64_t reach = mb_kv_blocks_for(&stepper->kv, (uint64_t)request->computed + chunk);
        const uint64_t held = request->hold.own + request->hold.shared;
        if (reach > held) blocks += reach - held;
        budget -= chunk;
    }
    return blocks;
}

// How running requests go on, and who has made room for them so far.
typedef struct carrying {
    mb_carry_rule rule;
    mb_departures departures;
    uint32_t preempted;
} carrying;

// One that no batch under way needs.
static bool find_victim(const mb_engine *engine, carrying *carry, uint32_t *victim) {
    mb_stepper *stepper = engine->stepper;
    const bool in_order = carry->rule.victim == MB_KEY_NONE, oldest = in_order && carry->rule.oldest;
    const mb_victim_rule rule = {.key = carry->rule.victim, .newest = !oldest, .age = INFINITY};
    if (!in_order || stepper->staged) return mb_victim_next(stepper, &rule, &carry->departures, victim);
    *victim = oldest ? stepper->oldest : stepper->newest;
    return true;
}

// It computes what it lacks again.
static mb_status make_room(mb_engine *engine, carrying *carry, uint32_t victim, mb_error *error) {
    mb_refusal ignored;
    carry->preempted++;
    return mb_build_preempt(engine, victim, MB_PREEMPT_RECOMPUTE, MB_NONE, true, &ignored, error);
}

// Request by request, where the step holds some already, or the budget does not reach for all.
static mb_status carry_each(mb_engine *engine, carrying *carry, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    for (int prefills = 0; prefills < 2; prefills++) {
        for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
            const mb_request *request = mb_request_at(stepper->requests, slot);
            const bool prefill = request->stage == MB_STAGE_PREFILL;
            if (mb_build_holds(stepper, slot) || prefill != (prefills == 1)) {
                slot = request->next;
                continue;
            }
            const mb_refusal refusal = mb_build_add(engine, slot, 0);
            if (refusal == MB_REFUSED_TOKENS) break;
            if (refusal == MB_FITS) {
                slot = mb_request_at(stepper->requests, slot)->next;
                continue;
            }
            const uint32_t next = request->next;
            uint32_t victim;
            if (!find_victim(engine, carry, &victim)) return mb_fail_memory(error);
            const mb_status status = make_room(engine, carry, victim, error);
            if (status != MB_OK) return status;
            if (victim == slot) slot = next;
        }
    }
    return MB_OK;
}

static bool unpark_all(mb_stepper *stepper) {
    bool done = true;
    for (uint32_t slot = stepper->parked ? stepper->oldest : MB_NONE; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        if (request->stage == MB_STAGE_PARKED) {
            stepper->parked--;
            done &= mb_stepper_join(stepper, slot);
        }
        slot = request->next;
    }
    return done;
}

// All go on but those that make room for the others: how many decodes that are.
static mb_status free_blocks(mb_engine *engine, carrying *carry, uint64_t *decodes, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    const bool naive = stepper->naive;
    const uint64_t budget = mb_build_budget_left(engine);
    mb_visit visit = naive ? mb_visit_decodes(stepper) : (mb_visit){0};
    for (;;) {
        const uint64_t due = naive ? visit.due : mb_stepper_due_now(stepper);
        *decodes = naive ? visit.decodes : stepper->decode_count;
        if (stepper->running == 0 ||
            mb_stepper_finds_blocks(stepper, due, prefills_need(engine, budget - *decodes)))
            return MB_OK;
        uint32_t victim;
        if (!find_victim(engine, carry, &victim)) return mb_fail_memory(error);
        if (naive) mb_visit_without(stepper, victim, &visit);
        const mb_status status = make_room(engine, carry, victim, error);
        if (status != MB_OK) return status;
    }
}

static mb_status carry_all(mb_engine *engine, carrying *carry, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    uint64_t decodes;
    if (!unpark_all(stepper)) return mb_fail_memory(error);
    const mb_status status = free_blocks(engine, carry, &decodes, error);
    if (status != MB_OK) return status;
    if (decodes) {
        stepper->with_decodes = true;
        stepper->tokens += decodes;
        stepper->built += (uint32_t)decodes;
        if (stepper->naive)
            mb_visit_take(stepper);
        else
            mb_kv_blocks_take(&stepper->kv, mb_stepper_due_now(stepper));
    }
    for (uint32_t slot = stepper->first_prefill; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        if (!request->chunk && mb_build_add(engine, slot, 0) != MB_FITS) break;
        slot = request->after;
    }
    return MB_OK;
}

MB_APART static mb_status carry_slowly(mb_engine *engine, mb_carry_rule rule, uint32_t *preempted,
                                       mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    carrying carry = {.rule = rule};
    const bool each = stepper->staged || stepper->selected_count > 0 || stepper->with_decodes ||
                      stepper->running - stepper->prefill_count > mb_build_budget_left(engine);
    const mb_status status = each ? carry_each(engine, &carry, error) : carry_all(engine, &carry, error);
    mb_departures_deinit(&carry.departures);
    *preempted = carry.preempted;
    return status;
}

mb_status mb_build_carry(mb_engine *engine, mb_carry_rule rule, uint32_t *preempted, mb_error *error) {
    mb_stepper *stepper = engine->stepper;
    *preempted = 0;
    stepper->spare = rule.spare;
    if (stepper->running == 0) return MB_OK;
    // Usually nothing but decodes runs, the step is empty, and there is room for all.
    const bool all = stepper->running == stepper->decode_count && stepper->built == 0 && !stepper->staged &&
                     stepper->running <= engine->token_budget;
    const uint64_t due = all ? mb_stepper_due_now(stepper) : 0;
    if (!all || !mb_stepper_finds_blocks(stepper, due, 0))
        return carry_slowly(engine, rule, preempted, error);
    stepper->with_decodes = true;
    stepper->tokens = stepper->built = stepper->decode_count;
    mb_kv_blocks_take(&stepper->kv, due);
    return MB_OK;
}
