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
    if (!beside->sets) return false;
    beside->since_s = beside->touched_s = sim->now_s;
    sim->metrics.own_queues = true;
    for (uint32_t i = 0; i < sim->replica_count; i++)
        if (sim->replicas[i]) mb_beside_look(sim, sim->replicas[i]);
    return true;
}

void mb_beside_deinit(mb_sim *sim) {
    free(sim->beside.sets);
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

static void count(mb_sim *sim, const mb_replica *replica, bool more) {
    mb_beside *beside = &sim->beside;
    mb_beside_set *set = &beside->sets[replica->beside];
    reach(beside, sim->now_s, &sim->metrics);
    const uint32_t by = more ? 1 : ~UINT32_C(0);
    beside->idle -= idle_of(set);
    if (replica->queue_full)
        set->full += by;
    else if (replica->free)
        set->free += by;
    beside->idle += idle_of(set);
}

static void set(mb_sim *sim, mb_replica *replica, bool is_free, bool full) {
    const uint32_t place =
        (uint32_t)(replica->hardware - sim->config->hardware) * MB_ROLE_COUNT + (uint32_t)replica->role;
    if (replica->free == is_free && replica->queue_full == full && replica->beside == place) return;
    count(sim, replica, false);
    replica->free = is_free;
    replica->queue_full = full;
    replica->beside = place;
    count(sim, replica, true);
}

void mb_beside_look(mb_sim *sim, mb_replica *replica) {
    if (!sim->beside.sets) return;
    const bool is_free = mb_bits_has(&sim->idle, replica->engine.id) && replica->state == MB_UP &&
                         !replica->dummy && !replica->idle_on_purpose;
    set(sim, replica, is_free, replica->queue_full);
}

void mb_beside_queue(void *self, uint32_t owner, bool full) {
    mb_sim *sim = self;
    mb_replica *replica = sim->replicas[owner];
    mb_sim_integrate(sim);
    set(sim, replica, replica->free, full);
}

void mb_beside_add_up(mb_sim *sim) {
    mb_beside *beside = &sim->beside;
    reach(beside, sim->now_s, &sim->metrics);
    sim->metrics.idle_beside_s += (sim->now_s - beside->since_s) * (double)beside->held;
    beside->since_s = sim->now_s;
}
