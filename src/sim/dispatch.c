// SPDX-License-Identifier: MIT
// Planning: who is asked for a step at this instant, and when an engine in the middle of a run looks up.
//
// An engine that jumps over many equal steps must stop at the first boundary after something has changed.
// With many replicas on one queue the first of them to reach a boundary usually takes what came, so only that
// one is woken; the others are when it did not.
#include "sim/dispatch.h"

#include "engine/pipeline.h"
#include "engine/room.h"
#include "sim/beside.h"
#include "sim/end.h"
#include "sim/gauges.h"
#include "sim/handoff.h"
#include "sim/lifecycle.h"
#include "sim/lockstep.h"
#include "sim/news.h"
#include "sim/plain.h"
#include "sim/replica.h"
#include "sim/step.h"

// --- engines look up

#define ASIDE_ONLY (UINT32_C(1) << 31) // among numbers of replicas, which are smaller

// Those that look up at their next boundary anyway are passed over: under overload every arrival is news to
// all.
static void interrupt_all(mb_sim *sim, uint64_t change) {
    sim->first_boundary_s = INFINITY;
    if (change <= sim->woken) return; // those that have not seen it yet will look up by themselves
    sim->woken = change;
    for (uint32_t i = mb_bits_next(&sim->dozing, 0); i != MB_BITS_NONE;
         i = mb_bits_next(&sim->dozing, i + 1)) {
        mb_replica *replica = sim->replicas[i];
        sim->operations++;
        if (mb_engine_stepping(&replica->engine) && change > replica->seen_version)
            mb_replica_look_up(sim, replica);
    }
}

// Does this engine count among those that the change may wake at a boundary to come? One whose turn is at
// this instant is woken at once.
static bool wakes_later(mb_sim *sim, mb_replica *replica, uint64_t change) {
    if (!mb_engine_stepping(&replica->engine) || change <= replica->seen_version) return false;
    if (mb_replica_next_boundary(sim, replica) > sim->now_s) return true;
    mb_replica_look_up(sim, replica);
    return false;
}

static double boundary_of(const mb_sim *sim, uint32_t id) {
    return sim->replicas[id]->engine.stepper->boundary_s;
}

// Those that reach a boundary first: usually one, but replicas may walk in step. What is known of the
// boundaries is no later than they are, so the earliest are looked at until none can be before the first that
// was found; while they are, they stand aside.
static void interrupt_first(mb_sim *sim, uint64_t change) {
    uint32_t *aside = sim->scratch, count = 0;
    double first = INFINITY;
    for (double least; (least = mb_min_tree_least(&sim->boundaries)) <= first && !isinf(least);) {
        const uint32_t id = mb_min_tree_first(&sim->boundaries);
        const bool later = wakes_later(sim, sim->replicas[id], change);
        sim->operations++;
        if (later && boundary_of(sim, id) < first) first = boundary_of(sim, id);
        mb_min_tree_set(&sim->boundaries, id, INFINITY);
        aside[count++] = later ? id : id | ASIDE_ONLY;
    }
    sim->first_boundary_s = first;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t id = aside[i] & ~ASIDE_ONLY;
        mb_min_tree_set(&sim->boundaries, id, boundary_of(sim, id));
        if (id == aside[i] && boundary_of(sim, id) == first) mb_replica_look_up(sim, sim->replicas[id]);
    }
}

static void arrange_change(mb_sim *sim, uint64_t change) {
    // (Ranks of a group look up together, which the search for the first among all does not foresee.)
    const bool for_all = sim->global_version > sim->arranged || sim->replica_count == 1 || sim->groups;
    sim->arranged = change;
    if (for_all)
        interrupt_all(sim, change);
    else
        interrupt_first(sim, change);
}

// (A push to an engine's own queue interrupts that engine at once.)
static inline void arrange(mb_sim *sim, bool planned) {
    if (!sim->jumps) return;
    const uint64_t change = mb_sim_newest_change(sim);
    if (change > sim->arranged)
        arrange_change(sim, change);
    else if (planned && sim->first_boundary_s <= sim->now_s)
        interrupt_all(sim, change); // the first did not take it: now for the others
}

// --- who is asked

static bool has_own_waiting(const mb_sim *sim, const mb_replica *replica) {
    return replica->own_queue != MB_NONE && sim->queues[replica->own_queue].count > 0;
}

// What the policy asked for.
static mb_status build(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_engine *engine = &replica->engine;
    mb_engine_begin(engine);
    sim->taken_in = 0;
    sim->limited_by = MB_STOP_CAP;
    sim->building = replica;
    mb_status status = replica->plain.declared
                           ? mb_plain_step(sim, error)
                           : sim->policy.ops->schedule(sim->policy.self, sim, replica, error);
    uint32_t preempted;
    // A policy that says nothing does not mean that what runs is to stand still.
    if (status == MB_OK && !mb_engine_built(engine) && mb_engine_holds_requests(engine) &&
        !replica->idle_on_purpose)
        status = mb_step_carry(sim, (mb_carry_rule){0}, &preempted, error);
    sim->building = NULL;
    replica->seen_version = sim->changes;
    return status == MB_OK && sim->around.out_of_memory ? mb_fail_memory(error) : status;
}

// With batches in flight a replica that starts no other is not idle; one that may start another at once is.
static void leave_open(mb_sim *sim, mb_replica *replica) {
    if (replica->busy && mb_pipeline_open(&replica->engine)) mb_replica_mark_idle(sim, replica);
    if (!replica->busy) mb_replica_set_dummy(sim, replica, replica->engine.pipeline->count > 0);
}

static mb_status schedule(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_engine *engine = &replica->engine;
    mb_sim_integrate(sim);
    mb_replica_set_dummy(sim, replica, false);
    mb_replica_take_back_idle(sim, replica);
    mb_replica_set_holding(sim, replica, false);
    replica->needs_call = false;
    mb_bits_remove(&sim->calls, engine->id);
    sim->operations++;
    mb_status status = build(sim, replica, error);
    if (status != MB_OK) return status;
    if (sim->observer.asked)
        sim->observer.asked(sim->observer.self, sim->now_s, engine->id, sim->taken_in, sim->stop);
    const bool holds = mb_engine_holds_requests(engine);
    // (What blocks a queue for ever may have cost the policy a batch that it had formed.)
    if (sim->policy.ops->alike && sim->config->hardware_count == 1 && replica->state == MB_UP && !holds &&
        engine->count == 0 && !mb_engine_in_flight(engine) && !sim->config->block_oversize)
        sim->refused_version = sim->version;
    bool started = mb_engine_built(engine);
    if (started) {
        if (sim->taken_in) sim->metrics.stops[sim->stop]++;
        status = mb_engine_start(engine, &started, error);
    }
    if (status == MB_OK && started) {
        mb_replica_take_back_idle(sim, replica); // it said idle, and then added requests all the same
        mb_replica_mark_busy(sim, replica);
        mb_replica_note_boundary(sim, replica);
        mb_replica_touch(sim, replica);
    } else {
        if (holds)
            mb_bits_add(&sim->loaded, engine->id);
        else
            mb_bits_remove(&sim->loaded, engine->id);
        mb_replica_set_holding(sim, replica, holds || has_own_waiting(sim, replica));
        mb_beside_look(sim, replica); // idle on purpose until now, perhaps
    }
    if (status == MB_OK && engine->pipeline) leave_open(sim, replica);
    return status;
}

static mb_status go_on(mb_sim *sim, mb_replica *replica, mb_error *error) {
    const mb_status status = mb_engine_continue(&replica->engine, error);
    mb_replica_note_boundary(sim, replica);
    mb_replica_touch(sim, replica);
    return status;
}

static bool has_work(const mb_sim *sim, const mb_replica *replica) {
    return sim->waiting > 0 || mb_engine_holds_requests(&replica->engine);
}

// A pipeline that composes ahead may start several batches at once.
static mb_status schedule_all(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_status status = schedule(sim, replica, error);
    while (status == MB_OK && replica->engine.pipeline && !replica->busy && replica->needs_call &&
           has_work(sim, replica))
        status = schedule(sim, replica, error);
    return status;
}

// What an engine that stood idle with nothing to do has seen since.
static void catch_up(mb_sim *sim, mb_replica *replica) {
    if (!sim->by_steps || mb_engine_holds_requests(&replica->engine) || replica->idle_plan > sim->calm_plan)
        return;
    replica->needs_call = false;
    mb_bits_remove(&sim->calls, replica->engine.id);
    if (replica->seen_version < sim->calm_version) replica->seen_version = sim->calm_version;
}

static mb_status offer(mb_sim *sim, mb_replica *replica, mb_error *error) {
    if (!replica->busy) {
        catch_up(sim, replica);
        // (Ranks of a group are asked later than the news came, and stages are open while requests run:
        // others may have taken what it was about.)
        const bool later = sim->groups || replica->engine.pipeline;
        const bool news = mb_sim_concerns(replica, later ? mb_sim_newest_change(sim) : sim->version);
        if (!replica->needs_call && !news) return MB_OK;
        if (sim->groups && !mb_lockstep_may_start(sim, replica)) return MB_OK;
        if (has_work(sim, replica)) return schedule_all(sim, replica, error);
        replica->needs_call = false; // as if it had been called: what comes later is news
        mb_bits_remove(&sim->calls, replica->engine.id);
        replica->seen_version = sim->changes;
        return MB_OK;
    }
    mb_replica_clear_boundary(sim, replica);
    if (!mb_sim_concerns(replica, mb_sim_newest_change(sim)) && !mb_room_lacks(&replica->engine))
        return go_on(sim, replica, error);
    const mb_status status = mb_replica_end(sim, replica, error);
    const bool asked = status == MB_OK && mb_replica_serves(replica) && has_work(sim, replica);
    return asked ? schedule(sim, replica, error) : status;
}

// The first replica from `from` on that is idle (and to be asked) or at a boundary; MB_NONE if there is none.
static inline uint32_t next_candidate(const mb_sim *sim, uint32_t from) {
    if (from >= sim->replica_count) return MB_NONE;
    const bool refused = sim->refused_version == sim->version && sim->own_queues == 0;
    const mb_bits *asked = sim->waiting == 0 ? &sim->loaded : refused ? &sim->calls : &sim->idle;
    const uint32_t idle = mb_bits_next(asked, from);
    const uint32_t boundary = sim->by_steps ? mb_bits_next(&sim->boundary, from) : MB_NONE;
    return idle < boundary ? idle : boundary;
}

// How often all replicas may be asked again at one instant, since what one gave back is news to the others.
#define MAX_PASSES 1000

static mb_status stuck(const mb_sim *sim, mb_error *error) {
    return mb_fail(
        error, MB_FAILED,
        "stuck at t = %.9g s: the hook 'schedule' was called %d times over for the replicas at this "
        "instant, since each call preempts requests that the others then take and give back, or wakes the "
        "others; %llu requests wait, %llu run",
        sim->now_s, MAX_PASSES, (unsigned long long)sim->waiting, (unsigned long long)sim->running);
}

// Offer a step to every replica that something has changed for, lowest number first; again, if a replica
// gave a request back that an earlier one could take.
mb_status mb_dispatch(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    arrange(sim, false);
    uint32_t passes = 0;
    for (uint64_t before = ~UINT64_C(0); status == MB_OK && before != sim->changes;) {
        before = sim->changes;
        if (++passes > MAX_PASSES) return stuck(sim, error);
        for (uint32_t id = next_candidate(sim, 0); id != MB_NONE; id = next_candidate(sim, id + 1)) {
            if (!sim->by_steps && sim->waiting == 0) break;
            if (sim->around.turn < id) sim->around.turn = id;
            status = offer(sim, sim->replicas[id], error);
            if (sim->around.turn <= id) sim->around.turn = id + 1;
            if (status == MB_OK) status = mb_sim_follow_up(sim, error);
            if (status != MB_OK) break;
            arrange(sim, false);
        }
        sim->around.turn = sim->replica_count;
    }
    if (sim->groups && status == MB_OK) status = mb_lockstep_start(sim, error);
    if (status == MB_OK) status = mb_handoffs_send(sim, error); // planning may have made room
    arrange(sim, true);
    if (sim->waiting == 0) {
        sim->calm_plan = sim->plans;
        sim->calm_version = sim->changes;
    }
    sim->plans++;
    mb_beside_settle(sim);
    if (status == MB_OK && sim->around.out_of_memory) status = mb_fail_memory(error);
    return status;
}
