// SPDX-License-Identifier: MIT
// What is summed over time.
#pragma once
#include "sim/state.h"

// The time has moved on since they were added up.
void mb_sim_add_up(mb_sim *sim);
// When it came to the replicas.
static inline double mb_sim_seen_s(const mb_sim *sim, const mb_request *request) {
    return mb_front_end_passed(&sim->config->front_end, request->arrival_s, request->prompt_tokens);
}
// Time integrals up to now. To be called before anything changes that they sum: then they do not depend on
// the instants at which the clock stopped and nothing happened.
static inline void mb_sim_integrate(mb_sim *sim) {
    if (sim->now_s > sim->integrated_s) mb_sim_add_up(sim);
}
