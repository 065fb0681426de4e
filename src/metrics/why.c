// SPDX-License-Identifier: MIT
#include "metrics/why.h"

#include <stdlib.h>

const char *mb_time_part_name(mb_time_part part) {
    static const char *const names[MB_PARTS] = {"waiting", "prefill", "decode", "stalled",
                                                "again",   "moved",   "aside",  "padding"};
    return names[part];
}

bool mb_request_times_grow(mb_request_times *times, uint32_t slot) {
    const uint32_t count = (slot >> MB_TIME_CHUNK_BITS) + 1;
    mb_request_time **chunks = realloc(times->chunks, count * sizeof *chunks);
    if (!chunks) return false;
    times->chunks = chunks;
    while (times->chunk_count < count) {
        mb_request_time *chunk = calloc(MB_TIME_CHUNK, sizeof *chunk);
        if (!chunk) return false;
        times->chunks[times->chunk_count++] = chunk;
    }
    return true;
}

void mb_request_times_deinit(mb_request_times *times) {
    for (uint32_t i = 0; i < times->chunk_count; i++)
        free(times->chunks[i]);
    free(times->chunks);
    *times = (mb_request_times){0};
}
