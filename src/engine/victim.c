// SPDX-License-Identifier: MIT
// An index of the decodes, made when somebody first asks and kept from then on: a heap by a key that does not
// change while a request decodes. (What is left of an answer falls by one per iteration for all of them
// alike.) Entries of those that have left are found out when they come to the top. Prefills, and decodes that
// a step left out, are few, and walked through.
#include "engine/victim.h"

#include <assert.h>

static bool may_go(const mb_victim_rule *rule, const mb_request *request, uint32_t generated) {
    return isinf(rule->age) || (double)generated < rule->age * (double)request->predicted_output;
}

// a goes rather than b.
static bool further(bool newest, const mb_victim *a, const mb_victim *b) {
    if (a->key != b->key) return a->key > b->key;
    return newest ? a->order > b->order : a->order < b->order;
}

// As of now; looking changes nothing.
static inline uint32_t generated_now(const mb_stepper *stepper, const mb_request *request) {
    return request->generated + (stepper->naive ? 0 : mb_stepper_made(stepper, request));
}

// --- by a walk

static inline mb_victim as_victim(const mb_victim_rule *rule, const mb_request *request, uint32_t generated,
                                  uint32_t slot) {
    const double key = rule->key == MB_KEY_NONE ? 0 : mb_key_at(rule->key, request, generated);
    return (mb_victim){.key = key, .order = request->order, .slot = slot};
}

static inline void consider(const mb_stepper *stepper, const mb_victim_rule *rule, uint32_t slot,
                            const mb_request *request, mb_victim *best) {
    stepper->around->operations++;
    if (request->in_flight) return;
    const uint32_t generated = generated_now(stepper, request);
    const mb_victim one = as_victim(rule, request, generated, slot);
    const bool better = best->slot == MB_NONE ? one.key > best->key : further(rule->newest, &one, best);
    if (better && may_go(rule, request, generated)) *best = one;
}

static void walk_all(const mb_stepper *stepper, const mb_victim_rule *rule, mb_victim *best) {
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        consider(stepper, rule, slot, request, best);
        slot = request->next;
    }
}

static void walk_prefills(const mb_stepper *stepper, const mb_victim_rule *rule, mb_victim *best) {
    for (uint32_t slot = stepper->first_prefill; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        consider(stepper, rule, slot, request, best);
        slot = request->after;
    }
}

// --- the heap

// Keys that stand still while a request decodes, but for that shift.
static bool stands_still(mb_key key) {
    switch (key) {
    case MB_KEY_ARRIVAL:
    case MB_KEY_PROMPT_TOKENS:
    case MB_KEY_PREDICTED_OUTPUT:
    case MB_KEY_PREDICTED_TOTAL:
    case MB_KEY_PREDICTED_REMAINING:
    case MB_KEY_OUTPUT_TOKENS:
    case MB_KEY_PRIORITY:
    case MB_KEY_DEADLINE:
        return true;
    default:
        return false;
    }
}

// What is added to the keys of decodes to make them stand still.
static double shift(const mb_victims *victims, uint64_t iteration) {
    return victims->key == MB_KEY_PREDICTED_REMAINING ? (double)iteration : 0;
}

static void sift_up(mb_victims *victims, uint32_t place) {
    const mb_victim one = victims->heap[place];
    for (; place > 0; place = (place - 1) / 2) {
        if (!further(victims->newest, &one, &victims->heap[(place - 1) / 2])) break;
        victims->heap[place] = victims->heap[(place - 1) / 2];
    }
    victims->heap[place] = one;
}

static void sift_down(mb_victims *victims, uint32_t place) {
    const mb_victim one = victims->heap[place];
    for (uint32_t child; (child = 2 * place + 1) < victims->count; place = child) {
        if (child + 1 < victims->count &&
            further(victims->newest, &victims->heap[child + 1], &victims->heap[child]))
            child++;
        if (!further(victims->newest, &victims->heap[child], &one)) break;
        victims->heap[place] = victims->heap[child];
    }
    victims->heap[place] = one;
}

static void drop_first(mb_victims *victims) {
    victims->heap[0] = victims->heap[--victims->count];
    if (victims->count) sift_down(victims, 0);
}

static bool append(mb_stepper *stepper, uint32_t slot) {
    mb_victims *victims = &stepper->victims;
    if (victims->count == victims->capacity) {
        const uint32_t more = victims->capacity ? 2 * victims->capacity : 64;
        mb_victim *heap = realloc(victims->heap, more * sizeof *heap);
        if (!heap) return false;
        victims->heap = heap;
        victims->capacity = more;
    }
    const mb_request *request = mb_request_at(stepper->requests, slot);
    const double key = mb_key_of(victims->key, request) + shift(victims, request->joined);
    victims->heap[victims->count] = (mb_victim){.key = key, .order = request->order, .slot = slot};
    sift_up(victims, victims->count++);
    return true;
}

// Anew, of those that decode now.
static bool rebuild(mb_stepper *stepper) {
    bool done = true;
    stepper->victims.count = 0;
    for (uint32_t i = 0; i < stepper->decode_count && done; i++)
        done = append(stepper, stepper->decodes[i].slot);
    return done;
}

bool mb_victim_joined(mb_stepper *stepper, uint32_t slot) {
    if (!stepper->victims.kept) return true;
    if (stepper->victims.count > 2 * stepper->decode_count + 64) return rebuild(stepper); // it is among them
    return append(stepper, slot);
}

// Does the entry stand for a decode here, as it was when it joined?
static bool stands(const mb_stepper *stepper, const mb_victim *one) {
    const mb_request *request = mb_request_at(stepper->requests, one->slot);
    return request->place < stepper->decode_count && stepper->decodes[request->place].slot == one->slot &&
           request->order == one->order &&
           mb_key_of(stepper->victims.key, request) + shift(&stepper->victims, request->joined) == one->key;
}

// Who is too old now is too old as long as it decodes.
static void ask_heap(mb_stepper *stepper, const mb_victim_rule *rule, mb_victim *best) {
    mb_victims *victims = &stepper->victims;
    for (; victims->count > 0; drop_first(victims)) {
        mb_victim first = victims->heap[0];
        if (!stands(stepper, &first)) continue;
        const mb_request *request = mb_request_at(stepper->requests, first.slot);
        if (!may_go(rule, request, generated_now(stepper, request))) continue;
        first.key -= shift(victims, stepper->iteration);
        if (best->slot == MB_NONE ? first.key > best->key : further(rule->newest, &first, best))
            *best = first;
        return;
    }
}

static bool keep(mb_stepper *stepper, const mb_victim_rule *rule) {
    mb_victims *victims = &stepper->victims;
    if (victims->kept && victims->key == rule->key && victims->newest == rule->newest &&
        victims->age == rule->age)
        return true;
    victims->kept = true;
    victims->key = rule->key;
    victims->newest = rule->newest;
    victims->age = rule->age;
    return rebuild(stepper);
}

bool mb_victim_find(mb_stepper *stepper, const mb_victim_rule *rule, double above, uint32_t *slot) {
    *slot = MB_NONE;
    if (!stepper) return true;
    mb_victim best = {.key = above, .slot = MB_NONE};
    if (stepper->naive || stepper->staged || !stands_still(rule->key)) {
        walk_all(stepper, rule, &best);
        *slot = best.slot;
        return true;
    }
    if (!keep(stepper, rule)) return false;
    ask_heap(stepper, rule, &best);
    if (stepper->parked)
        walk_all(stepper, rule, &best);
    else
        walk_prefills(stepper, rule, &best);
    *slot = best.slot;
#ifdef MB_DEBUG
    mb_victim all = {.key = above, .slot = MB_NONE};
    walk_all(stepper, rule, &all);
    assert(all.slot == *slot);
#endif
    return true;
}

// --- one after the other

// So many at once are usual, and their list would cost a walk.
#define FEW 4

static int newest_last(const void *left, const void *right) {
    const mb_victim *a = left, *b = right;
    return further(true, a, b) ? 1 : -1;
}

static int oldest_last(const void *left, const void *right) {
    const mb_victim *a = left, *b = right;
    return further(false, a, b) ? 1 : -1;
}

static bool list_all(const mb_stepper *stepper, const mb_victim_rule *rule, mb_departures *all) {
    all->list = malloc((stepper->running + 1) * sizeof *all->list);
    if (!all->list) return false;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        const uint32_t generated = generated_now(stepper, request);
        stepper->around->operations++;
        const mb_victim one = as_victim(rule, request, generated, slot);
        if (!request->in_flight && one.key > -INFINITY && may_go(rule, request, generated))
            all->list[all->count++] = one;
        slot = request->next;
    }
    qsort(all->list, all->count, sizeof *all->list, rule->newest ? newest_last : oldest_last);
    return true;
}

bool mb_victim_next(mb_stepper *stepper, const mb_victim_rule *rule, mb_departures *all, uint32_t *slot) {
    if (!all->list && all->found++ < FEW) return mb_victim_find(stepper, rule, -INFINITY, slot);
    if (!all->list && !list_all(stepper, rule, all)) return false;
    *slot = all->count ? all->list[--all->count].slot : MB_NONE;
    return true;
}
