// SPDX-License-Identifier: MIT
// Bins: queues side by side; a request goes to the bin whose range holds its key.
#pragma once
#include "queue/queue.h"

typedef struct mb_bins {
    mb_key key;
    uint32_t count;       // bins
    uint32_t first_queue; // bin i is queue first_queue + i of the simulation
    double *edges;        // count - 1, ascending: bin i holds edges[i - 1] <= key < edges[i]; owned
} mb_bins;

// The bin for a key, 0-based.
uint32_t mb_bins_route(const mb_bins *bins, double key);
