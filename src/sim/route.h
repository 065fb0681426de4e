// SPDX-License-Identifier: MIT
// Routes: to which replica's own queue an arrival goes, where the policy has said it once, so that nobody is
// asked.
#pragma once
#include "sim/state.h"

// The replica that has the least of it; of equals the first.
typedef enum mb_measured { MB_BY_LOAD, MB_BY_RUNNING, MB_BY_WAITING } mb_measured; // load: both
uint32_t mb_least_replica(const mb_sim *sim, mb_measured what);

// Every replica has an own queue.
mb_status mb_route(mb_sim *sim, uint32_t slot, mb_error *error);
