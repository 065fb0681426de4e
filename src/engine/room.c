// SPDX-License-Identifier: MIT
#include "engine/room.h"

#include "engine/run.h"
#include "engine/stepper.h"

// Averages of memory up to now: what comes changes at once, not evenly over the run. To be followed by
// account_from_here.
static void account(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    mb_run_settle(engine);
    if (stepper->stepping)
        mb_run_account(stepper);
    else
        mb_stepper_account(stepper);
}

static void account_from_here(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    const double fill = mb_stepper_fill(stepper);
    if (fill > engine->around->metrics->kv_peak) engine->around->metrics->kv_peak = fill;
    if (stepper->stepping) mb_run_restart_account(stepper);
}

// With fewer free blocks the run stops sooner.
static bool stop_sooner(mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    if (stepper->naive || stepper->single) return true;
    const uint64_t limit = mb_run_limit(stepper);
    if (limit >= stepper->limit) return true;
    stepper->limit = limit;
    if (engine->event_s <= mb_piece_time(stepper, limit)) return true;
    mb_error ignored;
    return mb_run_wait(engine, &ignored) == MB_OK;
}

// Free blocks that stay so: the watermark's, and one for each of those that wait here with their memory, who
// may need it to go on; without it they could wait for one another.
static bool fits(const mb_engine *engine, uint64_t blocks, uint32_t waiting) {
    const mb_kv_blocks *kv = &engine->stepper->kv;
    return blocks + (uint64_t)(engine->watermark * (double)kv->total) + waiting <= kv->free;
}

bool mb_room_fits(mb_engine *engine, uint64_t tokens) {
    mb_run_settle(engine);
    return fits(engine, mb_kv_blocks_for(&engine->stepper->kv, tokens), engine->stepper->paused);
}

bool mb_room_take(mb_engine *engine, mb_kv_hold *hold, uint64_t tokens, bool *late) {
    mb_stepper *stepper = engine->stepper;
    const uint64_t held = (uint64_t)hold->own + hold->shared, blocks = mb_kv_blocks_for(&stepper->kv, tokens);
    *late = false;
    mb_run_settle(engine);
    if (blocks > held && !fits(engine, blocks - held, stepper->paused - 1)) return false;
    if (blocks <= held) return true;
    account(engine);
    mb_kv_blocks_grow(&stepper->kv, hold, blocks);
    account_from_here(engine);
    if (!stepper->stepping) return true;
    if (stepper->begun > stepper->steps) { // its present step has its blocks
        if (!stop_sooner(engine)) engine->around->out_of_memory = true;
        return true;
    }
    if (stepper->lent_s != mb_engine_now(engine)) stepper->lent = 0;
    stepper->lent_s = mb_engine_now(engine);
    stepper->lent += blocks - held;
    *late = true;
    return true;
}

bool mb_room_lacks(const mb_engine *engine) {
    const mb_stepper *stepper = engine->stepper;
    return stepper && stepper->lent_s == mb_engine_now(engine) && !mb_stepper_has_blocks(stepper, 0);
}

bool mb_room_give(mb_engine *engine, mb_kv_hold *hold) {
    account(engine);
    const bool done = mb_kv_blocks_release(&engine->stepper->kv, hold, &(mb_kv_names){0}, 0, MB_KV_FORGET);
    account_from_here(engine);
    return done;
}

bool mb_room_leave(mb_engine *engine, mb_request *request) {
    mb_stepper *stepper = engine->stepper;
    const mb_kv_names names = mb_request_names(request);
    account(engine);
    stepper->paused--;
    stepper->resident_tokens -= request->computed;
    const bool done = mb_kv_blocks_release(&stepper->kv, &request->hold, &names, request->computed,
                                           names.session ? MB_KV_SESSION : MB_KV_FORGET);
    account_from_here(engine);
    return done;
}

bool mb_room_come(mb_engine *engine, mb_request *request, const mb_kv_hold *hold) {
    mb_stepper *stepper = engine->stepper;
    const mb_kv_names names = mb_request_names(request);
    account(engine);
    stepper->paused++;
    request->hold = *hold;
    request->replica = engine->id;
    stepper->resident_tokens += request->computed;
    const bool done = mb_kv_blocks_share(&stepper->kv, &request->hold, &names, request->computed);
    account_from_here(engine);
    return done;
}

bool mb_room_cache(mb_engine *engine, mb_kv_hold *hold, const mb_kv_names *names, uint32_t tokens) {
    mb_kv_blocks *kv = &engine->stepper->kv;
    account(engine);
    mb_kv_hold whole = {.left = MB_KV_NO_RUN};
    const uint64_t before = mb_kv_blocks_for(kv, tokens) - hold->own; // blocks that it goes on from
    const uint32_t there = mb_kv_blocks_reuse(kv, &whole, names, tokens + 1);
    whole.own += hold->own;
    // Behind a block that was lost meanwhile it is of no use.
    const uint32_t computed = there < before ? there * kv->block_tokens : tokens;
    const bool done =
        mb_kv_blocks_share(kv, &whole, names, computed) &&
        mb_kv_blocks_release(kv, &whole, names, computed, names->session ? MB_KV_SESSION : MB_KV_FORGET);
    hold->own = 0;
    account_from_here(engine);
    return done;
}
