// SPDX-License-Identifier: MIT
#include "model/latency_law.h"

uint32_t mb_law_captured_rows(const mb_latency *latency, uint32_t decodes) {
    const size_t count = latency->graph_size_count;
    if (decodes == 0 || decodes > latency->graph_sizes[count - 1]) return decodes;
    size_t low = 0, high = count - 1;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (latency->graph_sizes[middle] >= decodes)
            high = middle;
        else
            low = middle + 1;
    }
    return latency->graph_sizes[low];
}
