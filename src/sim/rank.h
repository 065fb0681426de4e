// SPDX-License-Identifier: MIT
// A step by rank: the running and the waiting in one order, the first of them first, and the last of the
// running make room for those before them.
#pragma once
#include "sim/state.h"

enum { MB_MAX_RANK_EDGES = 64 };

typedef struct mb_ranking {
    uint32_t from;    // queue. An ordered one gives those in it their places; in a plain one `by` does
    mb_key by;        // MB_KEY_GIVEN: the key in the request, as somebody has just set it
    double per_token; // added to the key for each token emitted
    double edges[MB_MAX_RANK_EDGES]; // ascending: the key becomes the number of those at or below it
    uint32_t edge_count;             // 0: it stays what it is
    uint32_t most;                   // rows
    bool preempts;
    mb_preemption how;
    uint32_t to; // queue for those set aside
} mb_ranking;

typedef struct mb_ranked {
    uint32_t rows, preempted;
    uint64_t steps; // after which the first of the rows comes to its next edge; 0: none does
} mb_ranked;

// Add the running, in order of admission, and the waiting of `from`, in its order, by ascending key (stable).
// Where one is refused for memory or requests, the last that runs behind it is set aside, until it fits or
// nobody is left; any other refusal is the end. Who was set aside is not added again.
mb_status mb_step_rank(mb_sim *sim, const mb_ranking *ranking, mb_ranked *ranked, mb_error *error);
