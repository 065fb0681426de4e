// SPDX-License-Identifier: MIT
// Routes: to which replica's own queue an arrival goes, where the policy has said it once, so that nobody is
// asked.
#pragma once
#include "sim/state.h"

// To be called once before the first mb_least_replica of the kind; false when out of memory.
bool mb_least_begin(mb_sim *sim, mb_measured what);
// The replica that has the least of it, of those that are up; of equals the first. Where none is up, the
// first of all.
uint32_t mb_least_replica(mb_sim *sim, mb_measured what);

// Where a request goes on that is handed over, by sim->handed_route: those that were sent to a replica at
// this instant count. MB_NONE: no such replica is up.
uint32_t mb_route_handed(mb_sim *sim);
// To one that is up; where none is, to the simulation's queue. Every replica has an own queue.
mb_status mb_route(mb_sim *sim, uint32_t slot, mb_error *error);
