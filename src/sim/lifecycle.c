// SPDX-License-Identifier: MIT
#include "sim/lifecycle.h"

#include "sim/beside.h"
#include "sim/news.h"
#include "sim/waiting.h"

#include <stdlib.h>

const char *mb_replica_state_name(mb_replica_state state) {
    static const char *const names[] = {"up", "starting", "draining", "down", "off"};
    return names[state];
}

uint32_t mb_replicas_to_come(const mb_sim *sim) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        const mb_replica *replica = sim->replicas[i];
        count += replica->state == MB_UP || !isinf(replica->up_s);
    }
    return count;
}

bool mb_replica_is_empty(const mb_replica *replica) {
    const mb_stepper *stepper = replica->engine.stepper;
    return !replica->busy && !(stepper && stepper->running + stepper->paused > 0);
}

// --- what was there

static bool is_counted(const mb_replica *replica) {
    return replica->state != MB_DOWN && replica->state != MB_OFF;
}

static void count(mb_sim *sim, mb_replica *replica) {
    const mb_hardware *hardware = replica->hardware;
    const double seconds = sim->now_s - replica->counted_s;
    mb_presence *present = &sim->lifecycle.present;
    replica->counted_s = sim->now_s;
    present->replica_s += seconds;
    if (hardware->memory.capacity != MB_UNLIMITED)
        present->kv_token_s += seconds * (double)hardware->memory.capacity;
    present->usd += seconds / 3600 * hardware->usd_per_hour;
}

void mb_presence_add_up(mb_sim *sim) {
    for (uint32_t i = 0; i < sim->replica_count; i++)
        if (is_counted(sim->replicas[i])) count(sim, sim->replicas[i]);
}

void mb_presence_restart(mb_sim *sim) {
    mb_presence_add_up(sim);
    sim->lifecycle.present = sim->lifecycle.before_start = (mb_presence){0};
    sim->lifecycle.integral = 0;
}

void mb_presence_close(mb_sim *sim) {
    mb_presence_add_up(sim);
    const mb_presence *all = &sim->lifecycle.present, *before = &sim->lifecycle.before_start;
    mb_metrics *metrics = &sim->metrics;
    metrics->comes_and_goes = sim->lifecycle.used;
    metrics->replica_s = all->replica_s;
    metrics->present_s = all->replica_s - before->replica_s;
    metrics->present_kv_s = all->kv_token_s - before->kv_token_s;
    metrics->present_usd = all->usd - before->usd;
}

// --- states

bool mb_replica_tell(mb_sim *sim, const mb_replica *replica, mb_signal kind, const uint32_t *requests,
                     size_t count_of_them) {
    mb_notice notice = mb_notice_of(kind);
    notice.replica = replica->engine.id;
    notice.lists = requests != NULL;
    notice.requests = requests;
    notice.request_count = count_of_them;
    mb_sim_change_all(sim);
    mb_replica_recount(sim, replica->engine.id);
    return mb_notify(sim, &notice);
}

void mb_replica_withdraw(mb_sim *sim, mb_replica *replica, mb_replica_state state) {
    const uint32_t id = replica->engine.id;
    sim->lifecycle.used = true;
    mb_sim_integrate(sim);
    if (is_counted(replica)) count(sim, replica);
    if (mb_replica_serves(replica)) {
        mb_replica_set_dummy(sim, replica, false);
        mb_replica_take_back_idle(sim, replica);
        mb_replica_set_holding(sim, replica, false);
        mb_bits_remove(&sim->idle, id);
        mb_bits_remove(&sim->calls, id);
        mb_bits_remove(&sim->loaded, id);
        mb_bits_remove(&sim->boundary, id);
        mb_bits_remove(&sim->dozing, id);
        mb_replica_count_idle(sim, replica, false);
        mb_replica_count_staged(sim, replica, false);
        sim->lifecycle.absent++;
    }
    if (replica->state == MB_DRAINING) sim->lifecycle.draining--;
    replica->state = state;
    replica->up_s = INFINITY;
    mb_beside_look(sim, replica);
}

bool mb_replica_rise(mb_sim *sim, mb_replica *replica) {
    mb_sim_integrate(sim);
    if (!is_counted(replica)) replica->counted_s = sim->now_s;
    replica->state = MB_UP;
    replica->up_s = INFINITY;
    sim->lifecycle.absent--;
    mb_replica_count_staged(sim, replica, true);
    mb_replica_mark_idle(sim, replica);
    return mb_replica_tell(sim, replica, MB_SIGNAL_UP, NULL, 0);
}

bool mb_replica_rise_at(mb_sim *sim, mb_replica *replica, double time_s) {
    if (!(time_s > sim->now_s)) return mb_replica_rise(sim, replica);
    replica->up_s = time_s;
    return mb_heap_push(&sim->heap, time_s, MB_EVENT_CHANGE, replica->engine.id);
}

// --- leaving

// One that is paused there can go on nowhere else.
static bool must_stay(const mb_sim *sim, const mb_replica *replica, uint32_t slot) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    return request->stage == MB_STAGE_PAUSED && request->replica == replica->engine.id;
}

// What waits in its own queue goes to another, in order; the slots of all, to be freed.
static mb_status empty_queue(mb_sim *sim, mb_replica *replica, uint32_t to, uint32_t **slots, size_t *total,
                             mb_error *error) {
    const uint32_t own = replica->own_queue;
    const uint32_t waiting = own == MB_NONE ? 0 : sim->queues[own].count;
    *total = 0;
    *slots = malloc((waiting + 1) * sizeof **slots);
    if (!*slots) return mb_fail_memory(error);
    for (uint32_t slot = waiting ? mb_queue_peek(&sim->queues[own], &sim->requests) : MB_NONE;
         slot != MB_NONE; slot = mb_queue_after(&sim->queues[own], &sim->requests, slot))
        if (!must_stay(sim, replica, slot)) (*slots)[(*total)++] = slot;
    mb_status status = MB_OK;
    for (size_t i = 0; i < *total && status == MB_OK; i++) {
        mb_queue_remove(&sim->queues[own], &sim->requests, (*slots)[i]);
        status = mb_sim_file_again(sim, to, (*slots)[i], false, error);
    }
    return status;
}

mb_status mb_replica_go_off(mb_sim *sim, mb_replica *replica, mb_error *error) {
    uint32_t *slots;
    size_t total;
    mb_replica_withdraw(sim, replica, MB_OFF);
    mb_status status = empty_queue(sim, replica, replica->drain_to, &slots, &total, error);
    free(slots);
    if (status == MB_OK && !mb_replica_tell(sim, replica, MB_SIGNAL_OFF, NULL, 0))
        status = mb_fail_memory(error);
    return status;
}

// Nothing is under way in which it, or one that steps with it, has a part.
static bool may_go(const mb_sim *sim, const mb_replica *replica) {
    const uint32_t first = mb_replica_first_rank(sim, replica), end = first + mb_sim_ranks(sim);
    for (uint32_t id = first; id < end; id++) {
        const mb_replica *rank = sim->replicas[id];
        if (!mb_replica_is_empty(rank) || sim->building == rank || rank->leaving || rank->ending)
            return false;
    }
    return true;
}

static mb_status begin_to_drain(mb_sim *sim, mb_replica *replica, uint32_t to, mb_error *error) {
    uint32_t *slots;
    size_t total;
    replica->drain_to = to;
    if (mb_replica_serves(replica)) {
        replica->state = MB_DRAINING;
        sim->lifecycle.draining++;
        mb_beside_look(sim, replica);
    }
    mb_status status = empty_queue(sim, replica, to, &slots, &total, error);
    if (status == MB_OK && !mb_replica_tell(sim, replica, MB_SIGNAL_DRAINING, slots, total))
        status = mb_fail_memory(error);
    free(slots);
    return status;
}

mb_status mb_replica_drain(mb_sim *sim, mb_replica *replica, uint32_t to, mb_error *error) {
    const uint32_t first = mb_replica_first_rank(sim, replica), end = first + mb_sim_ranks(sim);
    const bool serves = mb_replica_serves(replica);
    mb_status status = MB_OK;
    sim->lifecycle.used = true;
    for (uint32_t id = first; id < end && status == MB_OK; id++)
        status = begin_to_drain(sim, sim->replicas[id], to, error);
    if (serves && !may_go(sim, replica)) return status;
    for (uint32_t id = first; id < end && status == MB_OK; id++)
        status = mb_replica_go_off(sim, sim->replicas[id], error);
    return status;
}

bool mb_replica_undrain(mb_sim *sim, mb_replica *replica) {
    const uint32_t first = mb_replica_first_rank(sim, replica), end = first + mb_sim_ranks(sim);
    bool told = true;
    for (uint32_t id = first; id < end && told; id++) {
        mb_replica *rank = sim->replicas[id];
        rank->state = MB_UP;
        sim->lifecycle.draining--;
        mb_beside_look(sim, rank);
        told = mb_replica_tell(sim, rank, MB_SIGNAL_UP, NULL, 0);
    }
    return told;
}

bool mb_replica_remove(mb_sim *sim, mb_replica *replica) {
    const uint32_t first = mb_replica_first_rank(sim, replica), end = first + mb_sim_ranks(sim);
    bool told = true;
    for (uint32_t id = first; id < end && told; id++) {
        mb_replica_withdraw(sim, sim->replicas[id], MB_OFF);
        told = mb_replica_tell(sim, sim->replicas[id], MB_SIGNAL_OFF, NULL, 0);
    }
    return told;
}

mb_status mb_sim_follow_up_all(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    do {
        for (uint32_t i = 0; sim->lifecycle.draining && i < sim->replica_count && status == MB_OK; i++) {
            mb_replica *replica = sim->replicas[i];
            if (replica->state == MB_DRAINING && may_go(sim, replica))
                status = mb_replica_go_off(sim, replica, error);
        }
        if (status == MB_OK && sim->notices.count) status = mb_notices_tell(sim, error);
    } while (status == MB_OK && sim->notices.count);
    return status;
}
