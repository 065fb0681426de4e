// SPDX-License-Identifier: MIT
#include "sim/waiting.h"

#include "sim/beside.h"
#include "sim/news.h"

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

// Room for so many bins. False when out of memory.
static bool grow_bins(mb_sim *sim, mb_bins *bins, uint32_t count) {
    if (count <= bins->queue_count) return true;
    uint32_t *queues = realloc(bins->queues, count * sizeof *queues);
    if (queues) bins->queues = queues;
    double *edges = realloc(bins->edges, count * sizeof *edges);
    if (edges) bins->edges = edges;
    while (queues && edges && bins->queue_count < count) {
        const uint32_t queue = mb_sim_add_queue(sim, MB_KEY_NONE);
        if (queue == MB_NONE) break;
        bins->queues[bins->queue_count++] = queue;
    }
    return bins->queue_count >= count;
}

uint32_t mb_sim_add_bins(mb_sim *sim, mb_key key, uint32_t count, const double *edges) {
    mb_bins *all = realloc(sim->bins, (sim->bins_count + 1) * sizeof *all);
    if (!all) return MB_NONE;
    sim->bins = all;
    mb_bins bins = {.key = key, .count = count};
    if (!grow_bins(sim, &bins, count)) {
        mb_bins_deinit(&bins);
        return MB_NONE;
    }
    if (count > 1) memcpy(bins.edges, edges, (count - 1) * sizeof *edges);
    sim->bins[sim->bins_count] = bins;
    return sim->bins_count++;
}

uint32_t mb_replica_own_queue(mb_sim *sim, mb_replica *replica) {
    return replica->own_queue != MB_NONE ? replica->own_queue
                                         : mb_replica_make_queue(sim, replica, MB_KEY_NONE);
}

uint32_t mb_replica_make_queue(mb_sim *sim, mb_replica *replica, mb_key order) {
    const uint32_t queue = mb_sim_add_queue(sim, order);
    if (queue == MB_NONE || !mb_beside_begin(sim)) return MB_NONE;
    sim->queues[queue].owner = replica->engine.id;
    sim->own_queues++;
    sim->queues[queue].owned = &sim->owned;
    return replica->own_queue = queue;
}

// Take everything out of a queue; the first of a list in order, MB_NONE: it was empty.
static uint32_t take_all(mb_sim *sim, uint32_t index) {
    mb_queue *queue = &sim->queues[index];
    uint32_t first = MB_NONE, last = MB_NONE;
    for (uint32_t head; (head = mb_queue_peek(queue, &sim->requests)) != MB_NONE; last = head) {
        mb_queue_remove(queue, &sim->requests, head);
        if (last == MB_NONE)
            first = head;
        else
            mb_request_at(&sim->requests, last)->next = head;
    }
    if (last != MB_NONE) mb_request_at(&sim->requests, last)->next = MB_NONE;
    return first;
}

// Two such lists in one, always the older of the two heads first.
static uint32_t merge(mb_sim *sim, uint32_t a, uint32_t b) {
    uint32_t first = MB_NONE, last = MB_NONE;
    while (a != MB_NONE && b != MB_NONE) {
        mb_request *x = mb_request_at(&sim->requests, a), *y = mb_request_at(&sim->requests, b);
        const uint32_t older = x->id < y->id ? a : b;
        if (last == MB_NONE)
            first = older;
        else
            mb_request_at(&sim->requests, last)->next = older;
        last = older;
        if (older == a)
            a = x->next;
        else
            b = y->next;
    }
    const uint32_t rest = a != MB_NONE ? a : b;
    if (last == MB_NONE) return rest;
    mb_request_at(&sim->requests, last)->next = rest;
    return first;
}

// All that waits in `count` queues, by arrival, without extra memory: halves are merged.
static uint32_t take_queues(mb_sim *sim, const uint32_t *queues, uint32_t count) {
    if (count == 1) return take_all(sim, queues[0]);
    const uint32_t half = count / 2, left = take_queues(sim, queues, half);
    return merge(sim, left, take_queues(sim, queues + half, count - half));
}

bool mb_sim_set_edges(mb_sim *sim, uint32_t index, const double *edges, uint32_t count) {
    mb_bins *bins = &sim->bins[index];
    if (!grow_bins(sim, bins, count)) return false;
    uint32_t waiting = take_queues(sim, bins->queues, bins->count);
    if (count > 1) memcpy(bins->edges, edges, (count - 1) * sizeof *edges);
    bins->count = count;
    while (waiting != MB_NONE) {
        const uint32_t next = mb_request_at(&sim->requests, waiting)->next;
        mb_sim_push_bins(sim, index, waiting);
        waiting = next;
    }
    return true;
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
    mb_sim_push(sim, bins->queues[mb_bins_route(bins, key)], slot, false);
}

// `order` of the queue, or of bins (MB_BINS_KEYS).
static mb_status give_key(mb_sim *sim, mb_key order, uint32_t queue, uint32_t slot, mb_error *error) {
    if (order != MB_KEY_GIVEN) return MB_OK;
    double key;
    const mb_status status = sim->policy.ops->key(sim->policy.self, sim, queue, slot, &key, error);
    if (status == MB_OK) mb_request_at(&sim->requests, slot)->key = key;
    return status;
}

mb_status mb_sim_file(mb_sim *sim, uint32_t queue, uint32_t slot, mb_error *error) {
    const mb_status status = give_key(sim, sim->queues[queue].order, queue, slot, error);
    if (status == MB_OK) mb_sim_push(sim, queue, slot, false);
    return status;
}

mb_status mb_sim_push_to_inbox(mb_sim *sim, uint32_t slot, mb_error *error) {
    mb_queue *queue = sim->inbox_is_bins ? NULL : &sim->queues[sim->inbox];
    if (queue && queue->order == MB_KEY_NONE && !queue->owned && !sim->building) {
        mb_queue_append(queue, &sim->requests, slot, mb_request_at(&sim->requests, slot)); // as usual
        mb_sim_stamp(sim, slot);
        return MB_OK;
    }
    if (queue) return mb_sim_file(sim, sim->inbox, slot, error);
    const mb_status status = give_key(sim, sim->bins[sim->inbox].key, MB_BINS_KEYS + sim->inbox, slot, error);
    if (status == MB_OK) mb_sim_push_bins(sim, sim->inbox, slot);
    return status;
}

mb_status mb_sim_file_again(mb_sim *sim, uint32_t queue, uint32_t slot, bool front, mb_error *error) {
    const mb_status status = give_key(sim, sim->queues[queue].order, queue, slot, error);
    if (status != MB_OK) return status;
    if (front && sim->queues[queue].order == MB_KEY_NONE)
        mb_queue_push_front(&sim->queues[queue], &sim->requests, slot);
    else
        mb_queue_push(&sim->queues[queue], &sim->requests, slot);
    // What was given back at this instant before is no news: two replicas that preempt what the other admits
    // would call each other without end.
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_sim_announce(sim, queue, slot, request->given_back_s == sim->now_s);
    request->given_back_s = sim->now_s;
    return MB_OK;
}
