// SPDX-License-Identifier: MIT
// What a policy does to the step that is being built in its `schedule`, and what it may ask.
#pragma once
#include "sim/state.h"

typedef struct mb_displaced {
    uint32_t taken, preempted;
    mb_refusal refusal;
} mb_displaced;

// Call the policy's timer hook at `time_s` (not before now). False when out of memory.
bool mb_sim_set_timer(mb_sim *sim, double time_s, uint32_t timer);

// What the limits of the following calls are due to: MB_STOP_CAP (as every schedule begins), B_SLA or B_MEM.
void mb_step_limited_by(mb_sim *sim, mb_stop why);
// Take from the head of a queue while it fits, at most `limit`; the number taken, and why it stopped early.
uint32_t mb_step_admit(mb_sim *sim, uint32_t queue, uint32_t limit, mb_refusal *refusal);
// The same, but where the first in line does not fit for want of memory or places, the last of the running in
// the order of the queue, if it stands behind that one, is preempted; again until it fits or nobody does.
mb_status mb_step_displace(mb_sim *sim, uint32_t queue, uint32_t limit, bool newest, double age,
                           mb_displaced *done, mb_error *error);
// One request, waiting in any queue or in none, or running on this replica. `tokens`: 0, or the chunk wanted.
mb_refusal mb_step_add(mb_sim *sim, uint32_t slot, uint32_t tokens);
// Deliberately leave the replica idle; until_s: wake it then (INFINITY: at the next change).
bool mb_step_idle(mb_sim *sim, double until_s);

// --- iteration-level engines only (docs/continuous-batching.md)

// Is the request in the step that is being built?
bool mb_step_holds(const mb_sim *sim, uint32_t slot);
// Go on with all running requests; how many were preempted for want of memory. Nothing under a batch model.
static inline mb_status mb_step_carry(mb_sim *sim, mb_carry_rule rule, uint32_t *preempted, mb_error *error) {
    return mb_engine_carry(&sim->building->engine, rule, preempted, error);
}
// Set a request aside that runs on the replica being scheduled; queue MB_NONE: the one that it came from.
mb_status mb_step_preempt(mb_sim *sim, uint32_t slot, mb_preemption how, uint32_t queue, bool front,
                          mb_refusal *refusal, mb_error *error);
// Turn one away that runs there.
mb_status mb_step_reject(mb_sim *sim, uint32_t slot, const char *reason, mb_error *error);
// The step becomes a static batch, as mb_engine_barrier has it; how many rows went back to their queues
// because their ends do not fit in memory. Nothing under a batch model.
mb_status mb_step_barrier(mb_sim *sim, uint32_t most, uint32_t *returned, mb_error *error);
void mb_step_quantum(mb_sim *sim, uint64_t steps);
// Has nothing run on the replica before this step?
bool mb_step_is_fresh(const mb_sim *sim);
// What is in the step that is being built.
uint64_t mb_step_tokens(const mb_sim *sim);
uint32_t mb_step_requests(const mb_sim *sim);
// Tokens of a request in memory, and emitted, as of now.
void mb_request_progress(mb_sim *sim, uint32_t slot, uint32_t *computed, uint32_t *generated);
