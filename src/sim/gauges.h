// SPDX-License-Identifier: MIT
// What is summed over time.
#pragma once
#include "sim/state.h"

// The time has moved on since they were added up.
void mb_sim_add_up(mb_sim *sim);
// Time integrals up to now. To be called before anything changes that they sum: then they do not depend on
// the instants at which the clock stopped and nothing happened.
static inline void mb_sim_integrate(mb_sim *sim) {
    if (sim->now_s > sim->integrated_s) mb_sim_add_up(sim);
}
