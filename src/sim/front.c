// SPDX-License-Identifier: MIT
#include "sim/front.h"

#include <stdlib.h>
#include <string.h>

typedef struct passing {
    double passed_s;
    uint64_t number; // in order of being sent
    mb_arrival arrival;
    uint64_t *prefix_ids; // owned copy
} passing;

struct mb_front {
    passing *heap; // by passed_s, then number
    size_t count, capacity;
    uint64_t number;
    uint64_t *leaving_ids; // of the one that left last; owned
    mb_arrival next;       // of an open source
    bool asked, ended;     // `next` is there; there is none any more
};

mb_status mb_front_init(mb_sim *sim, mb_error *error) {
    const mb_front_end *front = &sim->config->front_end;
    if (front->base_s == 0 && front->per_token_s == 0) return MB_OK;
    sim->front = calloc(1, sizeof *sim->front);
    return sim->front ? MB_OK : mb_fail_memory(error);
}

void mb_front_deinit(mb_sim *sim) {
    if (!sim->front) return;
    for (size_t i = 0; i < sim->front->count; i++)
        free(sim->front->heap[i].prefix_ids);
    free(sim->front->heap);
    free(sim->front->leaving_ids);
    free(sim->front);
}

// --- the heap

static bool sooner(const passing *a, const passing *b) {
    return a->passed_s != b->passed_s ? a->passed_s < b->passed_s : a->number < b->number;
}

static bool push(mb_front *front, const passing *one) {
    if (front->count == front->capacity) {
        const size_t more = front->capacity ? 2 * front->capacity : 16;
        passing *heap = realloc(front->heap, more * sizeof *heap);
        if (!heap) return false;
        front->heap = heap;
        front->capacity = more;
    }
    size_t at = front->count++;
    for (; at > 0 && sooner(one, &front->heap[(at - 1) / 2]); at = (at - 1) / 2)
        front->heap[at] = front->heap[(at - 1) / 2];
    front->heap[at] = *one;
    return true;
}

static passing pop(mb_front *front) {
    const passing first = front->heap[0], last = front->heap[--front->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < front->count; at = child) {
        if (child + 1 < front->count && sooner(&front->heap[child + 1], &front->heap[child])) child++;
        if (!sooner(&front->heap[child], &last)) break;
        front->heap[at] = front->heap[child];
    }
    if (front->count) front->heap[at] = last;
    return first;
}

// --- in and out

static double sent_next(const mb_sim *sim) {
    const mb_front *front = sim->front;
    if (sim->closed) return mb_source_next_time(sim->source);
    return front->ended ? (double)INFINITY : front->next.time_s;
}

mb_status mb_front_next_time(mb_sim *sim, double *time_s, bool *over, mb_error *error) {
    mb_front *front = sim->front;
    if (!sim->closed && !front->asked && !front->ended) {
        const mb_status status = mb_source_next(sim->source, &front->next, &front->ended, error);
        if (status != MB_OK) return status;
        front->asked = !front->ended;
    }
    const double passed_s = front->count ? front->heap[0].passed_s : (double)INFINITY;
    *time_s = fmin(passed_s, sent_next(sim));
    *over = front->count == 0 && (sim->closed ? mb_source_over(sim->source) : front->ended);
    return MB_OK;
}

bool mb_front_is_sent_next(const mb_sim *sim) {
    const mb_front *front = sim->front;
    return front->count == 0 || sent_next(sim) <= front->heap[0].passed_s;
}

mb_status mb_front_enter(mb_sim *sim, mb_error *error) {
    mb_front *front = sim->front;
    passing one = {.number = front->number++, .arrival = front->next};
    bool end = false;
    const mb_status status = sim->closed ? mb_source_next(sim->source, &one.arrival, &end, error) : MB_OK;
    if (status != MB_OK || end) return status;
    front->asked = false;
    // (A step must compute something.)
    const uint32_t prompt = one.arrival.prompt_tokens;
    one.passed_s = mb_front_end_passed(&sim->config->front_end, one.arrival.time_s,
                                       sim->by_steps && prompt == 0 ? 1 : prompt);
    const size_t bytes = one.arrival.prefix_count * sizeof *one.prefix_ids;
    if (bytes) {
        one.prefix_ids = malloc(bytes); // the source's own do not last
        if (!one.prefix_ids) return mb_fail_memory(error);
        memcpy(one.prefix_ids, one.arrival.prefix_ids, bytes);
    }
    if (push(front, &one)) return MB_OK;
    free(one.prefix_ids);
    return mb_fail_memory(error);
}

void mb_front_leave(mb_sim *sim) {
    mb_front *front = sim->front;
    const passing one = pop(front);
    free(front->leaving_ids);
    front->leaving_ids = one.prefix_ids;
    sim->pending = one.arrival;
    sim->pending.prefix_ids = one.prefix_ids;
}
