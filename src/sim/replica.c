// SPDX-License-Identifier: MIT
#include "sim/replica.h"

#include "engine/pipeline.h"
#include "sim/beside.h"
#include "sim/standing.h"

#include <stdlib.h>

const char *mb_role_name(mb_role role) {
    static const char *const names[MB_ROLE_COUNT] = {"both", "prefill", "decode"};
    return names[role];
}

void mb_replica_set_role(mb_replica *replica, mb_role role) {
    replica->role = role;
    if (replica->engine.stepper) replica->engine.stepper->hands_off = role == MB_ROLE_PREFILL;
}

// How many there are, and what they run by.
static mb_status count_replicas(mb_sim *sim, mb_error *error) {
    const mb_sim_config *config = sim->config;
    uint64_t count = 0;
    sim->metrics.kv_capacity = 0;
    sim->by_steps = mb_latency_is_step(config->hardware[0].latency);
    sim->jumps = sim->by_steps && !config->stepwise;
    for (size_t i = 0; i < config->hardware_count; i++) {
        const mb_hardware *hardware = &config->hardware[i];
        const uint64_t capacity = hardware->memory.capacity;
        count += hardware->replicas;
        if (capacity == MB_UNLIMITED) sim->metrics.kv_capacity = MB_UNLIMITED;
        if (sim->metrics.kv_capacity != MB_UNLIMITED)
            sim->metrics.kv_capacity += capacity * hardware->replicas;
        if (mb_latency_is_step(hardware->latency) != sim->by_steps)
            return mb_fail(
                error, MB_BAD_INPUT,
                "some groups of cluster.groups have a latency model of single steps, others one of "
                "whole batches; expected one of the two for all");
    }
    if (count < 1 || count > 1u << 20)
        return mb_fail(error, MB_BAD_INPUT, "cluster.gpus is %llu; expected 1 to 1048576 replicas",
                       (unsigned long long)count);
    sim->replica_count = sim->metrics.replicas = (uint32_t)count;
    return MB_OK;
}

mb_status mb_replica_open(mb_sim *sim, uint32_t id, const mb_hardware *hardware, mb_error *error) {
    mb_replica *replica = sim->replicas[id] = calloc(1, sizeof *replica);
    if (!replica) return mb_fail_memory(error);
    mb_engine *engine = &replica->engine;
    mb_status status = mb_engine_init(engine, id, &sim->around, hardware->latency, &hardware->memory,
                                      sim->config->stepwise, error);
    if (status == MB_OK) status = mb_engine_deal_out(engine, &hardware->pipeline, error);
    if (status != MB_OK) return status;
    if (hardware->max_requests) engine->max_requests = hardware->max_requests;
    if (hardware->token_budget) engine->token_budget = hardware->token_budget;
    engine->reserve = hardware->reserve;
    engine->watermark = hardware->watermark;
    replica->hardware = hardware;
    mb_replica_set_role(replica, hardware->role);
    replica->up_s = INFINITY;
    replica->own_queue = MB_NONE;
    replica->far_s = INFINITY;
    return MB_OK;
}

mb_status mb_replicas_init(mb_sim *sim, mb_error *error) {
    mb_status status = count_replicas(sim, error);
    if (status != MB_OK) return status;
    const uint32_t n = sim->replica_count;
    sim->replicas = calloc(n, sizeof *sim->replicas);
    const bool sets = mb_bits_init(&sim->idle, n) && mb_bits_init(&sim->calls, n) &&
                      mb_bits_init(&sim->loaded, n) && mb_bits_init(&sim->boundary, n) &&
                      mb_bits_init(&sim->dozing, n);
    sim->scratch = calloc(n, sizeof *sim->scratch);
    if (!sim->replicas || !sets || !sim->scratch) return mb_fail_memory(error);
    if (sim->by_steps && !mb_min_tree_init(&sim->boundaries, n)) return mb_fail_memory(error);
    const mb_hardware *hardware = sim->config->hardware;
    for (uint32_t id = 0, left = hardware->replicas; id < n && status == MB_OK; id++, left--) {
        for (; left == 0; left = hardware->replicas)
            hardware++;
        status = mb_replica_open(sim, id, hardware, error);
        if (status != MB_OK) break;
        mb_replica_count_staged(sim, sim->replicas[id], true);
        mb_replica_mark_idle(sim, sim->replicas[id]);
    }
    return status;
}

void mb_replicas_deinit(mb_sim *sim) {
    for (uint32_t i = 0; sim->replicas && i < sim->replica_count && sim->replicas[i]; i++) {
        mb_engine_deinit(&sim->replicas[i]->engine);
        mb_standing_free(sim->replicas[i]->standing);
        free(sim->replicas[i]);
    }
    free(sim->replicas);
    mb_min_tree_deinit(&sim->boundaries);
    mb_bits_deinit(&sim->idle);
    mb_bits_deinit(&sim->calls);
    mb_bits_deinit(&sim->loaded);
    mb_bits_deinit(&sim->boundary);
    mb_bits_deinit(&sim->dozing);
    mb_bits_deinit(&sim->recounted);
    for (int i = 0; i < MB_MEASURED_COUNT; i++)
        mb_min_tree_deinit(&sim->least[i]);
    free(sim->scratch);
}

void mb_replica_count_idle(mb_sim *sim, const mb_replica *replica, bool idle) {
    const uint32_t more = idle ? 1 : ~UINT32_C(0);
    sim->idle_count += more;
    if (replica->engine.pipeline) sim->staged_idle += more;
}

void mb_replica_want_call(mb_sim *sim, mb_replica *replica) {
    const uint32_t id = replica->engine.id;
    replica->needs_call = true;
    replica->idle_plan = sim->plans;
    mb_bits_add(&sim->calls, id);
    if (mb_engine_holds_requests(&replica->engine)) mb_bits_add(&sim->loaded, id);
}

void mb_replica_mark_idle(mb_sim *sim, mb_replica *replica) {
    const uint32_t id = replica->engine.id;
    mb_sim_integrate(sim);
    replica->busy = false;
    mb_replica_recount(sim, id);
    mb_replica_want_call(sim, replica);
    replica->idle_on_purpose = false;
    mb_bits_add(&sim->idle, id);
    mb_replica_count_idle(sim, replica, true);
    mb_beside_look(sim, replica);
}

void mb_replica_mark_busy(mb_sim *sim, mb_replica *replica) {
    mb_sim_integrate(sim);
    replica->busy = true;
    mb_replica_set_holding(sim, replica, false);
    mb_replica_recount(sim, replica->engine.id);
    mb_bits_remove(&sim->idle, replica->engine.id);
    mb_bits_remove(&sim->loaded, replica->engine.id);
    mb_replica_count_idle(sim, replica, false);
    if (replica->free) mb_beside_look(sim, replica);
}

void mb_replica_set_holding(mb_sim *sim, mb_replica *replica, bool holding) {
    holding = holding && !replica->idle_on_purpose;
    if (replica->holding == holding) return;
    replica->holding = holding;
    if (!replica->dummy) sim->idle_holding_count += holding ? 1 : ~UINT32_C(0);
}

void mb_replica_queue_changed(mb_sim *sim, mb_replica *replica) {
    if (!mb_bits_has(&sim->idle, replica->engine.id)) return;
    const bool waits = sim->queues[replica->own_queue].count > 0;
    mb_replica_set_holding(sim, replica, waits || mb_engine_holds_requests(&replica->engine));
}

static void look_up(mb_sim *sim, mb_replica *replica) {
    const double when = mb_engine_look_up(&replica->engine);
    mb_bits_remove(&sim->dozing, replica->engine.id);
    mb_replica_note_boundary(sim, replica);
    if (when == sim->now_s)
        mb_replica_mark_boundary(sim, replica);
    else if (!isinf(when) && !mb_heap_push(&sim->heap, when, MB_EVENT_STEP_END, replica->engine.id))
        sim->around.out_of_memory = true;
}

void mb_replica_look_up(mb_sim *sim, mb_replica *replica) {
    if (!sim->groups) {
        look_up(sim, replica);
        return;
    }
    const uint32_t size = sim->config->group, first = replica->engine.id / size * size;
    for (uint32_t i = first; i < first + size; i++)
        if (mb_engine_stepping(&sim->replicas[i]->engine)) look_up(sim, sim->replicas[i]);
}

void mb_replica_set_dummy(mb_sim *sim, mb_replica *replica, bool dummy) {
    if (replica->dummy == dummy) return;
    mb_sim_integrate(sim);
    const uint32_t more = dummy ? ~UINT32_C(0) : 1;
    replica->dummy = dummy;
    mb_replica_count_idle(sim, replica, !dummy);
    if (replica->idle_on_purpose) sim->idle_on_purpose_count += more;
    if (replica->holding) sim->idle_holding_count += more;
    mb_beside_look(sim, replica);
}
