// SPDX-License-Identifier: MIT
// Bins: queues side by side; a request goes to the bin whose range holds its key.
#pragma once
#include "queue/queue.h"

typedef struct mb_bins {
    mb_key key;
    uint32_t count;       // bins
    uint32_t *queues;     // of the simulation, each bin's; owned
    uint32_t queue_count; // at least `count`: there were more bins once
    double *edges;        // count - 1, ascending: bin i holds edges[i - 1] <= key < edges[i]; owned
} mb_bins;

// Where the policy gives the key (MB_KEY_GIVEN), it is asked for that of bins n by this number + n in the
// place of a queue's.
#define MB_BINS_KEYS (UINT32_C(1) << 30)

// The bin for a key, 0-based.
uint32_t mb_bins_route(const mb_bins *bins, double key);
void mb_bins_deinit(mb_bins *bins);
