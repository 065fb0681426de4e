// SPDX-License-Identifier: MIT
// Planning: who is asked for a step at this instant, and when an engine in the middle of a run looks up.
//
// An engine that jumps over many equal steps must stop at the first boundary after something has changed.
// With many replicas on one queue the first of them to reach a boundary usually takes what came, so only that
// one is woken; the others are when it did not.
#include "sim/dispatch.h"

#include "base/apart.h"
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
    if (mb_engine_next_boundary(&replica->engine) > sim->now_s) return true;
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
MB_WITHIN static mb_status build(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_engine *engine = &replica->engine;
    sim->operations++;
    mb_engine_begin(engine);
    sim->taken_in = 0;
    sim->limited_by = MB_STOP_CAP;
    sim->ranked = false;
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

// The replica was asked: what it built starts. listed: it stands among the idle.
MB_WITHIN static mb_status conclude(mb_sim *sim, mb_replica *replica, bool listed, mb_error *error) {
    mb_engine *engine = &replica->engine;
    if (sim->observer.asked)
        sim->observer.asked(sim->observer.self, sim->now_s, engine->id, sim->taken_in, sim->stop);
    const bool holds = mb_engine_holds_requests(engine);
    // (What blocks a queue for ever may have cost the policy a batch that it had formed.)
    if (sim->policy.ops->alike && sim->config->hardware_count == 1 && replica->state == MB_UP && !holds &&
        engine->count == 0 && !mb_engine_in_flight(engine) && !sim->config->block_oversize)
        sim->refused_version = sim->version;
    mb_status status = MB_OK;
    bool started = mb_engine_built(engine);
    if (started) {
        if (sim->taken_in) sim->metrics.stops[sim->stop]++;
        status = mb_engine_start(engine, &started, error);
    }
    if (status == MB_OK && started) {
        if (listed) {
            mb_replica_take_back_idle(sim, replica); // it said idle, and then added requests all the same
            mb_replica_mark_busy(sim, replica);
        }
        mb_replica_note_boundary(sim, replica);
        mb_replica_touch(sim, replica);
        return status;
    }
    if (!listed) {
        mb_replica_rest(sim, replica);
        mb_replica_mark_idle(sim, replica);
        mb_replica_was_asked(sim, replica);
    }
    if (holds)
        mb_bits_add(&sim->loaded, engine->id);
    else
        mb_bits_remove(&sim->loaded, engine->id);
    mb_replica_set_holding(sim, replica, holds || has_own_waiting(sim, replica));
    mb_beside_look(sim, replica); // idle on purpose until now, perhaps
    return status;
}

static mb_status schedule(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_sim_integrate(sim);
    mb_replica_set_dummy(sim, replica, false);
    mb_replica_take_back_idle(sim, replica);
    mb_replica_set_holding(sim, replica, false);
    mb_replica_was_asked(sim, replica);
    mb_status status = build(sim, replica, error);
    if (status == MB_OK) status = conclude(sim, replica, true, error);
    if (status == MB_OK && replica->engine.pipeline) leave_open(sim, replica);
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
    mb_replica_was_asked(sim, replica);
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
        mb_replica_was_asked(sim, replica); // so to speak: what comes later is news
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

// Those of the idle that are to be asked.
static inline const mb_bits *asked_of_idle(const mb_sim *sim) {
    if (sim->waiting == 0) return &sim->loaded;
    return sim->refused_version == sim->version && sim->own_queues == 0 ? &sim->calls : &sim->idle;
}

// The first replica from `from` on that is idle (and to be asked) or at a boundary; MB_NONE if there is none.
static inline uint32_t next_candidate(const mb_sim *sim, uint32_t from) {
    if (from >= sim->replica_count) return MB_NONE;
    const uint32_t idle = mb_bits_next(asked_of_idle(sim), from);
    const uint32_t boundary = sim->by_steps ? mb_bits_next(&sim->boundary, from) : MB_NONE;
    return idle < boundary ? idle : boundary;
}

static inline bool is_anyone(const mb_sim *sim) {
    return mb_bits_any(asked_of_idle(sim)) || mb_bits_any(&sim->boundary);
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

// Offer a step to every replica that something has changed for, lowest number first, beginning with `id`;
// again, if a replica gave a request back that an earlier one could take. before: changes so far when the
// first of them was looked for.
MB_APART static mb_status ask_all(mb_sim *sim, uint32_t id, uint64_t before, mb_error *error) {
    mb_status status = MB_OK;
    for (uint32_t passes = 1;; id = next_candidate(sim, 0)) {
        for (; id != MB_NONE; id = next_candidate(sim, id + 1)) {
            if (!sim->by_steps && sim->waiting == 0) break;
            if (sim->around.turn < id) sim->around.turn = id;
            status = offer(sim, sim->replicas[id], error);
            if (sim->around.turn <= id) sim->around.turn = id + 1;
            if (status == MB_OK) status = mb_sim_follow_up(sim, error);
            if (status != MB_OK) break;
            arrange(sim, false);
        }
        sim->around.turn = sim->replica_count;
        if (status != MB_OK || before == sim->changes) return status;
        before = sim->changes;
        if (++passes > MAX_PASSES) return stuck(sim, error);
    }
}

// All have planned.
MB_WITHIN static mb_status conclude_plans(mb_sim *sim, mb_status status, mb_error *error) {
    sim->around.turn = sim->replica_count;
    if (sim->groups && status == MB_OK) status = mb_lockstep_start(sim, error);
    if (status == MB_OK) status = mb_handoffs_send(sim, error); // planning may have made room
    arrange(sim, true);
    if (sim->waiting == 0) {
        sim->calm_plan = sim->plans;
        sim->calm_version = sim->changes;
    }
    sim->plans++;
    mb_beside_settle(sim);
    return status == MB_OK && sim->around.out_of_memory ? mb_fail_memory(error) : status;
}

mb_status mb_dispatch(mb_sim *sim, mb_error *error) {
    arrange(sim, false);
    const mb_status status =
        is_anyone(sim) ? ask_all(sim, next_candidate(sim, 0), sim->changes, error) : MB_OK;
    return conclude_plans(sim, status, error);
}

// --- the replica is the only one whose step ends, and nothing else happens at this instant

// Nothing has come of what happened so far that is to be looked at before replicas plan.
static inline bool is_calm(const mb_sim *sim, const mb_replica *replica) {
    return replica->state == MB_UP && replica->plain.declared && !sim->lifecycle.draining &&
           !sim->lifecycle.failing && !sim->notices.count && !sim->handoffs.count && !sim->transfers &&
           mb_heap_next_s(&sim->heap) > sim->now_s;
}

// Its run is over, and nobody else is to be asked: it is, at once, and enters the books of the idle only if
// it starts nothing.
static inline mb_status ask_at_once(mb_sim *sim, mb_replica *replica, mb_error *error) {
    const uint32_t id = replica->engine.id;
    const uint64_t before = sim->changes;
    if (!has_work(sim, replica)) {
        mb_replica_rest(sim, replica);
        mb_replica_mark_idle(sim, replica);
        return conclude_plans(sim, MB_OK, error);
    }
    sim->around.turn = id;
    replica->busy = false; // as whoever looks meanwhile is to see it
    mb_status status = build(sim, replica, error);
    replica->busy = true;
    if (status == MB_OK) status = conclude(sim, replica, false, error);
    sim->around.turn = id + 1;
    mb_replica_recount(sim, id);
    mb_beside_look(sim, replica);
    if (status == MB_OK) status = mb_sim_follow_up(sim, error);
    if (status == MB_OK) {
        arrange(sim, false);
        if (is_anyone(sim) || before != sim->changes)
            status = ask_all(sim, next_candidate(sim, id + 1), before, error);
    }
    return conclude_plans(sim, status, error);
}

MB_WITHIN static mb_status end_and_ask(mb_sim *sim, mb_replica *replica, bool *over, mb_error *error) {
    const mb_status status = mb_replica_end_run(sim, replica, error);
    if (status == MB_OK && is_calm(sim, replica)) {
        arrange(sim, false);
        *over = !is_anyone(sim);
        if (*over) return ask_at_once(sim, replica, error);
    }
    mb_replica_rest(sim, replica);
    const mb_status left = mb_replica_stand(sim, replica, status, error);
    return left == MB_OK ? mb_sim_follow_up(sim, error) : left;
}

// It stands between two steps of a run.
MB_APART static mb_status pass_boundary(mb_sim *sim, mb_replica *replica, bool *over, mb_error *error) {
    if (is_calm(sim, replica)) {
        arrange(sim, false);
        *over = !is_anyone(sim);
    }
    if (!*over) {
        mb_replica_mark_boundary(sim, replica);
        return mb_sim_follow_up(sim, error);
    }
    sim->around.turn = replica->engine.id;
    if (mb_sim_concerns(replica, mb_sim_newest_change(sim)) || mb_room_lacks(&replica->engine))
        return end_and_ask(sim, replica, over, error);
    return conclude_plans(sim, go_on(sim, replica, error), error);
}

mb_status mb_dispatch_alone(mb_sim *sim, mb_replica *replica, bool *over, mb_error *error) {
    return mb_engine_reach_alone(&replica->engine) ? end_and_ask(sim, replica, over, error)
                                                   : pass_boundary(sim, replica, over, error);
}
