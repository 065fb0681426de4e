// SPDX-License-Identifier: MIT
#include "sim/lockstep.h"

#include "sim/news.h"
#include "sim/replica.h"

#include <stdlib.h>

mb_status mb_lockstep_init(mb_sim *sim, mb_error *error) {
    const mb_sim_config *config = sim->config;
    if (config->group <= 1) return MB_OK;
    if (!sim->by_steps)
        return mb_fail(error, MB_BAD_INPUT, "replicas can step together under a model of single steps only");
    if (sim->replica_count % config->group != 0)
        return mb_fail(error, MB_BAD_INPUT, "%u replicas cannot be dealt out to groups of %u",
                       sim->replica_count, config->group);
    const uint32_t groups = sim->replica_count / config->group;
    sim->groups = calloc(groups, sizeof *sim->groups);
    sim->ranks = calloc(config->group, sizeof *sim->ranks);
    if (!mb_bits_init(&sim->touched, groups) || !sim->groups || !sim->ranks) return mb_fail_memory(error);
    return MB_OK;
}

bool mb_lockstep_make_room(mb_sim *sim, uint32_t replicas) {
    const uint32_t groups = replicas / sim->config->group;
    mb_lockstep *more = realloc(sim->groups, groups * sizeof *more);
    if (!more) return false;
    sim->groups = more;
    more[groups - 1] = (mb_lockstep){0};
    return mb_bits_grow(&sim->touched, groups);
}

void mb_lockstep_deinit(mb_sim *sim) {
    free(sim->groups);
    free(sim->ranks);
    mb_bits_deinit(&sim->touched);
}

static mb_replica *rank_of(mb_sim *sim, uint32_t group, uint32_t rank) {
    return sim->replicas[group * sim->config->group + rank];
}

// Between two events of a run its boundaries pass by unseen: this may be one.
bool mb_lockstep_may_start(mb_sim *sim, mb_replica *replica) {
    const uint32_t group = replica->engine.id / sim->config->group;
    mb_replica *unseen = NULL;
    for (uint32_t i = 0; i < sim->config->group; i++) {
        mb_replica *rank = rank_of(sim, group, i);
        if (!mb_engine_stepping(&rank->engine) || mb_lockstep_holds(&rank->engine)) continue;
        if (!mb_bits_has(&sim->boundary, rank->engine.id)) unseen = rank;
    }
    if (!unseen) return true;
    mb_replica_look_up(sim, unseen);
    return mb_lockstep_at_boundary(&unseen->engine);
}

// Those that compute nothing while the group steps do not count as idle.
static void set_dummies(mb_sim *sim, uint32_t group, bool stepping) {
    for (uint32_t i = 0; i < sim->config->group; i++) {
        mb_replica *rank = rank_of(sim, group, i);
        if (!rank->busy) mb_replica_set_dummy(sim, rank, stepping);
    }
}

// What came after a rank had planned.
static void catch_up(mb_sim *sim, uint32_t group) {
    const uint64_t change = mb_sim_newest_change(sim);
    for (uint32_t i = 0; i < sim->config->group; i++) {
        mb_replica *rank = rank_of(sim, group, i);
        if (!mb_engine_stepping(&rank->engine) || !mb_sim_concerns(rank, change)) continue;
        mb_replica_look_up(sim, rank);
        return;
    }
}

static mb_status start(mb_sim *sim, uint32_t group, mb_error *error) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->config->group; i++) {
        mb_engine *engine = &rank_of(sim, group, i)->engine;
        if (!mb_engine_stepping(engine)) continue;
        if (!mb_lockstep_holds(engine)) mb_lockstep_hold(engine); // it had its turn, and nothing to look at
        sim->ranks[count++] = engine;
    }
    set_dummies(sim, group, count > 0);
    if (count == 0) return MB_OK;
    const mb_status status = mb_lockstep_begin(&sim->groups[group], sim->ranks, count, error);
    for (uint32_t i = 0; i < count; i++)
        mb_replica_note_boundary(sim, sim->replicas[sim->ranks[i]->id]);
    catch_up(sim, group);
    return status;
}

mb_status mb_lockstep_start(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    for (uint32_t group = mb_bits_next(&sim->touched, 0); group != MB_BITS_NONE && status == MB_OK;
         group = mb_bits_next(&sim->touched, group + 1)) {
        mb_bits_remove(&sim->touched, group);
        status = start(sim, group, error);
    }
    return status;
}
