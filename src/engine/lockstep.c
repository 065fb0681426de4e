// SPDX-License-Identifier: MIT
#include "engine/lockstep.h"

#include "engine/run.h"

#include <math.h>
#include <stdlib.h>

void mb_lockstep_hold(mb_engine *engine) {
    mb_run_settle(engine); // its next step's blocks are taken
    engine->stepper->held = true;
}

bool mb_lockstep_at_boundary(mb_engine *engine) {
    const mb_stepper *stepper = engine->stepper;
    mb_run_settle(engine);
    return stepper->steps > 0 && mb_piece_time(stepper, stepper->steps) == mb_engine_now(engine);
}

// Nobody came, nobody left, and the slowest is the same: the piece goes on.
static bool goes_on(const mb_lockstep *group, mb_engine *const *ranks, uint32_t count) {
    if (count != group->ranks) return false;
    for (uint32_t i = 0; i < count; i++) {
        const mb_stepper *stepper = ranks[i]->stepper;
        if (stepper->steps == 0 || stepper->single || stepper->steps >= group->most) return false;
    }
    return true;
}

// Padding: every rank computes as many tokens as the largest, and as prompts are computed without a recorded
// graph, so is what goes with them.
static mb_step_shape shape_in(const mb_stepper *stepper, uint64_t tokens, bool prompts) {
    mb_step_shape shape = mb_run_shape(stepper);
    shape.group_tokens = tokens;
    shape.group_prompts = prompts;
    return shape;
}

// For so many steps `slowest` takes no less time than `other`.
static uint64_t steps_ahead(const mb_run_piece *slowest, const mb_run_piece *other) {
    if (other->slope_s <= slowest->slope_s) return UINT64_MAX;
    const double steps = floor((slowest->first_s - other->first_s) / (other->slope_s - slowest->slope_s));
    return steps < 1e18 ? (uint64_t)steps + 1 : UINT64_MAX;
}

// The slowest rank's piece; and for how many steps it is the slowest. Both passes see the ranks in the same
// order, so that draws of noise do not depend on who is the slowest.
static mb_status time_ranks(mb_lockstep *group, mb_engine *const *ranks, mb_step_shape *shapes,
                            mb_run_piece *pieces, uint32_t count, mb_error *error) {
    uint64_t tokens = 0;
    bool prompts = false;
    for (uint32_t i = 0; i < count; i++) {
        const mb_step_shape shape = mb_run_shape(ranks[i]->stepper);
        const uint64_t own = shape.prefill_tokens + shape.decode_requests;
        if (own > tokens) tokens = own;
        prompts |= shape.prefill_requests > 0;
    }
    mb_run_piece slowest = {0};
    bool single = false;
    for (uint32_t i = 0; i < count; i++) {
        shapes[i] = shape_in(ranks[i]->stepper, tokens, prompts);
        const mb_status status = mb_run_time(ranks[i], &shapes[i], &pieces[i], error);
        if (status != MB_OK) return status;
        single |= pieces[i].single;
        const bool slower = pieces[i].first_s > slowest.first_s ||
                            (pieces[i].first_s == slowest.first_s && pieces[i].slope_s > slowest.slope_s);
        if (i == 0 || slower) slowest = pieces[i];
    }
    group->ranks = count;
    group->most = single ? 1 : UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (!single && steps_ahead(&slowest, &pieces[i]) < group->most)
            group->most = steps_ahead(&slowest, &pieces[i]);
        pieces[i].first_s = slowest.first_s;
    }
    for (uint32_t i = 0; i < count; i++) {
        pieces[i].slope_s = single ? 0 : slowest.slope_s;
        pieces[i].single = single;
    }
    return MB_OK;
}

static mb_status begin_piece(mb_lockstep *group, mb_engine *const *ranks, uint32_t count, mb_error *error) {
    mb_step_shape *shapes = malloc(count * sizeof *shapes);
    mb_run_piece *pieces = malloc(count * sizeof *pieces);
    mb_status status =
        shapes && pieces ? time_ranks(group, ranks, shapes, pieces, count, error) : mb_fail_memory(error);
    for (uint32_t i = 0; i < count && status == MB_OK; i++) {
        mb_stepper *stepper = ranks[i]->stepper;
        if (stepper->steps > 0) mb_run_close_piece(stepper);
        mb_run_set_piece(ranks[i], &shapes[i], &pieces[i]);
    }
    free(shapes);
    free(pieces);
    return status;
}

mb_status mb_lockstep_begin(mb_lockstep *group, mb_engine *const *ranks, uint32_t count, mb_error *error) {
    mb_status status = MB_OK;
    if (!goes_on(group, ranks, count)) status = begin_piece(group, ranks, count, error);
    uint64_t limit = group->most;
    for (uint32_t i = 0; i < count && status == MB_OK; i++) {
        mb_stepper *stepper = ranks[i]->stepper;
        if (stepper->steps == stepper->limit) stepper->limit = mb_run_limit(stepper);
        if (stepper->limit < limit) limit = stepper->limit;
    }
    for (uint32_t i = 0; i < count && status == MB_OK; i++) {
        ranks[i]->stepper->limit = limit;
        ranks[i]->stepper->held = false;
        status = mb_run_wait(ranks[i], error);
    }
    return status;
}
