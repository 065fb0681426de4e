// SPDX-License-Identifier: MIT
// Where the time of a request went: parts that add up to the whole (docs/models.md, "Where the time went").
// All in whole nanoseconds: a moment is rounded once, parts lie between moments, so no sum of parts ever
// differs from its whole.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef enum mb_time_part {
    MB_PART_WAITING, // for its first start
    MB_PART_PREFILL, // steps that compute its prompt
    MB_PART_DECODE,  // steps that compute its answer, as long as their decodes alone would take
    MB_PART_STALLED, // what others' prompts add to these steps, or steps of others' prompts without it
    MB_PART_AGAIN,   // computing what was computed before a preemption
    MB_PART_MOVED,   // its memory on the host, or on its way; steps in which blocks are moved
    MB_PART_ASIDE,   // interrupted: waits to go on, or steps of others' answers without it
    MB_PART_PADDING, // a whole batch goes on, or is padded, for longer members
    MB_PARTS
} mb_time_part;
// "waiting", ...
const char *mb_time_part_name(mb_time_part part);

static inline int64_t mb_nanoseconds(double seconds) {
    return (int64_t)(seconds * 1e9 + 0.5);
}

// What the steps of an engine spent beside decoding, up to now. Never set back.
typedef struct mb_step_spending {
    int64_t stalled_ns; // by prompts: above what the decodes alone would have taken; all, without decodes
    int64_t moved_ns;   // moving blocks to and from the host
    int64_t idle_ns;    // no step, while requests ran
} mb_step_spending;

// The time of one request up to `since_ns`.
typedef struct mb_request_time {
    int64_t parts[MB_PARTS];
    int64_t since_ns;
    mb_step_spending seen; // of its engine, at that moment
    uint64_t opened; // for request number opened - 1; of another one these are of an earlier request here
    uint32_t known;  // tokens that have been computed before: to compute them is MB_PART_AGAIN
} mb_request_time;

// Of all requests in the system, by slot.
typedef struct mb_request_times {
    mb_request_time **chunks;
    uint32_t chunk_count;
} mb_request_times;

enum { MB_TIME_CHUNK_BITS = 8, MB_TIME_CHUNK = 1 << MB_TIME_CHUNK_BITS };
static inline mb_request_time *mb_request_time_at(const mb_request_times *times, uint32_t slot) {
    return &times->chunks[slot >> MB_TIME_CHUNK_BITS][slot & (MB_TIME_CHUNK - 1)];
}
// There is room up to this slot. False when out of memory.
bool mb_request_times_grow(mb_request_times *times, uint32_t slot);
static inline bool mb_request_times_room(mb_request_times *times, uint32_t slot) {
    return slot >> MB_TIME_CHUNK_BITS < times->chunk_count || mb_request_times_grow(times, slot);
}
// Up to now it did this.
static inline void mb_request_time_pass(const mb_request_times *times, uint32_t slot, mb_time_part part,
                                        double now_s) {
    mb_request_time *time = mb_request_time_at(times, slot);
    const int64_t now = mb_nanoseconds(now_s);
    time->parts[part] += now - time->since_ns;
    time->since_ns = now;
}
void mb_request_times_deinit(mb_request_times *times);

// Sums over requests. Beyond 2^62 ns, a century and a half, whole ones of these are counted apart, so nothing
// is ever lost.
typedef struct mb_part_sums {
    uint64_t ns[MB_PARTS], ages[MB_PARTS];
} mb_part_sums;
#define MB_AGE_BITS 62
static inline void mb_part_sums_add(mb_part_sums *restrict sums, const int64_t *restrict parts) {
    typedef uint64_t pair __attribute__((vector_size(16)));
    pair any = {0};
#pragma GCC unroll 4 // every request that ends comes by here
    for (int i = 0; i < MB_PARTS; i += 2) {
        pair sum, more;
        memcpy(&sum, &sums->ns[i], sizeof sum);
        memcpy(&more, &parts[i], sizeof more);
        any |= sum += more;
        memcpy(&sums->ns[i], &sum, sizeof sum);
    }
    const bool aged = (any[0] | any[1]) >> MB_AGE_BITS;
    for (int i = 0; aged && i < MB_PARTS; i++) {
        sums->ages[i] += sums->ns[i] >> MB_AGE_BITS;
        sums->ns[i] &= (UINT64_C(1) << MB_AGE_BITS) - 1;
    }
}
static inline double mb_part_seconds(const mb_part_sums *sums, mb_time_part part) {
    return (double)sums->ages[part] * (0x1p62 / 1e9) + (double)sums->ns[part] / 1e9;
}
