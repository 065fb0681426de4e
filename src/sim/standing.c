// SPDX-License-Identifier: MIT
// Two heaps: who is the last, and who is the next to pass an edge, by the iteration at which it does. Nobody
// is looked for in them: entries that hold no more are found out when they come to the top. A request that
// was left out of a step passes its edge later than it says there, never sooner.
#include "sim/standing.h"

#include "base/double.h"

#include <stdlib.h>

typedef struct standing_heap {
    mb_candidate *list;
    uint32_t count, capacity;
} standing_heap;

struct mb_standing {
    mb_ranking ranking; // what it is the order of
    bool kept;
    uint64_t seen;            // who was admitted later is not in it
    standing_heap last, next; // by key; by iteration of the edge, and `left` is the key before that
    uint32_t *changed;
    uint32_t changed_count, changed_capacity; // requests whose rank was set
};

void mb_standing_free(mb_standing *standing) {
    if (!standing) return;
    free(standing->last.list);
    free(standing->next.list);
    free(standing->changed);
    free(standing);
}

static bool push(standing_heap *heap, mb_candidate one, bool last) {
    if (heap->count == heap->capacity) {
        const uint32_t more = heap->capacity ? 2 * heap->capacity : 64;
        mb_candidate *list = realloc(heap->list, more * sizeof *list);
        if (!list) return false;
        heap->list = list;
        heap->capacity = more;
    }
    mb_candidates_push(heap->list, &heap->count, one, last);
    return true;
}

void mb_standing_forget(mb_standing *standing) {
    if (standing) standing->kept = false;
}

void mb_standing_changed(mb_standing *standing, uint32_t slot) {
    if (standing->changed_count == standing->changed_capacity)
        standing->kept = false; // so many that it is made anew
    if (standing->kept) standing->changed[standing->changed_count++] = slot;
}

// --- entries

// Is it of a request that has run here since?
static bool runs(const mb_sim *sim, const mb_candidate *one) {
    const mb_request *request = mb_request_at(&sim->requests, one->slot);
    return request->phase == MB_PHASE_RUNNING && request->order == one->place &&
           request->replica == sim->building->engine.id;
}

static mb_rank_key key_now(const mb_sim *sim, const mb_standing *standing, uint32_t slot) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    return mb_candidate_key(&standing->ranking, request,
                            request->generated + mb_engine_made(&sim->building->engine, request));
}

// When it passes its edge; where that is not known to the token, look again at the next step.
static double passes(const mb_sim *sim, mb_rank_key found) {
    return mb_double(sim->building->engine.stepper->iteration) + (found.whole ? found.left : 1);
}

static bool enter(mb_sim *sim, mb_standing *standing, uint32_t slot) {
    const mb_rank_key found = key_now(sim, standing, slot);
    mb_candidate one = {.key = found.key, .slot = slot, .place = mb_request_at(&sim->requests, slot)->order};
    if (!push(&standing->last, one, true)) return false;
    if (isinf(found.left)) return true;
    one.left = found.key;
    one.key = passes(sim, found);
    return push(&standing->next, one, false);
}

// --- what changed

static bool same(const mb_ranking *a, const mb_ranking *b) {
    if (a->by != b->by || a->per_token != b->per_token || a->edge_count != b->edge_count) return false;
    for (uint32_t i = 0; i < a->edge_count; i++)
        if (a->edges[i] != b->edges[i]) return false;
    return true;
}

// Ranks stand still, and levels but for the edges that are passed.
static bool stands_still(const mb_ranking *ranking) {
    return ranking->by == MB_KEY_RANK &&
           (ranking->per_token == 0 || (ranking->per_token > 0 && ranking->edge_count));
}

static bool begin(mb_sim *sim, mb_standing *standing, const mb_ranking *ranking) {
    const mb_engine *engine = &sim->building->engine;
    const uint32_t running = mb_engine_running(engine);
    const uint32_t few = 8 + running / 4;
    if (standing->changed_capacity < few) {
        uint32_t *changed = realloc(standing->changed, few * sizeof *changed);
        if (!changed) return false;
        standing->changed = changed;
        standing->changed_capacity = few;
    }
    standing->ranking = *ranking;
    standing->kept = true;
    standing->seen = 0;
    standing->last.count = standing->next.count = standing->changed_count = 0;
    return true;
}

// Those that came since.
static bool see_new(mb_sim *sim, mb_standing *standing) {
    const mb_stepper *stepper = sim->building->engine.stepper;
    const uint64_t seen = standing->seen;
    for (uint32_t slot = stepper->newest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->order < seen) break;
        if (request->order >= standing->seen) standing->seen = request->order + 1;
        if (!enter(sim, standing, slot)) return false;
        slot = request->previous;
    }
    return true;
}

static bool see_changed(mb_sim *sim, mb_standing *standing) {
    for (uint32_t i = 0; i < standing->changed_count; i++) {
        const uint32_t slot = standing->changed[i];
        const mb_request *request = mb_request_at(&sim->requests, slot);
        const mb_candidate one = {.slot = slot, .place = request->order};
        if (runs(sim, &one) && request->order < standing->seen && !enter(sim, standing, slot)) return false;
    }
    standing->changed_count = 0;
    return true;
}

// Up to the first that passes an edge later than now.
static bool see_edges(mb_sim *sim, mb_standing *standing) {
    standing_heap *next = &standing->next;
    while (next->count) {
        mb_candidate *top = &next->list[0];
        if (!runs(sim, top)) {
            mb_candidates_take(next->list, &next->count, false);
            continue;
        }
        const mb_rank_key found = key_now(sim, standing, top->slot);
        const mb_candidate now = {.key = found.key, .slot = top->slot, .place = top->place};
        if (found.key != top->left && !push(&standing->last, now, true)) return false;
        if (isinf(found.left)) {
            mb_candidates_take(next->list, &next->count, false);
            continue;
        }
        const double at = passes(sim, found);
        if (at == top->key && found.key == top->left) break;
        top->key = at;
        top->left = found.key;
        mb_candidates_changed(next->list, next->count, false);
    }
    return true;
}

bool mb_standing_settle(mb_sim *sim, const mb_ranking *ranking, bool anew, mb_standing **settled) {
    mb_replica *replica = sim->building;
    const mb_engine *engine = &replica->engine;
    *settled = NULL;
    if (engine->pipeline || !engine->stepper || engine->stepper->naive || !stands_still(ranking)) return true;
    if (!replica->standing) replica->standing = calloc(1, sizeof *replica->standing);
    mb_standing *standing = replica->standing;
    if (!standing) return false;
    const uint32_t most = 64 + 2 * mb_engine_running(engine); // more entries than that are mostly of the past
    const bool kept = standing->kept && standing->last.count <= most && standing->next.count <= most &&
                      same(&standing->ranking, ranking);
    if (!kept && !anew) return true;
    *settled = standing;
    return (kept || begin(sim, standing, ranking)) && see_new(sim, standing) && see_changed(sim, standing) &&
           see_edges(sim, standing);
}

// --- asking

const mb_candidate *mb_standing_last(mb_sim *sim, mb_standing *standing) {
    standing_heap *last = &standing->last;
    while (last->count && !(runs(sim, &last->list[0]) &&
                            key_now(sim, standing, last->list[0].slot).key == last->list[0].key))
        mb_candidates_take(last->list, &last->count, true);
    return last->count ? &last->list[0] : NULL;
}

bool mb_standing_left(mb_sim *sim, mb_standing *standing, double *left) {
    const standing_heap *next = &standing->next;
    if (!see_edges(sim, standing)) return false;
    *left = next->count ? key_now(sim, standing, next->list[0].slot).left : INFINITY;
    return true;
}
