// SPDX-License-Identifier: MIT
#include "sim/waiting.h"

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

uint32_t mb_replica_own_queue(mb_sim *sim, mb_replica *replica) {
    return replica->own_queue != MB_NONE ? replica->own_queue
                                         : mb_replica_make_queue(sim, replica, MB_KEY_NONE);
}

uint32_t mb_replica_make_queue(mb_sim *sim, mb_replica *replica, mb_key order) {
    const uint32_t queue = mb_sim_add_queue(sim, order);
    if (queue == MB_NONE) return MB_NONE;
    sim->queues[queue].owner = replica->engine.id;
    sim->own_queues++;
    sim->queues[queue].all_owned = &sim->routed;
    return replica->own_queue = queue;
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

static mb_status give_key(mb_sim *sim, uint32_t queue, uint32_t slot, mb_error *error) {
    if (sim->queues[queue].order != MB_KEY_GIVEN) return MB_OK;
    double key;
    const mb_status status = sim->policy.ops->key(sim->policy.self, sim, queue, slot, &key, error);
    if (status == MB_OK) mb_request_at(&sim->requests, slot)->key = key;
    return status;
}

mb_status mb_sim_push_to_inbox(mb_sim *sim, uint32_t slot, mb_error *error) {
    const uint32_t inbox = sim->inbox; // the policy's key function may change it
    if (sim->inbox_is_bins) {
        mb_sim_push_bins(sim, inbox, slot);
        return MB_OK;
    }
    const mb_status status = give_key(sim, inbox, slot, error);
    if (status == MB_OK) mb_sim_push(sim, inbox, slot, false);
    return status;
}

mb_status mb_sim_file_again(mb_sim *sim, uint32_t queue, uint32_t slot, bool front, mb_error *error) {
    const mb_status status = give_key(sim, queue, slot, error);
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
