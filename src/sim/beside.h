// SPDX-License-Identifier: MIT
// Replicas that stand idle beside another's own queue, in which requests wait that they could serve.
#pragma once
#include "sim/state.h"

// Replicas have queues of their own from now on. False when out of memory.
bool mb_beside_begin(mb_sim *sim);
// Whether it stands idle, or its role, has changed perhaps: it is looked at when the instant is over, since
// most end a step and begin the next.
static inline void mb_beside_look(mb_sim *sim, const mb_replica *replica) {
    if (!sim->beside.sets) return;
    mb_bits_add(&sim->beside.touched, replica->engine.id);
    sim->beside.any_touched = true;
}
void mb_beside_settle_all(mb_sim *sim);
// The instant is over.
static inline void mb_beside_settle(mb_sim *sim) {
    if (sim->beside.any_touched) mb_beside_settle_all(sim);
}
// A replica's own queue is about to hold requests that another could serve, or none any more.
void mb_beside_queue(mb_sim *sim, uint32_t owner, bool full);
// Add the time up to now to the metrics.
void mb_beside_add_up(mb_sim *sim);
void mb_beside_deinit(mb_sim *sim);
