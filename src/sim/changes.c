// SPDX-License-Identifier: MIT
#include "sim/changes.h"

#include "sim/fail.h"
#include "sim/lifecycle.h"

#include <stdio.h>
#include <stdlib.h>

// --- when replicas fail

// The next failure of a replica by chance, after its last repair, and after now. An event's payload is the
// replica, or the place in the scenario's list.
static bool draw_next(mb_sim *sim, uint32_t id) {
    mb_fate *fate = &sim->failures.fates[id];
    const mb_failure_plan *plan = &sim->config->failures;
    do {
        fate->at_s += fate->repair_s + plan->mtbf_s * mb_rng_exponential(&fate->random);
        fate->repair_s = plan->mttr_s * mb_rng_exponential(&fate->random);
    } while (fate->at_s <= sim->now_s);
    return mb_heap_push(&sim->failures.heap, fate->at_s, MB_EVENT_CHANGE, id);
}

bool mb_changes_watch(mb_sim *sim, uint32_t id) {
    mb_failures *all = &sim->failures;
    if (!(sim->config->failures.mtbf_s > 0)) return true;
    if (id >= all->capacity) {
        const uint32_t more = 2 * id + 8;
        mb_fate *fates = realloc(all->fates, more * sizeof *fates);
        if (!fates) return false;
        all->fates = fates;
        all->capacity = more;
    }
    char name[32];
    snprintf(name, sizeof name, "failures %u", id + 1);
    all->fates[id] = (mb_fate){0};
    mb_rng_init(&all->fates[id].random, sim->config->seed, sim->config->replication, name);
    return draw_next(sim, id);
}

bool mb_changes_init(mb_sim *sim) {
    const mb_failure_plan *plan = &sim->config->failures;
    for (size_t i = 0; i < plan->count; i++)
        if (!mb_heap_push(&sim->failures.heap, plan->list[i].at_s, MB_EVENT_CHANGE, (uint32_t)i))
            return false;
    for (uint32_t i = 0; i < sim->replica_count; i++)
        if (!mb_changes_watch(sim, i)) return false;
    return true;
}

void mb_changes_deinit(mb_sim *sim) {
    mb_heap_deinit(&sim->failures.heap);
    free(sim->failures.fates);
}

// --- what is due

static void note(mb_sim *sim, uint32_t id, uint32_t *count) {
    const mb_replica *replica = sim->replicas[id];
    if (!replica->rises && !replica->fails) sim->scratch[(*count)++] = id;
}

// Those that fail since somebody said so while steps ended.
static void note_failing(mb_sim *sim, uint32_t *count) {
    for (uint32_t i = 0; sim->lifecycle.failing && i < sim->replica_count; i++)
        if (sim->replicas[i]->fails) sim->scratch[(*count)++] = i;
    sim->lifecycle.failing = 0;
}

static void note_rises(mb_sim *sim, uint32_t *count) {
    while (sim->heap.count) {
        const mb_event event = mb_heap_top(&sim->heap);
        if (event.time_s > sim->now_s || event.kind != MB_EVENT_CHANGE) return;
        mb_heap_pop(&sim->heap);
        mb_replica *replica = sim->replicas[event.payload];
        if (!mb_replica_rises(replica, event.time_s)) continue;
        note(sim, event.payload, count);
        replica->rises = true;
    }
}

// The next of the scenario's failures that is due; false: there is none.
static bool next_failure(mb_sim *sim, mb_failure *failure, bool *failed) {
    mb_heap *heap = &sim->failures.heap;
    const mb_failure_plan *plan = &sim->config->failures;
    if (!heap->count || mb_heap_top(heap).time_s > sim->now_s) return false;
    const uint32_t payload = mb_heap_top(heap).payload;
    mb_heap_pop(heap);
    if (plan->count) {
        *failure = plan->list[payload];
        return true;
    }
    const mb_fate *fate = &sim->failures.fates[payload];
    *failure = (mb_failure){fate->at_s, fate->repair_s, payload};
    *failed = !draw_next(sim, payload);
    return !*failed;
}

static bool note_failures(mb_sim *sim, uint32_t *count) {
    bool failed = false;
    for (mb_failure failure; next_failure(sim, &failure, &failed);) {
        if (failure.replica >= sim->replica_count) continue;
        mb_replica *replica = sim->replicas[failure.replica];
        note(sim, failure.replica, count);
        replica->fails = true;
        replica->repair_s = failure.repair_s;
    }
    return !failed;
}

static mb_status rise(mb_sim *sim, mb_replica *replica, mb_error *error) {
    const bool rises = replica->rises;
    replica->rises = false;
    return !rises || mb_replica_rise(sim, replica) ? MB_OK : mb_fail_memory(error);
}

static mb_status change(mb_sim *sim, mb_replica *replica, mb_error *error) {
    const bool fails = replica->fails;
    replica->fails = false;
    const mb_status status = rise(sim, replica, error);
    if (status != MB_OK) return status;
    return fails && mb_replica_serves(replica) ? mb_replica_fail(sim, replica, replica->repair_s, error)
                                               : MB_OK;
}

static int by_number(const void *left, const void *right) {
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

mb_status mb_changes_take(mb_sim *sim, mb_error *error) {
    uint32_t count = 0;
    note_failing(sim, &count);
    note_rises(sim, &count);
    if (mb_changes_next_s(sim) <= sim->now_s && !note_failures(sim, &count)) return mb_fail_memory(error);
    if (count == 0) return MB_OK;
    qsort(sim->scratch, count, sizeof *sim->scratch, by_number);
    mb_status status = MB_OK;
    for (uint32_t i = 0; sim->groups && i < count && status == MB_OK;
         i++) // all ranks of a group, before one fails
        status = rise(sim, sim->replicas[sim->scratch[i]], error);
    for (uint32_t i = 0; i < count && status == MB_OK; i++)
        status = change(sim, sim->replicas[sim->scratch[i]], error);
    return status == MB_OK ? mb_sim_follow_up(sim, error) : status;
}
