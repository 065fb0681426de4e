// SPDX-License-Identifier: MIT
#include "metrics/why.h"

#include <stdlib.h>

const char *mb_time_part_name(mb_time_part part) {
    static const char *const names[MB_PARTS] = {"waiting", "prefill", "decode", "stalled",
                                                "again",   "moved",   "aside",  "padding"};
    return names[part];
}

static bool grow(mb_request_times *times, uint32_t count) {
    mb_request_time **chunks = realloc(times->chunks, count * sizeof *chunks);
    if (!chunks) return false;
    times->chunks = chunks;
    while (times->chunk_count < count) {
        mb_request_time *chunk = malloc(MB_TIME_CHUNK * sizeof *chunk);
        if (!chunk) return false;
        times->chunks[times->chunk_count++] = chunk;
    }
    return true;
}

bool mb_request_times_open(mb_request_times *times, uint32_t slot, double arrival_s) {
    const uint32_t chunk = slot >> MB_TIME_CHUNK_BITS;
    if (chunk >= times->chunk_count && !grow(times, chunk + 1)) return false;
    *mb_request_time_at(times, slot) = (mb_request_time){.since_ns = mb_nanoseconds(arrival_s)};
    return true;
}

void mb_request_times_deinit(mb_request_times *times) {
    for (uint32_t i = 0; i < times->chunk_count; i++)
        free(times->chunks[i]);
    free(times->chunks);
    *times = (mb_request_times){0};
}
