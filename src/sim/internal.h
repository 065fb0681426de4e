// SPDX-License-Identifier: MIT
// Shared by the files of src/sim; nobody else includes this.
#pragma once
#include "sim/sim.h"

// Order of events at equal times.
enum { MB_EVENT_STEP_END = 0, MB_EVENT_ARRIVAL = 1, MB_EVENT_TIMER = 2 };
// Payloads of MB_EVENT_TIMER from here on wake idle replicas, and are not the policy's.
#define MB_TIMER_WAKE MB_EVENT_MAX_PAYLOAD

// Batch executor: start the step that the policy built, and end one.
mb_status mb_batch_start(mb_sim *sim, mb_replica *replica, mb_error *error);
mb_status mb_batch_end(mb_sim *sim, mb_replica *replica, mb_error *error);

// Leave the system: statistics, observer, the policy's finish hook, recycle.
mb_status mb_sim_leave(mb_sim *sim, uint32_t slot, mb_end why, const mb_finished *record, mb_error *error);

void mb_sim_mark_idle(mb_sim *sim, mb_replica *replica);
void mb_sim_mark_busy(mb_sim *sim, mb_replica *replica);

#ifdef MB_DEBUG
// Check every invariant of docs/architecture.md; abort with the seed, the time and what is wrong.
void mb_sim_check(const mb_sim *sim);
#else
static inline void mb_sim_check(const mb_sim *sim) {
    (void)sim;
}
#endif
