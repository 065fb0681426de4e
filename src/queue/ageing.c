// SPDX-License-Identifier: MIT
#include "queue/ageing.h"

#include <float.h>
#include <math.h>

static double ratio(const mb_request *request, double now_s) {
    return (now_s - request->arrival_s) / request->key;
}

bool mb_ageing_before(const mb_request *a, const mb_request *b, double now_s) {
    const double of_a = ratio(a, now_s), of_b = ratio(b, now_s);
    if (of_a != of_b) return of_a > of_b;
    return a->arrival_s != b->arrival_s ? a->arrival_s < b->arrival_s : a->id < b->id;
}

// Until when `first` is surely not behind `other`. Where (t - A) / K = (t - a) / k, t - A = (a - A) K / (K -
// k). Rounding of the two ratios blurs that by some bits of theirs: it is looked at again from there on.
static double stays_until(const mb_request *first, const mb_request *other) {
    const double more = first->key - other->key;
    if (more <= 0) return more == 0 || -more > 1e-9 * other->key ? INFINITY : -INFINITY;
    if (more < 1e-9 * first->key) return -INFINITY;
    const double until = (other->arrival_s - first->arrival_s) * first->key / more;
    const double blur = 16 * DBL_EPSILON * (fabs(until) * (1 + other->key / more) + fabs(first->arrival_s));
    return first->arrival_s + until - blur;
}

static void challenge(const mb_request_store *store, mb_request *node, uint32_t child, double now_s) {
    if (child == MB_NONE) return;
    const mb_request *below = mb_request_at(store, child);
    const mb_request *first = mb_request_at(store, node->rest->tree_first);
    const mb_request *other = mb_request_at(store, below->rest->tree_first);
    if (below->rest->tree_until_s < node->rest->tree_until_s)
        node->rest->tree_until_s = below->rest->tree_until_s;
    const bool overtaken = mb_ageing_before(other, first, now_s);
    const double until = overtaken ? stays_until(other, first) : stays_until(first, other);
    if (until < node->rest->tree_until_s) node->rest->tree_until_s = until;
    if (overtaken) node->rest->tree_first = below->rest->tree_first;
}

void mb_ageing_refresh(const mb_request_store *store, uint32_t slot, double now_s) {
    mb_request *node = mb_request_at(store, slot);
    node->rest->tree_first = slot;
    node->rest->tree_until_s = INFINITY;
    challenge(store, node, node->previous, now_s); // the children: see queue.c
    challenge(store, node, node->next, now_s);
}

void mb_ageing_advance(const mb_request_store *store, uint32_t slot, double now_s) {
    if (slot == MB_NONE) return;
    const mb_request *node = mb_request_at(store, slot);
    if (node->rest->tree_until_s > now_s) return;
    mb_ageing_advance(store, node->previous, now_s);
    mb_ageing_advance(store, node->next, now_s);
    mb_ageing_refresh(store, slot, now_s);
}
