// SPDX-License-Identifier: MIT
// Debug builds check the simulation's invariants after every instant.
#pragma once
#include "engine/peak.h"
#include "sim/state.h"

#ifdef MB_DEBUG
// Check every invariant of docs/architecture.md; abort with the seed, the time and what is wrong.
void mb_sim_check(mb_sim *sim);
// The same for the measures of a run that is over.
void mb_sim_check_end(const mb_sim *sim);
// The same for a peak that is asked for: `places` has those that run first.
void mb_sim_check_peak(const mb_sim *sim, const mb_engine *engine, mb_places *places);
#else
static inline void mb_sim_check(mb_sim *sim) {
    (void)sim;
}
static inline void mb_sim_check_end(const mb_sim *sim) {
    (void)sim;
}
static inline void mb_sim_check_peak(const mb_sim *sim, const mb_engine *engine, mb_places *places) {
    (void)sim, (void)engine, (void)places;
}
#endif
