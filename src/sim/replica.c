// SPDX-License-Identifier: MIT
#include "sim/replica.h"

#include <stdlib.h>

mb_status mb_replicas_init(mb_sim *sim, mb_error *error) {
    const mb_sim_config *config = sim->config;
    const uint32_t n = config->replicas;
    if (n < 1 || n > 1u << 20)
        return mb_fail(error, MB_BAD_INPUT, "cluster.gpus is %u; expected 1 to 1048576 replicas", n);
    sim->replicas = calloc(n, sizeof *sim->replicas);
    const bool sets = mb_bits_init(&sim->idle, n) && mb_bits_init(&sim->calls, n) &&
                      mb_bits_init(&sim->loaded, n) && mb_bits_init(&sim->boundary, n) &&
                      mb_bits_init(&sim->dozing, n);
    sim->scratch = calloc(n, sizeof *sim->scratch);
    if (!sim->replicas || !sets || !sim->scratch) return mb_fail_memory(error);
    sim->by_steps = mb_latency_is_step(config->latency);
    if (sim->by_steps && !mb_min_tree_init(&sim->boundaries, n)) return mb_fail_memory(error);
    const mb_engine_memory memory = {.kind = config->kv_kind,
                                     .capacity = config->kv_capacity,
                                     .max_length = config->kv_max_length,
                                     .block = config->kv_block,
                                     .prefix_cache = config->prefix_cache};
    for (uint32_t i = 0; i < n; i++) {
        mb_replica *replica = &sim->replicas[i];
        mb_engine *engine = &replica->engine;
        const mb_status status = mb_engine_init(engine, i, &sim->around, &memory, config->stepwise, error);
        if (status != MB_OK) return status;
        if (config->max_requests) engine->max_requests = config->max_requests;
        if (config->token_budget) engine->token_budget = config->token_budget;
        engine->reserve = config->reserve;
        engine->watermark = config->watermark;
        replica->busy = true;
        replica->own_queue = MB_NONE;
        replica->far_s = INFINITY;
        mb_replica_mark_idle(sim, replica);
    }
    return MB_OK;
}

void mb_replicas_deinit(mb_sim *sim) {
    for (uint32_t i = 0; sim->replicas && i < sim->config->replicas; i++)
        mb_engine_deinit(&sim->replicas[i].engine);
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

void mb_replica_mark_idle(mb_sim *sim, mb_replica *replica) {
    const uint32_t id = replica->engine.id;
    mb_sim_integrate(sim);
    replica->busy = false;
    mb_replica_recount(sim, id);
    replica->needs_call = true;
    replica->idle_plan = sim->plans;
    mb_bits_add(&sim->calls, id);
    if (mb_engine_holds_requests(&replica->engine)) mb_bits_add(&sim->loaded, id);
    replica->idle_on_purpose = false;
    mb_bits_add(&sim->idle, id);
    sim->idle_count++;
}

void mb_replica_mark_busy(mb_sim *sim, mb_replica *replica) {
    mb_sim_integrate(sim);
    replica->busy = true;
    mb_replica_recount(sim, replica->engine.id);
    mb_bits_remove(&sim->idle, replica->engine.id);
    mb_bits_remove(&sim->loaded, replica->engine.id);
    sim->idle_count--;
}

double mb_replica_next_boundary(mb_sim *sim, const mb_replica *replica) {
    const double boundary = mb_engine_next_boundary(&replica->engine);
    mb_replica_note_boundary(sim, replica);
    return boundary;
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
        if (mb_engine_stepping(&sim->replicas[i].engine)) look_up(sim, &sim->replicas[i]);
}

void mb_replica_set_dummy(mb_sim *sim, mb_replica *replica, bool dummy) {
    if (replica->dummy == dummy) return;
    mb_sim_integrate(sim);
    const uint32_t more = dummy ? ~UINT32_C(0) : 1;
    replica->dummy = dummy;
    sim->idle_count += more;
    if (replica->idle_on_purpose) sim->idle_on_purpose_count += more;
    if (replica->holding) sim->idle_holding_count += more;
}

mb_status mb_replica_end(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_step_report report;
    mb_sim_integrate(sim);
    sim->clients_counted_s = NAN; // prompts that end now emit tokens
    sim->service.changed = true;
    const mb_status status = mb_engine_end(&replica->engine, &report, error);
    mb_bits_remove(&sim->dozing, replica->engine.id);
    mb_replica_note_boundary(sim, replica);
    mb_replica_mark_idle(sim, replica);
    mb_replica_touch(sim, replica);
    if (status != MB_OK || !sim->policy.ops->stepped) return status;
    return sim->policy.ops->stepped(sim->policy.self, sim, replica, &report, error);
}
