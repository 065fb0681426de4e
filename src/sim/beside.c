// SPDX-License-Identifier: MIT
// Replicas of one group and one role can serve the same requests. Of each such set is counted who stands idle
// with nothing in a queue of its own, and in how many own queues something waits.
//
// How many replicas that concerns is added up over time only where the number is another than before: so the
// sum does not depend on the instants at which the clock stopped, nor on what came and went within one.
#include "sim/beside.h"

#include "sim/gauges.h"

#include <stdlib.h>

bool mb_beside_begin(mb_sim *sim) {
    mb_beside *beside = &sim->beside;
    if (beside->sets) return true;
    beside->sets = calloc(sim->config->hardware_count * MB_ROLE_COUNT, sizeof *beside->sets);
    if (!beside->sets || !mb_bits_init(&beside->touched, sim->replica_count)) return false;
    beside->since_s = beside->touched_s = sim->now_s;
    sim->metrics.own_queues = true;
    for (uint32_t i = 0; i < sim->replica_count; i++)
        if (sim->replicas[i]) mb_beside_look(sim, sim->replicas[i]);
    return true;
}

void mb_beside_deinit(mb_sim *sim) {
    free(sim->beside.sets);
    mb_bits_deinit(&sim->beside.touched);
}

// Before the first change at this instant: what has held until now.
static void reach(mb_beside *beside, double now_s, mb_metrics *metrics) {
    if (!(now_s > beside->touched_s)) return;
    if (beside->idle != beside->held) {
        metrics->idle_beside_s += (beside->touched_s - beside->since_s) * (double)beside->held;
        beside->since_s = beside->touched_s;
        beside->held = beside->idle;
    }
    beside->touched_s = now_s;
}

static uint32_t idle_of(const mb_beside_set *set) {
    return set->full ? set->free : 0;
}

// Counted as a queue that holds something, or else as free.
static void count(mb_beside_set *set, const mb_replica *replica, uint32_t by) {
    if (replica->queue_full)
        set->full += by;
    else if (replica->free)
        set->free += by;
}

static void change(mb_sim *sim, mb_replica *replica, bool is_free, uint32_t place) {
    mb_beside *beside = &sim->beside;
    mb_beside_set *from = &beside->sets[replica->beside], *to = &beside->sets[place];
    reach(beside, sim->now_s, &sim->metrics);
    beside->idle -= idle_of(from);
    count(from, replica, ~UINT32_C(0));
    beside->idle += idle_of(from);
    replica->free = is_free;
    replica->queue_full = replica->queue_holds;
    replica->beside = place;
    beside->idle -= idle_of(to);
    count(to, replica, 1);
    beside->idle += idle_of(to);
}

void mb_beside_settle_all(mb_sim *sim) {
    mb_bits *touched = &sim->beside.touched;
    sim->beside.any_touched = false;
    for (uint32_t id; (id = mb_bits_next(touched, 0)) != MB_BITS_NONE;) {
        mb_replica *replica = sim->replicas[id];
        mb_bits_remove(touched, id);
        const bool is_free = mb_bits_has(&sim->idle, id) && replica->state == MB_UP && !replica->dummy &&
                             !replica->idle_on_purpose;
        const uint32_t place =
            (uint32_t)(replica->hardware - sim->config->hardware) * MB_ROLE_COUNT + (uint32_t)replica->role;
        if (replica->free != is_free || replica->queue_full != replica->queue_holds ||
            replica->beside != place)
            change(sim, replica, is_free, place);
    }
}

void mb_beside_queue(mb_sim *sim, uint32_t owner, bool full) {
    mb_replica *replica = sim->replicas[owner];
    mb_sim_integrate(sim);
    replica->queue_holds = full;
    mb_beside_look(sim, replica);
}

void mb_beside_add_up(mb_sim *sim) {
    mb_beside *beside = &sim->beside;
    reach(beside, sim->now_s, &sim->metrics);
    sim->metrics.idle_beside_s += (sim->now_s - beside->since_s) * (double)beside->held;
    beside->since_s = sim->now_s;
}
