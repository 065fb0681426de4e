// SPDX-License-Identifier: MIT
#include "sim/wire.h"

#include <math.h>
#include <stdlib.h>

const char *mb_share_name(mb_share share) {
    static const char *const names[MB_SHARE_COUNT] = {"fifo", "fair", "none"};
    return names[share];
}

void mb_wire_init(mb_wire *wire, mb_share share) {
    *wire = (mb_wire){.share = share, .next_s = INFINITY};
}

void mb_wire_deinit(mb_wire *wire) {
    free(wire->heap);
}

// --- the heap: who is through first

static bool sooner(const mb_passenger *a, const mb_passenger *b) {
    return a->key != b->key ? a->key < b->key : a->turn < b->turn;
}

static void sift_up(mb_wire *wire, uint32_t at, mb_passenger passenger) {
    for (; at > 0 && sooner(&passenger, &wire->heap[(at - 1) / 2]); at = (at - 1) / 2)
        wire->heap[at] = wire->heap[(at - 1) / 2];
    wire->heap[at] = passenger;
}

static void take_out(mb_wire *wire, uint32_t at) {
    const mb_passenger last = wire->heap[--wire->count];
    if (at == wire->count) return;
    if (at > 0 && sooner(&last, &wire->heap[(at - 1) / 2])) {
        sift_up(wire, at, last);
        return;
    }
    for (uint32_t child; (child = 2 * at + 1) < wire->count; at = child) {
        if (child + 1 < wire->count && sooner(&wire->heap[child + 1], &wire->heap[child])) child++;
        if (!sooner(&wire->heap[child], &last)) break;
        wire->heap[at] = wire->heap[child];
    }
    wire->heap[at] = last;
}

// --- time

// Equal shares: what each of those on the wire has had up to now. Nobody has had more than the first needs,
// so rounding must not say so.
static void bring_up(mb_wire *wire, double now_s) {
    if (wire->share == MB_SHARE_FAIR && wire->count) {
        wire->work += (now_s - wire->since_s) / wire->count;
        if (wire->work > wire->heap[0].key) wire->work = wire->heap[0].key;
        wire->since_s = now_s;
    }
}

static void date(mb_wire *wire) {
    if (!wire->count)
        wire->next_s = INFINITY;
    else if (wire->share == MB_SHARE_FAIR)
        wire->next_s = wire->since_s + wire->count * (wire->heap[0].key - wire->work);
    else
        wire->next_s = wire->since_s + wire->heap[0].alone_s;
}

bool mb_wire_enter(mb_wire *wire, uint32_t transfer, double alone_s, double now_s) {
    if (wire->count == wire->capacity) {
        const uint32_t more = wire->capacity ? 2 * wire->capacity : 8;
        mb_passenger *heap = realloc(wire->heap, more * sizeof *heap);
        if (!heap) return false;
        wire->heap = heap;
        wire->capacity = more;
    }
    bring_up(wire, now_s);
    if (!wire->count) {
        wire->since_s = now_s;
        wire->work = 0; // it counts from here, so rounding never piles up
    }
    const double key = wire->share == MB_SHARE_FAIR ? wire->work + alone_s : 0;
    sift_up(wire, wire->count++,
            (mb_passenger){.key = key, .alone_s = alone_s, .turn = wire->turns++, .transfer = transfer});
    date(wire);
    return true;
}

void mb_wire_leave(mb_wire *wire, uint32_t transfer, double now_s) {
    uint32_t at = 0;
    while (at < wire->count && wire->heap[at].transfer != transfer)
        at++;
    if (at == wire->count) return;
    bring_up(wire, now_s);
    if (at == 0 && wire->share == MB_SHARE_FIFO) wire->since_s = now_s; // the next begins
    take_out(wire, at);
    date(wire);
}

uint32_t mb_wire_through(mb_wire *wire) {
    const double now_s = wire->next_s;
    if (wire->share == MB_SHARE_FAIR) wire->work = wire->heap[0].key; // exactly
    wire->since_s = now_s;
    const uint32_t transfer = wire->heap[0].transfer;
    take_out(wire, 0);
    date(wire);
    return transfer;
}
