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
// The rows of an engine's step, as a batch.
bool mb_batch_from_rows(mb_sim *sim, mb_replica *replica);

// Leave the system: statistics, observer, the policy's finish hook, recycle.
mb_status mb_sim_leave(mb_sim *sim, uint32_t slot, mb_end why, const mb_finished *record, mb_error *error);

void mb_sim_mark_idle(mb_sim *sim, mb_replica *replica);
void mb_sim_mark_busy(mb_sim *sim, mb_replica *replica);
// The planning of this instant will look at this engine, which stands between two steps.
void mb_sim_mark_boundary(mb_sim *sim, const mb_replica *replica);

// Time integrals up to now. To be called before anything changes that they sum: then they do not depend on
// the instants at which the clock stopped and nothing happened.
void mb_sim_integrate(mb_sim *sim);

// --- news.c: what replicas have not seen yet
// Something that is no request: every replica may react.
void mb_sim_change_all(mb_sim *sim);
// A request waits where all replicas see it.
void mb_sim_stamp(mb_sim *sim, uint32_t slot);
// It no longer does.
void mb_sim_unstamp(mb_sim *sim, uint32_t slot);
// A request was put into a queue: the replicas that it concerns may react. known: as news, it is as old as
// before.
void mb_sim_announce(mb_sim *sim, uint32_t queue, uint32_t slot, bool known);

// Back to a queue, ordered by its key as it is now; replicas may react.
mb_status mb_sim_file_again(mb_sim *sim, uint32_t queue, uint32_t slot, bool front, mb_error *error);

mb_status mb_sim_count_finished(mb_sim *sim, const mb_request *request, mb_error *error);

// sim/window.c: the time of observation.
void mb_window_init(mb_sim *sim);
// A request arrives now, and is not counted in sim->arrived yet: the warm-up may begin or end with it.
void mb_window_arrival(mb_sim *sim, double time_s);
void mb_window_open(mb_sim *sim);  // the warm-up is over
void mb_window_close(mb_sim *sim); // the run is over

// sim/judge.c: each request that counts is judged once.
static inline bool mb_sim_counts(const mb_sim *sim, const mb_request *request) {
    return request->id >= sim->first_counted;
}
void mb_judge_served(mb_sim *sim, const mb_request *request, double ttft, double tbt, double e2e);
void mb_judge_rejected(mb_sim *sim, const mb_request *request);
// The run is over, and it is still in the system.
void mb_judge_unfinished(mb_sim *sim, mb_request *request);

// sim/clients.c: a request arrives, starts (again), is set aside, leaves.
bool mb_client_arrives(mb_sim *sim, const mb_request *request);
void mb_client_starts(mb_sim *sim, const mb_request *request);
void mb_client_stops(mb_sim *sim, const mb_request *request);
void mb_client_leaves(mb_sim *sim, const mb_request *request);

// engine/build.c
void mb_step_begin(mb_sim *sim, mb_replica *replica);
mb_refusal mb_engine_add(mb_sim *sim, uint32_t slot, uint32_t tokens);

// sim/dispatch.c: who is asked for a step, and when engines look up from a run.
mb_status mb_dispatch(mb_sim *sim, mb_error *error);

#ifdef MB_DEBUG
// Check every invariant of docs/architecture.md; abort with the seed, the time and what is wrong.
void mb_sim_check(mb_sim *sim);
// The same for the measures of a run that is over.
void mb_sim_check_end(const mb_sim *sim);
#else
static inline void mb_sim_check(mb_sim *sim) {
    (void)sim;
}
static inline void mb_sim_check_end(const mb_sim *sim) {
    (void)sim;
}
#endif
