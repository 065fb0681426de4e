// SPDX-License-Identifier: MIT
// Policies ask for the peak at each step. What the decodes hold and when they are expected to end changes
// with every iteration, but for all of them alike: so it is kept in order, by numbers that stand still.
#include "engine/peak.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// --- the ends of the decodes

// At which iteration it ends, and what it holds less the iteration: both stand as long as it decodes.
static mb_ending end_of(const mb_request *request) {
    const int64_t began = (int64_t)request->joined - request->generated;
    return (mb_ending){.at = began + mb_request_believed(request),
                       .held = (int64_t)request->prompt_tokens - began};
}

static int last_first(const void *left, const void *right) {
    const mb_ending *a = left, *b = right;
    if (a->at != b->at) return a->at < b->at ? 1 : -1;
    return (a->held < b->held) - (a->held > b->held);
}

static bool make_room_for_ends(mb_endings *ends, uint32_t count) {
    if (count <= ends->capacity) return true;
    mb_ending *list = realloc(ends->list, 2 * (size_t)count * sizeof *list);
    if (!list) return false;
    ends->list = list;
    ends->capacity = 2 * count;
    return true;
}

static bool keep_ends(mb_stepper *stepper) {
    mb_endings *ends = &stepper->in_order;
    ends->unasked = 0;
    if (ends->kept) return true;
    if (!make_room_for_ends(ends, stepper->decode_count)) return false;
    for (uint32_t i = 0; i < stepper->decode_count; i++)
        ends->list[i] = end_of(mb_request_at(stepper->requests, stepper->decodes[i].slot));
    ends->count = stepper->decode_count;
    if (ends->count > 1) qsort(ends->list, ends->count, sizeof *ends->list, last_first);
    ends->kept = true;
    return true;
}

// The first that does not stand before it.
static uint32_t place_among(const mb_endings *ends, const mb_ending *end) {
    uint32_t from = 0;
    for (uint32_t left = ends->count; left > 0;) {
        const uint32_t half = left / 2;
        if (last_first(&ends->list[from + half], end) < 0) {
            from += half + 1;
            left -= half + 1;
        } else
            left = half;
    }
    return from;
}

// Kept as long as somebody asks now and then.
static bool goes_on(mb_endings *ends) {
    if (ends->kept && ++ends->unasked > 2 * ends->count + 64) ends->kept = false;
    return ends->kept;
}

void mb_endings_join(mb_stepper *stepper, const mb_request *request) {
    mb_endings *ends = &stepper->in_order;
    if (!goes_on(ends)) return;
    ends->kept = make_room_for_ends(ends, ends->count + 1);
    if (!ends->kept) return; // who asks next is told
    const mb_ending end = end_of(request);
    const uint32_t place = place_among(ends, &end);
    memmove(&ends->list[place + 1], &ends->list[place], (ends->count++ - place) * sizeof end);
    ends->list[place] = end;
}

void mb_endings_part(mb_stepper *stepper, const mb_request *request) {
    mb_endings *ends = &stepper->in_order;
    if (!goes_on(ends)) return;
    const mb_ending end = end_of(request);
    const uint32_t place = place_among(ends, &end); // of those that are alike any
    assert(place < ends->count && last_first(&ends->list[place], &end) == 0);
    memmove(&ends->list[place], &ends->list[place + 1], (--ends->count - place) * sizeof end);
}

#ifdef MB_DEBUG
bool mb_endings_hold(const mb_stepper *stepper) {
    const mb_endings *ends = &stepper->in_order;
    if (!ends->kept) return true;
    bool hold = ends->count == stepper->decode_count;
    for (uint32_t i = 1; i < ends->count && hold; i++)
        hold = last_first(&ends->list[i - 1], &ends->list[i]) <= 0;
    for (uint32_t i = 0; i < stepper->decode_count && hold; i++) {
        const mb_ending end = end_of(mb_request_at(stepper->requests, stepper->decodes[i].slot));
        const uint32_t place = place_among(ends, &end);
        hold = place < ends->count && last_first(&ends->list[place], &end) == 0;
    }
    return hold;
}
#endif

// --- those whose peak it is

// Room for so many, and as much again to sort in.
static bool make_room(mb_places *places, size_t count) {
    if (count <= places->capacity) return true;
    mb_place *list = realloc(places->list, 4 * count * sizeof *list);
    if (!list) return false;
    places->list = list;
    places->capacity = 2 * count;
    return true;
}

static mb_place place_of(const mb_request *request, uint32_t generated) {
    return (mb_place){.held = (uint64_t)request->prompt_tokens + generated,
                      .left = mb_request_left(request, generated)};
}

bool mb_peak_add(mb_places *places, const mb_request *request) {
    if (!make_room(places, places->count + 1)) return false;
    places->list[places->count++] = place_of(request, request->generated);
    return true;
}

// All that run, or those that are not among the decodes.
static bool list_running(mb_places *places, const mb_stepper *stepper, bool decodes) {
    if (!make_room(places, stepper->running)) return false;
    mb_place *place = places->list;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        if (decodes || request->stage != MB_STAGE_DECODE)
            *place++ = place_of(request, request->generated + mb_stepper_made(stepper, request));
        slot = request->next;
    }
    places->count = (size_t)(place - places->list);
    return true;
}

static bool list_prefills(mb_places *places, const mb_stepper *stepper) {
    if (!make_room(places, stepper->prefill_count)) return false;
    for (uint32_t slot = stepper->first_prefill; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        places->list[places->count++] = place_of(request, request->generated);
        slot = request->after;
    }
    return true;
}

bool mb_peak_begin(mb_places *places, mb_engine *engine) {
    mb_stepper *stepper = engine->stepper;
    places->count = places->end_count = 0;
    const bool together = !stepper->naive && !stepper->staged;
    if (together && !keep_ends(stepper)) return false;
    // Parked, or at its end and about to leave: neither a decode nor a prefill.
    const bool others = stepper->running != stepper->decode_count + stepper->prefill_count;
    if (together && !others ? !list_prefills(places, stepper) : !list_running(places, stepper, !together))
        return false;
    places->own = places->count;
    if (!together) return true;
    places->ends = stepper->in_order.list;
    places->end_count = stepper->in_order.count;
    places->iteration = (int64_t)stepper->iteration;
    return true;
}

enum { DIGIT = 256, FEW = 24 }; // below so many, digits are not worth their counters

static void sort_few(mb_place *list, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const mb_place moved = list[i];
        size_t at = i;
        for (; at > 0 && list[at - 1].left < moved.left; at--)
            list[at] = list[at - 1];
        list[at] = moved;
    }
}

// By one digit, the largest first.
static void sort_digit(mb_place *to, const mb_place *from, size_t count, size_t first[DIGIT],
                       unsigned shift) {
    size_t place = 0;
    for (size_t digit = DIGIT; digit-- > 0;) {
        const size_t those = first[digit];
        first[digit] = place;
        place += those;
    }
    for (size_t i = 0; i < count; i++)
        to[first[from[i].left >> shift & (DIGIT - 1)]++] = from[i];
}

// Most left first, digit by digit (there are at most 33 bits): policies ask for the peak at each step.
static const mb_place *most_left_first(mb_places *places) {
    mb_place *from = places->list, *to = places->list + places->capacity;
    const size_t count = places->count;
    if (count < FEW) {
        sort_few(from, count);
        return from;
    }
    uint64_t any = 0;
    size_t counts[2][DIGIT];
    for (unsigned shift = 0; shift == 0 || any >> shift; shift += 16) {
        memset(counts, 0, sizeof counts);
        for (size_t i = 0; i < count; i++) {
            const uint64_t left = from[i].left;
            any |= left;
            counts[0][left >> shift & (DIGIT - 1)]++;
            counts[1][left >> shift >> 8 & (DIGIT - 1)]++;
        }
        sort_digit(to, from, count, counts[0], shift);
        sort_digit(from, to, count, counts[1], shift + 8);
    }
    return from;
}

// When the request with the j-th most left ends, those before it are still there, and have grown by as much.
// Counted from an iteration on which the engine has made none yet: so what is kept of its decodes stands.
uint64_t mb_peak(mb_places *places) {
    const mb_place *list = most_left_first(places);
    const mb_ending *end = places->ends, *last = end + places->end_count;
    const int64_t now = places->iteration, next = now + 1; // who should have ended has a token left
    int64_t held = 0, count = 0, peak = 0;
    for (size_t j = 0; j <= places->count; j++) {
        const int64_t at = j < places->count ? now + (int64_t)list[j].left : INT64_MIN;
        for (; end < last && end->at >= at; end++) {
            held += end->held;
            const int64_t then = held + ++count * (end->at > next ? end->at : next);
            if (then > peak) peak = then;
        }
        if (j == places->count) break;
        held += (int64_t)list[j].held - now;
        const int64_t then = held + ++count * at;
        if (then > peak) peak = then;
    }
    return (uint64_t)peak;
}
