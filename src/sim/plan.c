// SPDX-License-Identifier: MIT
// Planning: who is asked for a step at this instant, and when an engine in the middle of a run looks up.
//
// An engine that jumps over many equal steps must stop at the first boundary after something has changed.
// With many replicas on one queue the first of them to reach a boundary usually takes what came, so only that
// one is woken; the others are when it did not.
#include "sim/engine.h"
#include "sim/internal.h"

void mb_sim_mark_boundary(mb_sim *sim, const mb_replica *replica) {
    sim->boundary_bits[replica->id / 64] |= UINT64_C(1) << (replica->id % 64);
}

static void clear_boundary(mb_sim *sim, const mb_replica *replica) {
    sim->boundary_bits[replica->id / 64] &= ~(UINT64_C(1) << (replica->id % 64));
}

// The newest change that a running engine reacts to, besides its own queue: a request that still waits, or
// anything that is no request.
static uint64_t newest_change(const mb_sim *sim) {
    const uint64_t global = sim->global_version;
    if (sim->newest_stamped == MB_NONE) return global;
    const uint64_t stamp = mb_request_at(&sim->requests, sim->newest_stamped)->stamp;
    return stamp > global ? stamp : global;
}

static bool concerns(const mb_replica *replica, uint64_t change) {
    const uint64_t newest = replica->own_version > change ? replica->own_version : change;
    return newest > replica->seen_version;
}

// --- engines look up

static void interrupt_all(mb_sim *sim, uint64_t change) {
    sim->first_boundary_s = INFINITY;
    for (uint32_t i = 0; i < sim->config->replicas; i++) {
        mb_replica *replica = &sim->replicas[i];
        if (replica->engine->stepping && change > replica->seen_version) mb_run_interrupt(sim, replica);
    }
}

// Those that reach a boundary first: usually one, but replicas may walk in step.
static void interrupt_first(mb_sim *sim, uint64_t change) {
    uint32_t *first = sim->scratch, count = 0;
    sim->first_boundary_s = INFINITY;
    for (uint32_t i = 0; i < sim->config->replicas; i++) {
        mb_replica *replica = &sim->replicas[i];
        // Not before what is known of it; so with many replicas most are passed over here.
        if (sim->boundary_s[i] > sim->first_boundary_s || !replica->engine->stepping) continue;
        if (change <= replica->seen_version) continue;
        const double boundary = mb_run_next_boundary(sim, replica);
        if (boundary == sim->now_s) { // its turn is at this instant
            mb_run_interrupt(sim, replica);
            continue;
        }
        if (boundary < sim->first_boundary_s) count = 0;
        if (boundary > sim->first_boundary_s) continue;
        sim->first_boundary_s = boundary;
        first[count++] = i;
    }
    for (uint32_t i = 0; i < count; i++)
        mb_run_interrupt(sim, &sim->replicas[first[i]]);
}

// (A push to an engine's own queue interrupts that engine at once.)
static void arrange(mb_sim *sim, bool planned) {
    if (!sim->engines || sim->config->stepwise) return;
    const uint64_t change = newest_change(sim);
    if (change > sim->arranged) {
        const bool for_all = sim->global_version > sim->arranged || sim->config->replicas == 1;
        sim->arranged = change;
        if (for_all)
            interrupt_all(sim, change);
        else
            interrupt_first(sim, change);
    } else if (planned && sim->first_boundary_s <= sim->now_s)
        interrupt_all(sim, change); // the first did not take it: now for the others
}

// --- who is asked

static bool has_own_waiting(const mb_sim *sim, const mb_replica *replica) {
    return replica->own_queue != MB_NONE && sim->queues[replica->own_queue].count > 0;
}

// Left idle with work of its own, not on purpose.
static void set_holding(mb_sim *sim, mb_replica *replica, bool holding) {
    holding = holding && !replica->idle_on_purpose;
    if (replica->holding == holding) return;
    replica->holding = holding;
    sim->idle_holding_count += holding ? 1 : ~UINT32_C(0);
}

static mb_status schedule(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_sim_integrate(sim);
    if (replica->idle_on_purpose) {
        replica->idle_on_purpose = false;
        sim->idle_on_purpose_count--;
    }
    set_holding(sim, replica, false);
    replica->needs_call = false;
    replica->count = 0;
    replica->longest_tokens = 0;
    replica->longest_service_s = 0;
    replica->prompt_tokens = replica->output_tokens = replica->predicted_tokens = 0;
    if (replica->engine) mb_step_begin(sim, replica);
    sim->taken_in = 0;
    sim->limited_by = MB_STOP_CAP;
    sim->building = replica;
    mb_status status = sim->policy.ops->schedule(sim->policy.self, sim, replica, error);
    sim->building = NULL;
    replica->seen_version = sim->changes;
    if (status == MB_OK && sim->out_of_memory) status = mb_fail_memory(error);
    if (status != MB_OK) return status;
    if (replica->engine && replica->engine->requests == 0) {
        set_holding(sim, replica, replica->engine->running > 0 || has_own_waiting(sim, replica));
        return MB_OK;
    }
    if (sim->taken_in) sim->metrics.stops[sim->stop]++;
    if (replica->engine && !replica->engine->barrier) return mb_run_start(sim, replica, error);
    if (replica->engine && !mb_batch_from_rows(sim, replica)) return mb_fail_memory(error);
    if (replica->count) return mb_batch_start(sim, replica, error);
    set_holding(sim, replica, has_own_waiting(sim, replica));
    return MB_OK;
}

static bool has_work(const mb_sim *sim, const mb_replica *replica) {
    return sim->waiting > 0 || (replica->engine && replica->engine->running > 0);
}

static mb_status offer(mb_sim *sim, mb_replica *replica, mb_error *error) {
    if (!replica->busy) {
        const bool news =
            sim->version > replica->seen_version || replica->own_version > replica->seen_version;
        if (!replica->needs_call && !news) return MB_OK;
        if (has_work(sim, replica)) return schedule(sim, replica, error);
        replica->needs_call = false; // as if it had been called: what comes later is news
        replica->seen_version = sim->changes;
        return MB_OK;
    }
    clear_boundary(sim, replica);
    if (!concerns(replica, newest_change(sim))) return mb_run_continue(sim, replica, error);
    const mb_status status = mb_run_end(sim, replica, error);
    return status == MB_OK && has_work(sim, replica) ? schedule(sim, replica, error) : status;
}

// The first replica from `from` on that is idle or at a boundary; MB_NONE if there is none.
static uint32_t next_candidate(const mb_sim *sim, uint32_t from) {
    const uint32_t words = (sim->config->replicas + 63) / 64;
    for (uint32_t word = from / 64; word < words; word++) {
        uint64_t bits = sim->idle_bits[word];
        if (sim->engines) bits |= sim->boundary_bits[word];
        if (word == from / 64) bits &= ~UINT64_C(0) << (from % 64);
        if (bits) return word * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return MB_NONE;
}

// How often all replicas may be asked again at one instant, since what one gave back is news to the others.
#define MAX_PASSES 1000

static mb_status stuck(const mb_sim *sim, mb_error *error) {
    return mb_fail(
        error, MB_FAILED,
        "stuck at t = %.9g s: the hook 'schedule' was called %d times over for the replicas at this "
        "instant, since each call preempts requests that the others then take and give back; %llu "
        "requests wait, %llu run",
        sim->now_s, MAX_PASSES, (unsigned long long)sim->waiting, (unsigned long long)sim->running);
}

// Offer a step to every replica that something has changed for, lowest number first; again, if a replica
// gave a request back that an earlier one could take.
mb_status mb_plan(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    arrange(sim, false);
    uint32_t passes = 0;
    for (uint64_t before = ~UINT64_C(0); status == MB_OK && before != sim->changes;) {
        before = sim->changes;
        if (++passes > MAX_PASSES) return stuck(sim, error);
        for (uint32_t id = next_candidate(sim, 0); id != MB_NONE; id = next_candidate(sim, id + 1)) {
            if (!sim->engines && sim->waiting == 0) break;
            if (sim->plan_cursor < id) sim->plan_cursor = id;
            status = offer(sim, &sim->replicas[id], error);
            if (sim->plan_cursor <= id) sim->plan_cursor = id + 1;
            if (status != MB_OK) break;
            arrange(sim, false);
        }
        sim->plan_cursor = sim->config->replicas;
    }
    arrange(sim, true);
    sim->plan_cursor = 0;
    if (status == MB_OK && sim->out_of_memory) status = mb_fail_memory(error);
    return status;
}
