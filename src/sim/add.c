// SPDX-License-Identifier: MIT
#include "sim/add.h"

#include "sim/changes.h"
#include "sim/lifecycle.h"
#include "sim/lockstep.h"
#include "sim/news.h"
#include "sim/waiting.h"

#include <stdlib.h>

// Room for one more in everything that is numbered as the replicas are.
static bool make_room(mb_sim *sim, uint32_t n) {
    mb_replica **replicas = realloc(sim->replicas, n * sizeof *replicas);
    if (replicas) sim->replicas = replicas;
    uint32_t *scratch = realloc(sim->scratch, n * sizeof *scratch);
    if (scratch) sim->scratch = scratch;
    bool room = replicas && scratch && mb_bits_grow(&sim->idle, n) && mb_bits_grow(&sim->calls, n) &&
                mb_bits_grow(&sim->loaded, n) && mb_bits_grow(&sim->boundary, n) &&
                mb_bits_grow(&sim->dozing, n);
    if (sim->groups) room = room && mb_lockstep_make_room(sim, n);
    if (sim->by_steps) room = room && mb_min_tree_grow(&sim->boundaries, n);
    if (sim->beside.sets) room = room && mb_bits_grow(&sim->beside.touched, n);
    if (sim->owned.changed) room = room && mb_bits_grow(&sim->recounted, n);
    for (int i = 0; i < MB_MEASURED_COUNT; i++)
        if (sim->least[i].nodes) room = room && mb_min_tree_grow(&sim->least[i], n);
    return room;
}

static mb_replica *first_of(const mb_sim *sim, const mb_hardware *hardware) {
    for (uint32_t i = 0; i < sim->replica_count; i++)
        if (sim->replicas[i]->hardware == hardware) return sim->replicas[i];
    return NULL;
}

// As the policy has set the first of its kind.
static bool take_after(mb_sim *sim, mb_replica *replica, const mb_replica *first) {
    mb_engine *engine = &replica->engine;
    engine->max_requests = first->engine.max_requests;
    engine->token_budget = first->engine.token_budget;
    engine->chunked = first->engine.chunked;
    engine->reserve = first->engine.reserve;
    engine->watermark = first->engine.watermark;
    replica->plain = first->plain;
    if (first->own_queue == MB_NONE) return true;
    const mb_key order = sim->queues[first->own_queue].order;
    if (mb_replica_make_queue(sim, replica, order) == MB_NONE) return false;
    mb_queue *own = &sim->queues[replica->own_queue];
    const mb_queue *model = &sim->queues[first->own_queue];
    if (model->ageing) mb_queue_age(own, model->ageing, model->age_rate, &sim->now_s);
    if (first->plain.queue == first->own_queue) replica->plain.queue = replica->own_queue;
    return true;
}

static bool has_room(const mb_sim *sim, const mb_hardware *hardware, uint32_t more) {
    uint32_t there = more;
    if (!hardware->max_replicas) return true;
    for (uint32_t i = 0; i < sim->replica_count; i++)
        there += sim->replicas[i]->hardware == hardware && sim->replicas[i]->state != MB_OFF;
    return there <= hardware->max_replicas;
}

// It is starting. False when out of memory.
static bool add_one(mb_sim *sim, const mb_hardware *hardware) {
    const uint32_t id = sim->replica_count;
    const mb_replica *first = first_of(sim, hardware);
    mb_error ignored;
    sim->replicas[id] = NULL;
    sim->replica_count++;
    if (mb_replica_open(sim, id, hardware, &ignored) != MB_OK) return false;
    mb_replica *replica = sim->replicas[id];
    replica->state = MB_STARTING;
    replica->counted_s = sim->now_s;
    sim->lifecycle.absent++;
    if (first && !take_after(sim, replica, first)) return false;
    if (!mb_changes_watch(sim, id)) return false;
    if (sim->route.kind != MB_ROUTE_NONE && mb_replica_own_queue(sim, replica) == MB_NONE) return false;
    mb_replica_recount(sim, id);
    return true;
}

uint32_t mb_replica_add(mb_sim *sim, uint32_t index, double delay_s, bool *failed) {
    const mb_hardware *hardware = &sim->config->hardware[index];
    const uint32_t first = sim->replica_count, end = first + mb_sim_ranks(sim);
    *failed = false;
    if (!has_room(sim, hardware, end - first)) return MB_NONE;
    *failed = true;
    if (!make_room(sim, end)) return MB_NONE;
    mb_sim_integrate(sim);
    sim->lifecycle.used = true;
    for (uint32_t id = first; id < end; id++)
        if (!add_one(sim, hardware)) return MB_NONE;
    mb_sim_change_all(sim);
    for (uint32_t id = first; id < end; id++)
        if (!mb_replica_rise_at(sim, sim->replicas[id], sim->now_s + delay_s)) return MB_NONE;
    *failed = false;
    return first;
}
