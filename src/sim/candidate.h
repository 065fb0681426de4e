// SPDX-License-Identifier: MIT
// Requests that a ranking puts in order: their keys, and heaps of them with the first in order on top, or
// (last) the last.
#pragma once
#include "sim/state.h"

enum { MB_MAX_RANK_EDGES = 64 };
#define MB_MAX_RANK_PER_TOKEN 1e290 // (times any number of tokens that is a number still)

typedef struct mb_ranking {
    uint32_t from;    // queue. An ordered one gives those in it their places; in a plain one `by` does
    mb_key by;        // MB_KEY_GIVEN: the key in the request, as somebody has just set it
    double per_token; // added to the key for each token emitted
    double edges[MB_MAX_RANK_EDGES]; // ascending: the key becomes the number of those at or below it
    uint32_t edge_count;             // 0: it stays what it is
    uint32_t most;                   // rows
    bool preempts;
    mb_preemption how;
    uint32_t to; // queue for those set aside
} mb_ranking;

// Its key, and in how many tokens it comes to the next edge, at least one (INFINITY: to none). `whole`: that
// number is right to the token, as far as doubles count.
typedef struct mb_rank_key {
    double key, left;
    bool whole;
} mb_rank_key;

// Where `base + per_token * generated` comes to `edge`: which number of tokens that is depends on nothing
// else.
static inline double mb_candidate_reaches(const mb_ranking *ranking, double base, double edge, bool *whole) {
    double tokens = ceil((edge - base) / ranking->per_token); // (a division may be one off)
    if (base + ranking->per_token * (tokens - 1) >= edge)
        tokens -= 1;
    else if (base + ranking->per_token * tokens < edge)
        tokens += 1;
    *whole = base + ranking->per_token * (tokens - 1) < edge && base + ranking->per_token * tokens >= edge;
    return tokens;
}

static inline mb_rank_key mb_candidate_key(const mb_ranking *ranking, const mb_request *request,
                                           uint32_t generated) {
    const double base =
        ranking->by == MB_KEY_RANK ? mb_request_rank(request) : mb_key_of(ranking->by, request);
    mb_rank_key found = {base, INFINITY, true};
    if (ranking->per_token != 0) found.key += ranking->per_token * generated;
    if (ranking->edge_count == 0) return found;
    uint32_t below = 0; // (levels are few, and most requests in the first)
    while (below < ranking->edge_count && ranking->edges[below] <= found.key)
        below++;
    found.key = below;
    if (below == ranking->edge_count || !(ranking->per_token > 0)) return found;
    found.left = mb_candidate_reaches(ranking, base, ranking->edges[below], &found.whole) - generated;
    if (found.left < 1) found.left = 1;
    return found;
}

// --- heaps

static inline bool mb_candidate_before(const mb_candidate *a, const mb_candidate *b, bool last) {
    const bool less = a->key != b->key ? a->key < b->key : a->place < b->place;
    return less != last;
}

static inline void mb_candidates_sift(mb_candidate *heap, uint32_t count, uint32_t at, bool last) {
    const mb_candidate moved = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && mb_candidate_before(&heap[child + 1], &heap[child], last)) child++;
        if (!mb_candidate_before(&heap[child], &moved, last)) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static inline void mb_candidates_order(mb_candidate *heap, uint32_t count, bool last) {
    for (uint32_t i = count / 2; i-- > 0;)
        mb_candidates_sift(heap, count, i, last);
}

static inline void mb_candidates_push(mb_candidate *heap, uint32_t *count, mb_candidate one, bool last) {
    uint32_t at = (*count)++;
    for (; at > 0 && mb_candidate_before(&one, &heap[(at - 1) / 2], last); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = one;
}

// The one on top is not what it was.
static inline void mb_candidates_changed(mb_candidate *heap, uint32_t count, bool last) {
    mb_candidates_sift(heap, count, 0, last);
}

// It stays in the array, behind the heap.
static inline mb_candidate mb_candidates_take(mb_candidate *heap, uint32_t *count, bool last) {
    const mb_candidate top = heap[0];
    heap[0] = heap[--*count];
    heap[*count] = top;
    if (*count) mb_candidates_sift(heap, *count, 0, last);
    return top;
}
