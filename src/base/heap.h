// SPDX-License-Identifier: MIT
// The event heap: 4-ary, one 128-bit integer key per event, so that an order needs no floating-point compare.
// Order is (time, kind, sequence): equal times come out by kind, then in the order they were pushed.
// Measured (docs/performance.md): about 40 ns per pop + push at 10^4 pending.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

void mb_heap_deinit(mb_heap *heap);
// time_s >= 0. False when out of memory (nothing changed then).
bool mb_heap_push(mb_heap *heap, double time_s, unsigned kind, uint32_t payload);
// The earliest event; the heap must not be empty.
mb_event mb_heap_top(const mb_heap *heap);
void mb_heap_pop(mb_heap *heap);
// Pop and push in one sift.
void mb_heap_replace_top(mb_heap *heap, double time_s, unsigned kind, uint32_t payload);
