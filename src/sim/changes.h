// SPDX-License-Identifier: MIT
// What happens to replicas by the clock: they are up after their start or repair; the scenario lets them
// fail. At one instant by their numbers; what is up again at the time of a failure fails.
#pragma once
#include "sim/state.h"

// The scenario's failures are known from the start. They depend on (seed, replication) and the replica's
// number only, so they are the same under every policy; one that meets a replica which is not up, or not
// there, changes nothing.
bool mb_changes_init(mb_sim *sim);
void mb_changes_deinit(mb_sim *sim);
// One was added, whose failures are to come. False when out of memory.
bool mb_changes_watch(mb_sim *sim, uint32_t replica);
// When the next failure is due; INFINITY. It does not keep a run alive.
static inline double mb_changes_next_s(const mb_sim *sim) {
    return mb_heap_next_s(&sim->failures.heap);
}
// Is anything due now?
static inline bool mb_changes_due(const mb_sim *sim) {
    return sim->lifecycle.failing || mb_changes_next_s(sim) <= sim->now_s ||
           (mb_heap_next_s(&sim->heap) <= sim->now_s && mb_heap_top(&sim->heap).kind == MB_EVENT_CHANGE);
}
// All that is due now.
mb_status mb_changes_take(mb_sim *sim, mb_error *error);
