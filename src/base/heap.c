// SPDX-License-Identifier: MIT
#include "base/heap.h"

#include "base/apart.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROOT = MB_HEAP_ROOT, SEQUENCE_BITS = MB_HEAP_SEQUENCE_BITS, PAYLOAD_BITS = MB_HEAP_PAYLOAD_BITS };

// The bits of a non-negative double order like the double itself.
static mb_event_key pack(mb_heap *heap, double time_s, unsigned kind, uint32_t payload) {
    assert(time_s >= 0 && kind < 4 && payload <= MB_EVENT_MAX_PAYLOAD);
    const double positive = time_s + 0.0; // -0.0 becomes 0.0
    uint64_t high;
    memcpy(&high, &positive, sizeof high);
    const uint64_t sequence = heap->sequence++ & ((UINT64_C(1) << SEQUENCE_BITS) - 1);
    const uint64_t low =
        (uint64_t)kind << (SEQUENCE_BITS + PAYLOAD_BITS) | sequence << PAYLOAD_BITS | payload;
    return (mb_event_key)high << 64 | low;
}

MB_APART static bool grow(mb_heap *heap) {
    const size_t capacity = heap->capacity ? heap->capacity * 2 : 64;
    // Sibling groups start at multiples of four keys, so a 64-byte aligned block keeps each in one cache
    // line.
    const size_t bytes = (capacity + 8) * sizeof(mb_event_key);
    mb_event_key *keys = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!keys) return false;
    if (heap->keys) memcpy(keys, heap->keys, (heap->count + ROOT) * sizeof *keys);
    free(heap->keys);
    heap->keys = keys;
    heap->capacity = capacity;
    return true;
}

void mb_heap_deinit(mb_heap *heap) {
    free(heap->keys);
    *heap = (mb_heap){0};
}

static void sift_up(mb_event_key *keys, size_t at, mb_event_key key) {
    while (at > ROOT) {
        const size_t parent = at / 4 + 2;
        if (keys[parent] < key) break;
        keys[at] = keys[parent];
        at = parent;
    }
    keys[at] = key;
}

// Index of the smallest of four siblings, without branches that could be mispredicted.
static inline size_t smallest(const mb_event_key *keys, size_t first) {
    const size_t a = first + (keys[first + 1] < keys[first]);
    const size_t b = first + 2 + (keys[first + 3] < keys[first + 2]);
    return keys[b] < keys[a] ? b : a;
}

static void sift_down(mb_event_key *keys, size_t end, mb_event_key key) {
    size_t at = ROOT;
    for (;;) {
        const size_t child = 4 * (at - 2);
        if (child + 3 < end) {
            const size_t best = smallest(keys, child);
            if (key < keys[best]) break;
            keys[at] = keys[best];
            at = best;
            continue;
        }
        size_t best = child;
        if (child >= end) break;
        for (size_t i = child + 1; i < end; i++)
            if (keys[i] < keys[best]) best = i;
        if (key < keys[best]) break;
        keys[at] = keys[best];
        at = best;
        break; // a group cut short by the end has no children
    }
    keys[at] = key;
}

bool mb_heap_push(mb_heap *heap, double time_s, unsigned kind, uint32_t payload) {
    if (heap->count == heap->capacity && !grow(heap)) return false;
    sift_up(heap->keys, ROOT + heap->count, pack(heap, time_s, kind, payload));
    heap->count++;
    return true;
}

void mb_heap_pop(mb_heap *heap) {
    assert(heap->count > 0);
    heap->count--;
    if (heap->count) sift_down(heap->keys, ROOT + heap->count, heap->keys[ROOT + heap->count]);
}

void mb_heap_replace_top(mb_heap *heap, double time_s, unsigned kind, uint32_t payload) {
    assert(heap->count > 0);
    sift_down(heap->keys, ROOT + heap->count, pack(heap, time_s, kind, payload));
}
