// SPDX-License-Identifier: MIT
// Debug builds check the simulation's invariants after every instant.
#pragma once
#include "sim/state.h"

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
