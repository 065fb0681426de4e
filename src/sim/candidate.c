// SPDX-License-Identifier: MIT
#include "sim/candidate.h"

static bool before(const mb_candidate *a, const mb_candidate *b, bool last) {
    const bool less = a->key != b->key ? a->key < b->key : a->place < b->place;
    return less != last;
}

static void sift_down(mb_candidate *heap, uint32_t count, uint32_t at, bool last) {
    const mb_candidate moved = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(&heap[child + 1], &heap[child], last)) child++;
        if (!before(&heap[child], &moved, last)) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

void mb_candidates_order(mb_candidate *heap, uint32_t count, bool last) {
    for (uint32_t i = count / 2; i-- > 0;)
        sift_down(heap, count, i, last);
}

void mb_candidates_push(mb_candidate *heap, uint32_t *count, mb_candidate one, bool last) {
    uint32_t at = (*count)++;
    for (; at > 0 && before(&one, &heap[(at - 1) / 2], last); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = one;
}

void mb_candidates_changed(mb_candidate *heap, uint32_t count, bool last) {
    sift_down(heap, count, 0, last);
}

mb_candidate mb_candidates_take(mb_candidate *heap, uint32_t *count, bool last) {
    const mb_candidate top = heap[0];
    heap[0] = heap[--*count];
    heap[*count] = top;
    if (*count) sift_down(heap, *count, 0, last);
    return top;
}
