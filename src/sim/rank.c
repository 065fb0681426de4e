// SPDX-License-Identifier: MIT
#include "sim/rank.h"

#include "sim/step.h"

#include <stdlib.h>

typedef struct walk {
    mb_sim *sim;
    const mb_ranking *ranking;
    mb_ranked *ranked;
    mb_candidate *heap; // first of all: who is to come, by (key, place)
    uint32_t count;
    mb_candidate *victims; // last of all: who runs here; made when first needed
    uint32_t victim_count;
    bool has_victims;
    uint32_t waiting; // the next of an ordered queue, or MB_NONE
    double left;      // the least that a row's key lacks to an edge
} walk;

// --- keys

// The number of edges at or below the key.
static uint32_t edges_below(const mb_ranking *ranking, double key) {
    const double *from = ranking->edges;
    for (uint32_t left = ranking->edge_count, half; left > 0; left -= half) {
        half = (left + 1) / 2;
        if (from[half - 1] <= key) from += half;
    }
    return (uint32_t)(from - ranking->edges);
}

// The key, and what it lacks to the next edge (INFINITY: there is none that it comes to).
static double key_of(const mb_ranking *ranking, const mb_request *request, double *left) {
    double key = ranking->by == MB_KEY_RANK ? mb_request_rank(request) : mb_key_of(ranking->by, request);
    *left = INFINITY;
    if (ranking->per_token != 0) key += ranking->per_token * request->generated;
    if (ranking->edge_count == 0) return key;
    const uint32_t below = edges_below(ranking, key);
    if (below < ranking->edge_count && ranking->per_token > 0) *left = ranking->edges[below] - key;
    return below;
}

// One more row; it may be the first to come to an edge.
static void count_row(walk *w, double left) {
    w->ranked->rows++;
    if (left < w->left) w->left = left;
}

// --- heaps of candidates: the first in order on top, or (victims) the last

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

static void make_heap(mb_candidate *heap, uint32_t count, bool last) {
    for (uint32_t i = count / 2; i-- > 0;)
        sift_down(heap, count, i, last);
}

static mb_candidate take_top(mb_candidate *heap, uint32_t *count, bool last) {
    const mb_candidate top = heap[0];
    heap[0] = heap[--*count];
    if (*count) sift_down(heap, *count, 0, last);
    return top;
}

// --- who is a candidate

static bool make_room(mb_sim *sim, uint32_t count) {
    if (count <= sim->candidate_capacity) return true;
    mb_candidate *more = realloc(sim->candidates, 2 * (size_t)count * sizeof *more);
    if (!more) return false;
    sim->candidates = more;
    sim->candidate_capacity = 2 * count;
    return true;
}

static void add_candidate(walk *w, uint32_t slot) {
    const mb_request *request = mb_request_at(&w->sim->requests, slot);
    mb_candidate *candidate = &w->heap[w->count];
    *candidate = (mb_candidate){.slot = slot, .place = w->count++};
    candidate->key = key_of(w->ranking, request, &candidate->left);
}

// The running that are not in the step, in order of admission, and those of a plain queue.
static bool gather(walk *w) {
    mb_sim *sim = w->sim;
    mb_engine *engine = &sim->building->engine;
    const mb_queue *queue = &sim->queues[w->ranking->from];
    const bool plain = queue->order == MB_KEY_NONE;
    const uint32_t running = sim->by_steps ? mb_engine_running(engine) : 0;
    if (!make_room(sim, 2 * running + (plain ? queue->count : 0))) return false;
    w->heap = sim->candidates + running; // in front of it there is room for the victims
    w->victims = sim->candidates;
    for (uint32_t slot = running ? mb_engine_oldest(engine) : MB_NONE; slot != MB_NONE;) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        const uint32_t next = request->next;
        if (!mb_engine_in_step(engine, slot) && !request->in_flight) { // those in a pipeline are elsewhere
            mb_engine_show_progress(engine, request);
            add_candidate(w, slot);
        }
        slot = next;
    }
    w->waiting = mb_queue_peek(queue, &sim->requests);
    if (!plain) return true;
    for (uint32_t slot = w->waiting; slot != MB_NONE; slot = mb_queue_after(queue, &sim->requests, slot))
        add_candidate(w, slot);
    w->waiting = MB_NONE;
    return true;
}

enum { MOST_AHEAD = 16 };

// Blocks with its content may be free, so that it matters who takes blocks first.
static bool may_be_cached(const mb_request *request) {
    return request->stage == MB_STAGE_NEW &&
           (request->hold.left != MB_KV_NO_RUN || request->prefix_count || request->session);
}

// Is there surely room for those of the queue that come before the last of the running, beside all of these?
static bool room_ahead(const walk *w, uint32_t running, double last) {
    const mb_sim *sim = w->sim;
    const mb_queue *queue = &sim->queues[w->ranking->from];
    uint32_t ahead = 0;
    uint64_t tokens = 0, blocks = 0;
    for (uint32_t slot = mb_queue_peek(queue, &sim->requests); slot != MB_NONE;
         slot = mb_queue_after(queue, &sim->requests, slot)) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->key >= last) break;
        if (++ahead > MOST_AHEAD || may_be_cached(request)) return false;
        const uint64_t known = (uint64_t)request->prompt_tokens + request->generated;
        tokens += known;
        blocks += mb_engine_blocks_for(&sim->building->engine, known);
    }
    return mb_engine_all_go_on(&sim->building->engine, ahead, tokens, blocks) &&
           running + (uint64_t)ahead <= w->ranking->most;
}

// Where there is room for all that runs, and for all that waits in front of the last of it, the order of the
// running makes no difference. True: they go on, and those that wait are the only candidates.
static bool carry_all(walk *w) {
    mb_sim *sim = w->sim;
    const mb_ranking *ranking = w->ranking;
    mb_engine *engine = &sim->building->engine;
    const mb_queue *queue = &sim->queues[ranking->from];
    const uint32_t running = sim->by_steps ? mb_engine_running(engine) : 0;
    if (running == 0 || running > ranking->most || mb_engine_in_flight(engine) ||
        (queue->order == MB_KEY_NONE && queue->count) || !mb_engine_all_go_on(engine, 0, 0, 0))
        return false;
    double last = -INFINITY, least = INFINITY;
    const bool asked = queue->count || (ranking->edge_count && ranking->per_token > 0);
    for (uint32_t slot = asked ? mb_engine_oldest(engine) : MB_NONE; slot != MB_NONE;) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        mb_engine_show_progress(engine, request);
        double left;
        const double key = key_of(ranking, request, &left);
        if (key > last) last = key;
        if (left < least) least = left;
        slot = request->next;
    }
    if (!room_ahead(w, running, last)) return false;
    w->ranked->rows = running;
    w->left = least;
    w->waiting = mb_queue_peek(queue, &sim->requests);
    uint32_t preempted;
    mb_error ignored;
    mb_step_carry(sim, (mb_carry_rule){0}, &preempted, &ignored); // nothing that could fail: there is room
    return true;
}

// --- in order

// The next candidate; false: there are no more.
static bool next_candidate(walk *w, mb_candidate *next) {
    mb_sim *sim = w->sim;
    const mb_request *head = w->waiting == MB_NONE ? NULL : mb_request_at(&sim->requests, w->waiting);
    if (w->count && !(head && head->key < w->heap[0].key)) {
        *next = take_top(w->heap, &w->count, false);
        return true;
    }
    if (!head) return false;
    *next = (mb_candidate){.slot = w->waiting};
    key_of(w->ranking, head, &next->left);
    w->waiting = mb_queue_after(&sim->queues[w->ranking->from], &sim->requests, w->waiting);
    return true;
}

// The last that runs here behind `slot`; MB_NONE.
static uint32_t next_victim(walk *w, uint32_t slot) {
    const mb_sim *sim = w->sim;
    if (!w->has_victims) {
        w->has_victims = true;
        uint32_t count = 0;
        for (uint32_t i = 0; i < w->count; i++) // those that were reached are not to be set aside
            if (mb_request_at(&sim->requests, w->heap[i].slot)->phase == MB_PHASE_RUNNING)
                w->victims[count++] = w->heap[i];
        w->victim_count = count;
        make_heap(w->victims, count, true);
    }
    while (w->victim_count) {
        const uint32_t last = take_top(w->victims, &w->victim_count, true).slot;
        const mb_request *request = mb_request_at(&sim->requests, last);
        if (last == slot || request->rest->set_aside == sim->rankings || mb_step_holds(sim, last))
            break; // the walk is here
        return last;
    }
    w->victim_count = 0;
    return MB_NONE;
}

static mb_status set_aside(walk *w, uint32_t slot, bool for_memory, mb_error *error) {
    mb_sim *sim = w->sim;
    const mb_ranking *ranking = w->ranking;
    mb_preemption how = ranking->how;
    if (how == MB_PREEMPT_PAUSE && for_memory) how = MB_PREEMPT_RECOMPUTE; // a paused one keeps its memory
    mb_refusal refusal;
    mb_request_at(&sim->requests, slot)->rest->set_aside = sim->rankings;
    mb_status status = mb_step_preempt(sim, slot, how, ranking->to, false, &refusal, error);
    if (status == MB_OK && refusal == MB_REFUSED_HOST)
        status = mb_step_preempt(sim, slot, MB_PREEMPT_RECOMPUTE, ranking->to, false, &refusal, error);
    w->ranked->preempted++;
    return status;
}

// Add the request; *full: nobody behind it is to be tried.
static mb_status add(walk *w, const mb_candidate *next, bool *full, mb_error *error) {
    mb_refusal refusal;
    while ((refusal = mb_step_add(w->sim, next->slot, 0)) == MB_REFUSED_MEMORY ||
           refusal == MB_REFUSED_REQUESTS) {
        const uint32_t victim = w->ranking->preempts ? next_victim(w, next->slot) : MB_NONE;
        if (victim == MB_NONE) break;
        const mb_status status = set_aside(w, victim, refusal == MB_REFUSED_MEMORY, error);
        if (status != MB_OK) return status;
    }
    if (refusal == MB_FITS)
        count_row(w, next->left);
    else // one that could not come at all is in nobody's way
        *full =
            refusal != MB_REFUSED_ELSEWHERE && refusal != MB_REFUSED_LATE && refusal != MB_REFUSED_DRAINING;
    return MB_OK;
}

mb_status mb_step_rank(mb_sim *sim, const mb_ranking *ranking, mb_ranked *ranked, mb_error *error) {
    *ranked = (mb_ranked){0};
    walk w = {.sim = sim, .ranking = ranking, .ranked = ranked, .left = INFINITY};
    sim->rankings++;
    if (!carry_all(&w)) {
        if (!gather(&w)) return mb_fail_memory(error);
        make_heap(w.heap, w.count, false);
    }
    bool full = false;
    mb_status status = MB_OK;
    mb_candidate next;
    while (status == MB_OK && !full && ranked->rows < ranking->most && next_candidate(&w, &next))
        if (mb_request_at(&sim->requests, next.slot)->rest->set_aside != sim->rankings)
            status = add(&w, &next, &full, error);
    const double steps = isinf(w.left) ? 0 : ceil(w.left / ranking->per_token);
    ranked->steps = steps < 0x1p62 ? (uint64_t)steps : 0;
    return status;
}
