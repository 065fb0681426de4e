// SPDX-License-Identifier: MIT
#include "sim/rank.h"

#include "sim/standing.h"
#include "sim/step.h"

#include <stdlib.h>

typedef struct walk {
    mb_sim *sim;
    const mb_ranking *ranking;
    mb_ranked *ranked;
    mb_candidate *rest; // who is to come of the running and of a plain queue, in no order
    uint32_t count;
    bool gathered;         // they have been looked up
    double last;           // the largest key of the running
    mb_candidate *victims; // last of all: who runs here; made when first needed
    uint32_t victim_count;
    bool has_victims;
    bool has_behind; // only those behind `behind` make room: their keys are larger
    double behind;
    uint32_t waiting;      // the next of an ordered queue, or MB_NONE
    double left;           // the fewest tokens that a row lacks to an edge
    mb_standing *standing; // in place of both: the order of those that run is known
    bool all_reached;      // none of them is to make room any more
} walk;

// --- keys

// Do they read what was generated?
static bool progresses(mb_key by) {
    return by == MB_KEY_PREDICTED_REMAINING || by == MB_KEY_EXPECTED_OUTPUT ||
           by == MB_KEY_EXPECTED_REMAINING;
}

// One more row; it may be the first to come to an edge.
static void count_row(walk *w, double left) {
    w->ranked->rows++;
    if (left < w->left) w->left = left;
}

// --- who is a candidate

static bool make_room(mb_sim *sim, uint32_t count) {
    if (count < sim->candidate_capacity) return true; // (never none: there is a first)
    mb_candidate *more = realloc(sim->candidates, 2 * ((size_t)count + 1) * sizeof *more);
    if (!more) return false;
    sim->candidates = more;
    sim->candidate_capacity = 2 * (count + 1);
    return true;
}

static inline void add_candidate(walk *w, uint32_t slot, const mb_request *request, uint32_t generated) {
    mb_candidate *candidate = &w->rest[w->count];
    const mb_rank_key found = mb_candidate_key(w->ranking, request, generated);
    candidate->key = found.key;
    candidate->left = found.left;
    candidate->slot = slot;
    candidate->place = w->count++;
}

// The running that are not in the step, in order of admission, and those of a plain queue.
static bool gather(walk *w) {
    if (w->gathered) return true;
    mb_sim *sim = w->sim;
    mb_engine *engine = &sim->building->engine;
    const mb_queue *queue = &sim->queues[w->ranking->from];
    const bool plain = queue->order == MB_KEY_NONE;
    const uint32_t running = sim->by_steps ? mb_engine_running(engine) : 0;
    if (!make_room(sim, 2 * running + (plain ? queue->count : 0))) return false;
    w->gathered = true;
    w->rest = sim->candidates + running; // in front of it there is room for the victims
    w->victims = sim->candidates;
    const bool empty = running && mb_step_requests(sim) == 0, shows = progresses(w->ranking->by);
    for (uint32_t slot = running ? mb_engine_oldest(engine) : MB_NONE; slot != MB_NONE;) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        if ((empty || !mb_engine_in_step(engine, slot)) &&
            !request->in_flight) { // (in a pipeline: elsewhere)
            if (shows) mb_engine_show_progress(engine, request);
            add_candidate(w, slot, request, request->generated + mb_engine_made(engine, request));
            if (w->rest[w->count - 1].key > w->last) w->last = w->rest[w->count - 1].key;
        }
        slot = request->next;
    }
    w->waiting = mb_queue_peek(queue, &sim->requests);
    if (!plain) return true;
    for (uint32_t slot = w->waiting; slot != MB_NONE; slot = mb_queue_after(queue, &sim->requests, slot))
        add_candidate(w, slot, mb_request_at(&sim->requests, slot),
                      mb_request_at(&sim->requests, slot)->generated);
    w->waiting = MB_NONE;
    return true;
}

// After so many looks in a row that were of use.
enum { WORTH_KEEPING = 4 };

// Who is the last of those that run.
static bool look_at_running(walk *w) {
    if (!mb_standing_settle(w->sim, w->ranking, w->sim->building->carries >= WORTH_KEEPING, &w->standing))
        return false;
    if (!w->standing) return gather(w);
    const mb_candidate *last = mb_standing_last(w->sim, w->standing);
    if (last) w->last = last->key;
    return true;
}

enum { MOST_AHEAD = 16 };

// Blocks with its content may be free, so that it matters who takes blocks first.
static bool may_be_cached(const mb_request *request) {
    return request->stage == MB_STAGE_NEW &&
           (request->hold.left != MB_KV_NO_RUN || request->prefix_count || request->session);
}

// Is there surely room for those of the queue that come before the last of the running, beside all of these,
// but for places?
static bool room_ahead(const walk *w, uint32_t running) {
    const mb_sim *sim = w->sim;
    const mb_queue *queue = &sim->queues[w->ranking->from];
    uint32_t ahead = 0;
    mb_joining others = {0};
    for (uint32_t slot = mb_queue_peek(queue, &sim->requests); slot != MB_NONE;
         slot = mb_queue_after(queue, &sim->requests, slot)) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->key >= w->last) break;
        if (++ahead > MOST_AHEAD) return false;
        const uint64_t known = (uint64_t)request->prompt_tokens + request->generated;
        others.any = true;
        others.blank |= may_be_cached(request);
        others.tokens += known;
        others.blocks += mb_engine_blocks_for(&sim->building->engine, known);
    }
    const mb_engine *engine = &sim->building->engine;
    return mb_engine_all_go_on(engine, others) && running + (uint64_t)ahead <= w->ranking->most &&
           (w->ranking->preempts || running + (uint64_t)ahead <= engine->max_requests);
}

// Where nothing but places can be missing, for all that runs and all that waits in front of the last of it,
// the order of the running makes no difference but for who makes room.
static bool only_places_lack(walk *w, uint32_t running, bool *out_of_memory) {
    const mb_sim *sim = w->sim;
    const mb_ranking *ranking = w->ranking;
    const mb_engine *engine = &sim->building->engine;
    const mb_queue *queue = &sim->queues[ranking->from];
    if (running == 0 || running > ranking->most || mb_engine_in_flight(engine) ||
        (queue->order == MB_KEY_NONE && queue->count) || !mb_engine_all_go_on(engine, (mb_joining){0}))
        return false;
    const bool asked = queue->count || (ranking->edge_count && ranking->per_token > 0);
    *out_of_memory = asked && !look_at_running(w);
    w->waiting = mb_queue_peek(queue, &sim->requests);
    return !*out_of_memory && room_ahead(w, running);
}

// --- who makes room

static bool was_set_aside(const walk *w, uint32_t slot) {
    return mb_request_at(&w->sim->requests, slot)->rest->set_aside == w->sim->rankings;
}

// The last of those that run here and are not in the step, on top of the heap of victims; NULL: there are no
// more. Those that were reached are not to be set aside.
static const mb_candidate *last_running(walk *w) {
    mb_sim *sim = w->sim;
    if (w->all_reached) return NULL;
    if (w->standing) {
        const mb_candidate *last = mb_standing_last(sim, w->standing);
        return last && !mb_step_holds(sim, last->slot) ? last : NULL;
    }
    if (!w->has_victims) {
        w->has_victims = true;
        for (uint32_t i = 0; i < w->count; i++)
            if (mb_request_at(&sim->requests, w->rest[i].slot)->phase == MB_PHASE_RUNNING &&
                !mb_step_holds(sim, w->rest[i].slot))
                w->victims[w->victim_count++] = w->rest[i];
        mb_candidates_order(w->victims, w->victim_count, true);
    }
    if (!w->victim_count || mb_step_holds(sim, w->victims[0].slot)) return NULL;
    return &w->victims[0];
}

// It makes room.
static uint32_t take_last(walk *w, const mb_candidate *last) {
    const uint32_t slot = last->slot;
    if (!w->standing) mb_candidates_take(w->victims, &w->victim_count, true);
    return slot;
}

// The last that runs here behind `slot`; MB_NONE.
static uint32_t next_victim(walk *w, uint32_t slot) {
    const mb_candidate *last = last_running(w);
    w->all_reached =
        !last || last->slot == slot || (w->has_behind && !(last->key > w->behind)); // the walk is here
    return w->all_reached ? MB_NONE : take_last(w, last);
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

// The first that waits; the next comes after it.
static mb_status add_waiting(walk *w, bool *full, mb_error *error) {
    mb_candidate next = {.slot = w->waiting};
    const mb_request *request = mb_request_at(&w->sim->requests, next.slot);
    next.left = mb_candidate_key(w->ranking, request, request->generated).left;
    w->waiting = mb_queue_after(&w->sim->queues[w->ranking->from], &w->sim->requests, next.slot);
    return was_set_aside(w, next.slot) ? MB_OK : add(w, &next, full, error);
}

// Which of those that still run is the first to come to one.
static bool look_for_edges(walk *w) {
    double left = INFINITY;
    if (w->standing) {
        if (!mb_standing_left(w->sim, w->standing, &left)) return false;
    } else
        for (uint32_t i = 0; i < w->count && w->ranking->edge_count; i++)
            if (w->rest[i].left < left && !was_set_aside(w, w->rest[i].slot)) left = w->rest[i].left;
    if (left < w->left) w->left = left;
    return true;
}

// Where only places lack: who waits in front of the last of the running comes first, and then all that still
// run go on.
static mb_status carry_behind_those_ahead(walk *w, uint32_t running, bool *full, mb_error *error) {
    mb_sim *sim = w->sim;
    mb_status status = MB_OK;
    w->has_behind = true;
    while (status == MB_OK && !*full && w->waiting != MB_NONE) {
        w->behind = mb_request_at(&sim->requests, w->waiting)->key;
        if (w->standing || w->has_victims) {
            const mb_candidate *last = last_running(w);
            w->last = last ? last->key : -INFINITY;
        }
        if (!(w->behind < w->last)) break;
        status = add_waiting(w, full, error);
    }
    w->has_behind = false;
    if (status != MB_OK) return status;
    w->ranked->rows += running - w->ranked->preempted;
    if (!look_for_edges(w)) return mb_fail_memory(error);
    w->count = 0;
    uint32_t preempted;
    return mb_step_carry(sim, (mb_carry_rule){0}, &preempted, error); // nobody: there is room
}

// --- those of the rest that come before the first that waits

// They are put in front, and are the part that comes next.
static uint32_t part_before(walk *w) {
    if (w->waiting == MB_NONE) return w->count;
    const double key = mb_request_at(&w->sim->requests, w->waiting)->key;
    uint32_t part = 0;
    for (uint32_t i = 0; i < w->count; i++)
        if (w->rest[i].key <= key) {
            const mb_candidate one = w->rest[i];
            w->rest[i] = w->rest[part];
            w->rest[part++] = one;
        }
    return part;
}

static mb_status add_in_order(walk *w, uint32_t part, bool *full, mb_error *error) {
    mb_status status = MB_OK;
    mb_candidates_order(w->rest, part, false);
    while (status == MB_OK && !*full && part > 0 && w->ranked->rows < w->ranking->most) {
        const mb_candidate next = mb_candidates_take(w->rest, &part, false);
        if (!was_set_aside(w, next.slot)) status = add(w, &next, full, error);
    }
    return status;
}

// Decodes need a block each or none. Where the part is nothing else, and there are rows and tokens for it:
// true, and how many blocks.
static bool only_decodes(const walk *w, uint32_t part, uint64_t *blocks) {
    const mb_engine *engine = &w->sim->building->engine;
    *blocks = 0;
    if (!w->sim->by_steps || engine->pipeline || w->ranked->rows + (uint64_t)part > w->ranking->most ||
        part > mb_build_budget_left(engine))
        return false;
    for (uint32_t i = 0; i < part; i++) {
        mb_request *request = mb_request_at(&w->sim->requests, w->rest[i].slot);
        if (request->phase == MB_PHASE_RUNNING && request->stage != MB_STAGE_PREFILL) {
            mb_engine_show_progress(engine, request);
            *blocks += mb_engine_lacks_block(engine, request);
        } else if (request->rest->set_aside != w->sim->rankings)
            return false;
    }
    return *blocks <= mb_engine_free_blocks(engine) || w->ranking->preempts;
}

// Their order makes a difference only for who makes room: the last that runs, as long as another of the part
// lacks a block; if then only the last itself lacks one, it stays where it is, and nobody comes after it.
static mb_status add_decodes(walk *w, uint32_t part, uint64_t blocks, bool *full, mb_error *error) {
    mb_sim *sim = w->sim;
    const mb_engine *engine = &sim->building->engine;
    const double key = w->waiting == MB_NONE ? INFINITY : mb_request_at(&sim->requests, w->waiting)->key;
    const mb_candidate *last;
    uint32_t without = MB_NONE;
    while (blocks > mb_engine_free_blocks(engine) && (last = last_running(w))) {
        const mb_candidate one = *last;
        const bool lacks =
            one.key <= key && mb_engine_lacks_block(engine, mb_request_at(&sim->requests, one.slot));
        blocks -= lacks;
        if (lacks && blocks <= mb_engine_free_blocks(engine)) {
            without = one.slot;
            break;
        }
        const mb_status status = set_aside(w, take_last(w, last), true, error);
        if (status != MB_OK) return status;
    }
    mb_status status = MB_OK;
    for (uint32_t i = 0; i < part && status == MB_OK; i++)
        if (w->rest[i].slot != without && !was_set_aside(w, w->rest[i].slot))
            status = add(w, &w->rest[i], full, error);
    *full |= without != MB_NONE;
    return status;
}

// Under --step: all in one order, one after the other, as what the shorter ways come to.
static mb_status add_all_in_order(walk *w, bool *full, mb_error *error) {
    mb_status status = MB_OK;
    mb_candidates_order(w->rest, w->count, false);
    while (status == MB_OK && !*full && w->ranked->rows < w->ranking->most) {
        const mb_request *first = w->waiting == MB_NONE ? NULL : mb_request_at(&w->sim->requests, w->waiting);
        if (first && !(w->count && w->rest[0].key <= first->key)) {
            status = add_waiting(w, full, error);
            continue;
        }
        if (!w->count) break;
        const mb_candidate next = mb_candidates_take(w->rest, &w->count, false);
        if (!was_set_aside(w, next.slot)) status = add(w, &next, full, error);
    }
    return status;
}

// Only who waits ahead of others and who makes room are put in order.
static mb_status add_by_parts(walk *w, bool *full, mb_error *error) {
    mb_status status = MB_OK;
    while (status == MB_OK && !*full && w->ranked->rows < w->ranking->most) {
        const uint32_t part = part_before(w);
        uint64_t blocks;
        if (only_decodes(w, part, &blocks))
            status = add_decodes(w, part, blocks, full, error);
        else
            status = add_in_order(w, part, full, error);
        if (part) w->rest += part;
        w->count -= part;
        if (w->waiting == MB_NONE) break;
        if (status == MB_OK && !*full && w->ranked->rows < w->ranking->most)
            status = add_waiting(w, full, error);
    }
    return status;
}

mb_status mb_step_rank(mb_sim *sim, const mb_ranking *ranking, mb_ranked *ranked, mb_error *error) {
    *ranked = (mb_ranked){0};
    walk w = {.sim = sim, .ranking = ranking, .ranked = ranked};
    w.left = INFINITY;
    w.last = -INFINITY;
    sim->rankings++;
    sim->ranked = true; // (those that run may go on together, as in a carry, or one by one)
    const uint32_t running = sim->by_steps ? mb_engine_running(&sim->building->engine) : 0;
    bool full = false, out_of_memory = false;
    mb_status status = MB_OK;
    const bool carries = !sim->config->stepwise && only_places_lack(&w, running, &out_of_memory);
    sim->building->carries = carries && !w.standing ? sim->building->carries + 1 : 0;
    if (carries)
        status = carry_behind_those_ahead(&w, running, &full, error);
    else {
        w.standing = NULL;
        if (out_of_memory || !gather(&w)) return mb_fail_memory(error);
    }
    if (status == MB_OK) status = (sim->config->stepwise ? add_all_in_order : add_by_parts)(&w, &full, error);
    ranked->steps = w.left < 0x1p62 ? (uint64_t)w.left : 0;
    return status;
}
