// SPDX-License-Identifier: MIT
// What a policy may do: queues, bins, timers, and building a step.
#include "engine/engine.h"
#include "sim/internal.h"

#include <stdlib.h>
#include <string.h>

uint32_t mb_sim_add_queue(mb_sim *sim, mb_key order) {
    if (sim->queue_count == sim->queue_capacity) {
        const uint32_t capacity = sim->queue_capacity ? 2 * sim->queue_capacity : 16;
        mb_queue *queues = realloc(sim->queues, capacity * sizeof *queues);
        if (!queues) return MB_NONE;
        sim->queues = queues;
        sim->queue_capacity = capacity;
    }
    mb_queue_init(&sim->queues[sim->queue_count], order, sim->queue_count);
    return sim->queue_count++;
}

uint32_t mb_sim_add_bins(mb_sim *sim, mb_key key, uint32_t count, const double *edges) {
    mb_bins *all = realloc(sim->bins, (sim->bins_count + 1) * sizeof *all);
    if (!all) return MB_NONE;
    sim->bins = all;
    mb_bins bins = {.key = key, .count = count, .first_queue = sim->queue_count};
    bins.edges = malloc(count * sizeof *bins.edges);
    if (!bins.edges) return MB_NONE;
    if (count > 1) memcpy(bins.edges, edges, (count - 1) * sizeof *edges);
    for (uint32_t i = 0; i < count; i++) {
        if (mb_sim_add_queue(sim, MB_KEY_NONE) == MB_NONE) {
            free(bins.edges);
            return MB_NONE;
        }
    }
    sim->bins[sim->bins_count] = bins;
    return sim->bins_count++;
}

static int by_id(const void *a, const void *b) {
    const mb_request *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

void mb_sim_set_edges(mb_sim *sim, uint32_t index, const double *edges) {
    mb_bins *bins = &sim->bins[index];
    // Walk the bins in step, always taking the oldest head: that keeps the order of arrival without extra
    // memory.
    uint32_t first = MB_NONE, last = MB_NONE;
    for (;;) {
        uint32_t oldest = MB_NONE;
        for (uint32_t i = 0; i < bins->count; i++) {
            const uint32_t head = mb_queue_peek(&sim->queues[bins->first_queue + i], &sim->requests);
            if (head == MB_NONE) continue;
            const mb_request *a = mb_request_at(&sim->requests, head);
            const mb_request *b = oldest == MB_NONE ? NULL : mb_request_at(&sim->requests, oldest);
            if (!b || by_id(&a, &b) < 0) oldest = head;
        }
        if (oldest == MB_NONE) break;
        mb_queue_remove(&sim->queues[mb_request_at(&sim->requests, oldest)->queue], &sim->requests, oldest);
        if (last == MB_NONE)
            first = oldest;
        else
            mb_request_at(&sim->requests, last)->next = oldest;
        last = oldest;
    }
    if (bins->count > 1) memcpy(bins->edges, edges, (bins->count - 1) * sizeof *edges);
    while (first != MB_NONE) {
        const uint32_t next = mb_request_at(&sim->requests, first)->next;
        mb_sim_push_bins(sim, index, first);
        first = next;
    }
}

void mb_sim_push(mb_sim *sim, uint32_t queue, uint32_t slot, bool front) {
    if (front)
        mb_queue_push_front(&sim->queues[queue], &sim->requests, slot);
    else
        mb_queue_push(&sim->queues[queue], &sim->requests, slot);
    if (!sim->building) mb_sim_announce(sim, queue, slot, false);
}

void mb_sim_push_bins(mb_sim *sim, uint32_t index, uint32_t slot) {
    const mb_bins *bins = &sim->bins[index];
    const double key = mb_key_of(bins->key, mb_request_at(&sim->requests, slot));
    mb_sim_push(sim, bins->first_queue + mb_bins_route(bins, key), slot, false);
}

bool mb_sim_set_timer(mb_sim *sim, double time_s, uint32_t timer) {
    return mb_heap_push(&sim->heap, time_s, MB_EVENT_TIMER, timer);
}

const char *mb_refusal_name(mb_refusal refusal) {
    static const char *const names[] = {"fits", "memory", "requests", "tokens", "host", "elsewhere"};
    return names[refusal];
}

const char *mb_reserve_name(mb_reserve reserve) {
    static const char *const names[] = {"chunk", "sequence", "prompt", "predicted", "maximum", "final"};
    return names[reserve];
}

static bool make_room(mb_replica *replica) {
    if (replica->count < replica->capacity) return true;
    const uint32_t capacity = replica->capacity ? 2 * replica->capacity : 16;
    uint32_t *batch = realloc(replica->batch, capacity * sizeof *batch);
    if (!batch) return false;
    replica->batch = batch;
    replica->capacity = capacity;
    return true;
}

static mb_refusal add_to_batch(mb_sim *sim, mb_replica *replica, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    const uint32_t tokens = request->prompt_tokens + request->output_tokens;
    if (replica->count >= replica->max_requests) return MB_REFUSED_REQUESTS;
    if (replica->prompt_tokens + request->prompt_tokens > replica->token_budget) return MB_REFUSED_TOKENS;
    const uint64_t reserved = replica->kv.reserved;
    if (!mb_kv_reserve(&replica->kv, tokens)) {
        sim->metrics.memory_stops++;
        return MB_REFUSED_MEMORY;
    }
    if (!make_room(replica)) {
        mb_kv_release(&replica->kv, tokens);
        return MB_REFUSED_MEMORY;
    }
    if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    request->phase = MB_PHASE_RUNNING;
    request->replica = replica->id;
    request->start_s = sim->now_s;
    replica->batch[replica->count++] = slot;
    if (tokens > replica->longest_tokens) replica->longest_tokens = tokens;
    if (request->service_s > replica->longest_service_s) replica->longest_service_s = request->service_s;
    replica->prompt_tokens += request->prompt_tokens;
    replica->output_tokens += request->output_tokens;
    replica->predicted_tokens += request->prompt_tokens + request->predicted_output;
    sim->kv_reserved += replica->kv.reserved - reserved;
    sim->kv_used += tokens;
    sim->waiting--;
    sim->running++;
    mb_client_starts(sim, request);
    return MB_FITS;
}

void mb_step_limited_by(mb_sim *sim, mb_stop why) {
    sim->limited_by = why;
}

// Remember why admissions end here, if they do.
static void note_stop(mb_sim *sim, mb_refusal refusal, uint32_t queue) {
    switch (refusal) {
    case MB_FITS: {
        const uint64_t left = queue != MB_NONE ? sim->queues[queue].count : sim->waiting;
        sim->stop = left ? sim->limited_by : MB_STOP_QUEUE;
        sim->taken_in++;
        break;
    }
    case MB_REFUSED_MEMORY:
        sim->stop = MB_STOP_MEMORY;
        break;
    case MB_REFUSED_TOKENS:
        sim->stop = MB_STOP_TOKENS;
        break;
    default:
        sim->stop = sim->limited_by;
    }
}

mb_refusal mb_step_add(mb_sim *sim, uint32_t slot, uint32_t chunk) {
    mb_replica *replica = sim->building;
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const bool waiting = request->phase == MB_PHASE_WAITING;
    const uint32_t queue = request->queue;
    const mb_refusal refusal =
        replica->engine ? mb_engine_add(sim, slot, chunk) : add_to_batch(sim, replica, slot);
    if (waiting) note_stop(sim, refusal, queue);
    return refusal;
}

uint32_t mb_step_admit(mb_sim *sim, uint32_t queue, uint32_t limit, mb_refusal *refusal) {
    uint32_t taken = 0;
    *refusal = MB_FITS;
    while (taken < limit) {
        const uint32_t slot = mb_queue_peek(&sim->queues[queue], &sim->requests);
        if (slot == MB_NONE) break;
        *refusal = mb_step_add(sim, slot, 0);
        if (*refusal != MB_FITS) break;
        taken++;
    }
    return taken;
}

bool mb_step_idle(mb_sim *sim, double until_s) {
    mb_replica *replica = sim->building;
    if (!replica->idle_on_purpose) {
        replica->idle_on_purpose = true;
        sim->idle_on_purpose_count++;
    }
    return isinf(until_s) || mb_heap_push(&sim->heap, until_s, MB_EVENT_TIMER, MB_TIMER_WAKE);
}

void mb_step_quantum(mb_sim *sim, uint64_t steps) {
    mb_engine *engine = sim->building->engine;
    if (engine) engine->quantum = steps;
}

bool mb_step_is_fresh(const mb_sim *sim) {
    const mb_engine *engine = sim->building->engine;
    return !engine || engine->fresh;
}

uint64_t mb_step_tokens(const mb_sim *sim) {
    return sim->building->engine->tokens;
}

uint32_t mb_step_requests(const mb_sim *sim) {
    return sim->building->engine->requests;
}

// --- what a policy may ask

uint32_t mb_replica_oldest(const mb_replica *replica) {
    return replica->engine->oldest;
}

uint32_t mb_replica_own_queue(mb_sim *sim, mb_replica *replica) {
    if (replica->own_queue != MB_NONE) return replica->own_queue;
    const uint32_t queue = mb_sim_add_queue(sim, MB_KEY_NONE);
    if (queue == MB_NONE) return MB_NONE;
    sim->queues[queue].owner = replica->id;
    sim->own_queues++;
    sim->queues[queue].all_owned = &sim->routed;
    return replica->own_queue = queue;
}

uint32_t mb_replica_running(const mb_replica *replica) {
    if (replica->engine) return replica->engine->running;
    return replica->busy ? replica->count : 0;
}

void mb_request_progress(mb_sim *sim, uint32_t slot, uint32_t *computed, uint32_t *generated) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->stage == MB_STAGE_DECODE) {
        mb_engine_settle(sim, &sim->replicas[request->replica]);
        mb_engine_materialize(sim->replicas[request->replica].engine, request);
    }
    *computed = request->computed;
    *generated = request->generated;
}

uint64_t mb_replica_kv_used(mb_sim *sim, mb_replica *replica) {
    mb_engine_settle(sim, replica);
    return mb_engine_blocks_used(replica->engine) * replica->engine->kv.block_tokens;
}

uint64_t mb_replica_kv_computed(mb_sim *sim, mb_replica *replica) {
    mb_engine_settle(sim, replica);
    return replica->engine->resident_tokens;
}

bool mb_replica_fits(mb_sim *sim, mb_replica *replica, uint64_t tokens) {
    mb_engine_settle(sim, replica);
    const mb_kv_blocks *kv = &replica->engine->kv;
    return mb_kv_blocks_for(kv, tokens) + (uint64_t)(replica->watermark * (double)kv->total) <= kv->free;
}

uint32_t mb_replica_cached(mb_sim *sim, mb_replica *replica, uint32_t slot) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const mb_engine *engine = replica->engine;
    if (!engine || request->stage != MB_STAGE_NEW) return 0;
    mb_engine_settle(sim, replica); // steps take free blocks, and what these still held
    const mb_kv_names names = mb_engine_names(request);
    mb_kv_hold hold = request->hold;
    if (request->replica != replica->id) hold.left = MB_KV_NO_RUN; // what it left is on another replica
    return mb_kv_blocks_match(&engine->kv, &hold, &names, request->prompt_tokens + request->generated)
               .blocks *
           engine->kv.block_tokens;
}
