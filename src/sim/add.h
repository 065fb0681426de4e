// SPDX-License-Identifier: MIT
// A replica more.
#pragma once
#include "sim/state.h"

// So many may be added in a run, those that are gone among them: each keeps a place in memory, and a policy
// that adds without end would take all of it.
#define MB_MOST_ADDED 16384u

// One more of this hardware, which is up in so many seconds; its limits, the order of its own queue and its
// plain step are those that the first of its kind has. Its number, or MB_NONE where there may be no more, or
// (*failed) no memory.
// (Those that step together count as one: the number is that of the first.)
uint32_t mb_replica_add(mb_sim *sim, uint32_t hardware, double delay_s, bool *failed);
