// SPDX-License-Identifier: MIT
// News: what has changed since a replica was last asked for a step.
#pragma once
#include "sim/state.h"

// The newest change that a running engine reacts to, besides its own queue: a request that still waits, or
// anything that is no request.
static inline uint64_t mb_sim_newest_change(const mb_sim *sim) {
    const uint64_t global = sim->global_version;
    if (sim->newest_stamped == MB_NONE) return global;
    const uint64_t stamp = mb_request_at(&sim->requests, sim->newest_stamped)->stamp;
    return stamp > global ? stamp : global;
}
// Has the replica not seen it, or what came to its own queue?
static inline bool mb_sim_concerns(const mb_replica *replica, uint64_t change) {
    const uint64_t newest = replica->own_version > change ? replica->own_version : change;
    return newest > replica->seen_version;
}
// Something that is no request: every replica may react.
void mb_sim_change_all(mb_sim *sim);
// Something that concerns the schedule of this replica alone.
void mb_sim_change_one(mb_sim *sim, mb_replica *replica);
// A request waits where all replicas see it.
void mb_sim_stamp(mb_sim *sim, uint32_t slot);
// It no longer does.
void mb_sim_unstamp(mb_sim *sim, uint32_t slot);
// A request was put into a queue: the replicas that it concerns may react. known: as news, it is as old as
// before.
void mb_sim_announce(mb_sim *sim, uint32_t queue, uint32_t slot, bool known);
// A replica is to be asked at its next boundary, or now if it is idle and there is work for it.
void mb_sim_wake(mb_sim *sim, mb_replica *replica);
// The order of a queue has changed.
void mb_sim_reordered(mb_sim *sim, uint32_t queue);
