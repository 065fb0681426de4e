// SPDX-License-Identifier: MIT
#include "queue/bins.h"

#include <stdlib.h>

uint32_t mb_bins_route(const mb_bins *bins, double key) {
    uint32_t low = 0, high = bins->count - 1; // the answer is the number of edges <= key
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (key < bins->edges[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void mb_bins_deinit(mb_bins *bins) {
    free(bins->queues);
    free(bins->edges);
}
