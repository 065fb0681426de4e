// SPDX-License-Identifier: MIT
// The event heap: 4-ary, one 128-bit integer key per event, so that an order needs no floating-point compare.
// Order is (time, kind, sequence): equal times come out by kind, then in the order they were pushed.
// Measured (docs/performance.md): about 40 ns per pop + push at 10^4 pending.
#pragma once
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 mb_event_key;

typedef struct mb_heap {
    mb_event_key *keys; // root at index 3, children of i at 4 (i - 2) .. + 3: siblings share a cache line
    size_t count, capacity;
    uint64_t sequence;
} mb_heap;

typedef struct mb_event {
    double time_s;
    unsigned kind;    // 0 .. 3; smaller first at equal times
    uint32_t payload; // 24 bits
} mb_event;

#define MB_EVENT_MAX_PAYLOAD 0xffffffu
enum { MB_HEAP_ROOT = 3, MB_HEAP_SEQUENCE_BITS = 38, MB_HEAP_PAYLOAD_BITS = 24 };

void mb_heap_deinit(mb_heap *heap);
// time_s >= 0. False when out of memory (nothing changed then).
bool mb_heap_push(mb_heap *heap, double time_s, unsigned kind, uint32_t payload);
// The earliest event; the heap must not be empty. (Here, since every instant looks several times.)
static inline mb_event mb_heap_top(const mb_heap *heap) {
    assert(heap->count > 0);
    const mb_event_key key = heap->keys[MB_HEAP_ROOT];
    const uint64_t high = (uint64_t)(key >> 64), low = (uint64_t)key;
    mb_event event = {.kind = (unsigned)(low >> (MB_HEAP_SEQUENCE_BITS + MB_HEAP_PAYLOAD_BITS)),
                      .payload = (uint32_t)(low & MB_EVENT_MAX_PAYLOAD)};
    memcpy(&event.time_s, &high, sizeof high);
    return event;
}
// Its time alone; INFINITY: there is none.
static inline double mb_heap_next_s(const mb_heap *heap) {
    if (!heap->count) return (double)INFINITY;
    const uint64_t high = (uint64_t)(heap->keys[MB_HEAP_ROOT] >> 64);
    double time_s;
    memcpy(&time_s, &high, sizeof high);
    return time_s;
}
void mb_heap_pop(mb_heap *heap);
// Pop and push in one sift.
void mb_heap_replace_top(mb_heap *heap, double time_s, unsigned kind, uint32_t payload);
