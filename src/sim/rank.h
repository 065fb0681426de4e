// SPDX-License-Identifier: MIT
// A step by rank: the running and the waiting in one order, the first of them first, and the last of the
// running make room for those before them.
#pragma once
#include "sim/candidate.h"

typedef struct mb_ranked {
    uint32_t rows, preempted;
    uint64_t steps; // after which the first of the rows comes to its next edge; 0: none does
} mb_ranked;

// Add the running, in order of admission, and the waiting of `from`, in its order, by ascending key (stable).
// Where one is refused for memory or requests, the last that runs behind it is set aside, until it fits or
// nobody is left; any other refusal is the end. Who was set aside is not added again.
mb_status mb_step_rank(mb_sim *sim, const mb_ranking *ranking, mb_ranked *ranked, mb_error *error);
