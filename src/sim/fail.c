// SPDX-License-Identifier: MIT
#include "sim/fail.h"

#include "engine/fail.h"
#include "sim/copy.h"
#include "sim/lifecycle.h"
#include "sim/migrate.h"
#include "sim/news.h"
#include "sim/transfer.h"
#include "sim/waiting.h"

#include <stdlib.h>

uint32_t mb_request_failures(const mb_sim *sim, const mb_request *request) {
    const uint32_t count = mb_kv_table_find(&sim->failed, request->id);
    return count == MB_KV_ABSENT ? 0 : count;
}

static bool count_failure(mb_sim *sim, const mb_request *request) {
    return mb_kv_table_put(&sim->failed, request->id, mb_request_failures(sim, request) + 1);
}

static int by_order(const void *left, const void *right) {
    const mb_admitted *a = left, *b = right;
    return a->order < b->order ? -1 : a->order > b->order;
}

// What is on its way to it stands behind all that were admitted, in the order in which it was sent.
static uint64_t order_of(const mb_sim *sim, const mb_request *request, uint32_t id) {
    if (request->replica == id) return request->order;
    return (UINT64_C(1) << 63) + sim->transfers->list[request->transfer].number;
}

// Those that wait and have something in its memory: of the paused the number, in `list` if there is one;
// others left there what is lost now.
static uint32_t find_waiting(mb_sim *sim, const mb_replica *replica, mb_admitted *list) {
    const uint32_t id = replica->engine.id;
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < mb_request_slots(&sim->requests); slot++) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->phase != MB_PHASE_WAITING) continue;
        const bool comes = mb_transfer_concerns(sim, slot, id);
        if (comes || (request->replica == id && mb_stage_holds(request->stage)))
            list[count++] = (mb_admitted){order_of(sim, request, id), slot};
        else if (request->replica == id)
            request->hold.left = MB_KV_NO_RUN;
    }
    return count;
}

// All that were admitted, in that order, then those that were on the way to it; to be freed. NULL when out of
// memory.
static mb_admitted *find_all(mb_sim *sim, const mb_replica *replica, uint32_t *count) {
    const mb_stepper *stepper = replica->engine.stepper;
    const uint32_t running = mb_engine_running(&replica->engine), paused = stepper ? stepper->paused : 0;
    const uint32_t moving = sim->transfers ? sim->transfers->count : 0; // some of them may concern it
    mb_admitted *list = malloc(((size_t)running + paused + moving + 1) * sizeof *list);
    if (!list) return NULL;
    mb_fail_list(&replica->engine, list);
    *count = running;
    if (stepper && (paused || moving || stepper->kv.keep))
        *count += find_waiting(sim, replica, list + running);
    if (*count > running) qsort(list, *count, sizeof *list, by_order);
    return list;
}

// Where it goes: what waits in a replica's own queue concerns that one alone, and this one is gone.
static uint32_t queue_for(const mb_sim *sim, const mb_replica *replica, const mb_request *request) {
    const uint32_t home = sim->by_steps ? request->home : request->tree_priority;
    if (home == MB_NONE) return 0;
    const uint32_t owner = sim->queues[home].owner;
    const bool gone = owner != MB_NONE && sim->replicas[owner]->state == MB_OFF;
    return gone || owner == replica->engine.id ? 0 : home;
}

static mb_status give_back(mb_sim *sim, mb_replica *replica, uint32_t slot, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    const uint32_t queue = queue_for(sim, replica, request);
    const bool ran = request->phase == MB_PHASE_RUNNING;
    if (request->stage == MB_STAGE_MOVING) {
        const mb_status status = mb_transfer_lose(sim, slot, replica->engine.id, error);
        if (status != MB_OK) return status;
    } else if (!ran && request->stage == MB_STAGE_HANDOFF)
        sim->away--;
    if (!ran && request->queue != MB_NONE) // which counts it as what it is until now
        mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    mb_fail_request(&replica->engine, slot);
    if (sim->observer.lost)
        sim->observer.lost(sim->observer.self, sim->now_s, replica->engine.id, request->id);
    if (!count_failure(sim, request)) return mb_fail_memory(error);
    if (ran) return sim->around.gave_back(sim, &replica->engine, slot, queue, true, error);
    return mb_sim_file_again(sim, queue, slot, true, error);
}

// The last that was admitted first, so that the first stands in front of it.
static mb_status lose_all(mb_sim *sim, mb_replica *replica, const mb_admitted *list, uint32_t count,
                          mb_error *error) {
    double lost_s;
    mb_status status = mb_fail_begin(&replica->engine, &lost_s, error);
    sim->metrics.lost_s += lost_s;
    for (uint32_t i = count; i-- > 0 && status == MB_OK;)
        status = give_back(sim, replica, list[i].slot, error);
    if (status == MB_OK && !mb_fail_end(&replica->engine)) status = mb_fail_memory(error);
    return status;
}

// Where it drained, that is the end of it.
static mb_status go_down(mb_sim *sim, mb_replica *replica, double repair_s, const uint32_t *slots,
                         uint32_t count, mb_error *error) {
    const bool drained = replica->state == MB_DRAINING;
    if (replica->busy) {
        mb_replica_note_boundary(sim, replica);
        mb_replica_mark_idle(sim, replica);
    }
    mb_replica_withdraw(sim, replica, MB_DOWN);
    if (!mb_replica_tell(sim, replica, MB_SIGNAL_DOWN, slots, count)) return mb_fail_memory(error);
    if (drained) return mb_replica_go_off(sim, replica, error);
    const bool done = isinf(repair_s) || mb_replica_rise_at(sim, replica, sim->now_s + repair_s);
    return done ? MB_OK : mb_fail_memory(error);
}

static mb_status fail_alone(mb_sim *sim, mb_replica *replica, double repair_s, mb_error *error) {
    mb_status given_up = mb_migrations_lose(sim, replica->engine.id, error);
    if (given_up == MB_OK) given_up = mb_copies_lose(sim, replica->engine.id, error);
    if (given_up != MB_OK) return given_up;
    uint32_t count = 0;
    mb_admitted *list = find_all(sim, replica, &count);
    uint32_t *slots = malloc((count + 1) * sizeof *slots);
    mb_status status = list && slots ? lose_all(sim, replica, list, count, error) : mb_fail_memory(error);
    for (uint32_t i = 0; i < count && status == MB_OK; i++)
        slots[i] = list[i].slot;
    free(list);
    if (status == MB_OK) status = go_down(sim, replica, repair_s, slots, count, error);
    free(slots);
    return status;
}

mb_status mb_replica_fail(mb_sim *sim, mb_replica *replica, double repair_s, mb_error *error) {
    const uint32_t first = mb_replica_first_rank(sim, replica), end = first + mb_sim_ranks(sim);
    for (uint32_t id = first; id < end; id++) {
        if (!sim->replicas[id]->ending) continue;
        sim->lifecycle.failing += !replica->fails; // steps that end at this instant count
        replica->fails = true;
        replica->repair_s = repair_s;
        return MB_OK;
    }
    mb_sim_integrate(sim);
    sim->clients_counted_s = NAN;
    sim->service.changed = true;
    mb_status status = MB_OK;
    for (uint32_t id = first; id < end && status == MB_OK; id++)
        status = fail_alone(sim, sim->replicas[id], repair_s, error);
    return status;
}
