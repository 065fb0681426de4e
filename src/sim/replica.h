// SPDX-License-Identifier: MIT
// Replicas: idle, busy, or to look up from a run of steps.
#pragma once
#include "sim/gauges.h"

// What runs on the replica has changed: who counts its requests counts again.
static inline void mb_replica_recount(mb_sim *sim, uint32_t id) {
    if (sim->owned.changed) mb_bits_add(sim->owned.changed, id);
}
mb_status mb_replicas_init(mb_sim *sim, mb_error *error);
void mb_replicas_deinit(mb_sim *sim);
// Replica number `id`, for which there is room; it is neither idle nor busy yet.
mb_status mb_replica_open(mb_sim *sim, uint32_t id, const mb_hardware *hardware, mb_error *error);
void mb_replica_mark_idle(mb_sim *sim, mb_replica *replica);
// One more, or one less, is idle.
void mb_replica_count_idle(mb_sim *sim, const mb_replica *replica, bool idle);
// One more, or one less, serves: of those with stages the engines know how busy they are.
static inline void mb_replica_count_staged(mb_sim *sim, const mb_replica *replica, bool serves) {
    if (replica->engine.pipeline) sim->staged += serves ? 1 : ~UINT32_C(0);
}
void mb_replica_mark_busy(mb_sim *sim, mb_replica *replica);
// One that is idle has been asked for a step.
static inline void mb_replica_was_asked(mb_sim *sim, mb_replica *replica) {
    replica->needs_call = false;
    mb_bits_remove(&sim->calls, replica->engine.id);
}
// Left idle with work of its own, not on purpose.
void mb_replica_set_holding(mb_sim *sim, mb_replica *replica, bool holding);
// Something came into its own queue, or left it, perhaps while another replica was asked, which is no news to
// it.
void mb_replica_queue_changed(mb_sim *sim, mb_replica *replica);
// Replicas that step together, and come, go and fail together; 1: each by itself. The first of those of one.
static inline uint32_t mb_sim_ranks(const mb_sim *sim) {
    return sim->groups ? sim->config->group : 1;
}
static inline uint32_t mb_replica_first_rank(const mb_sim *sim, const mb_replica *replica) {
    return replica->engine.id - replica->engine.id % mb_sim_ranks(sim);
}
// Can it be asked for a step at all?
static inline bool mb_replica_serves(const mb_replica *replica) {
    return replica->state == MB_UP || replica->state == MB_DRAINING;
}
// It does not stay idle on purpose any longer.
static inline void mb_replica_take_back_idle(mb_sim *sim, mb_replica *replica) {
    if (!replica->idle_on_purpose) return;
    mb_sim_integrate(sim);
    replica->idle_on_purpose = false;
    sim->idle_on_purpose_count--;
}
// The planning of this instant will look at this replica, which stands between two steps.
static inline void mb_replica_mark_boundary(mb_sim *sim, const mb_replica *replica) {
    mb_bits_add(&sim->boundary, replica->engine.id);
}
static inline void mb_replica_clear_boundary(mb_sim *sim, const mb_replica *replica) {
    mb_bits_remove(&sim->boundary, replica->engine.id);
}
// What its engine's first boundary is has changed, perhaps.
static inline void mb_replica_note_boundary(mb_sim *sim, const mb_replica *replica) {
    const mb_engine *engine = &replica->engine;
    if (engine->stepper) mb_min_tree_set(&sim->boundaries, engine->id, engine->stepper->boundary_s);
}
// Its run is over: it has no boundaries to look up at.
static inline void mb_replica_rest(mb_sim *sim, const mb_replica *replica) {
    mb_bits_remove(&sim->dozing, replica->engine.id);
    mb_replica_note_boundary(sim, replica);
}
// Its engine, and those that step with it, look up at the first boundary from now on, since something has
// changed.
void mb_replica_look_up(mb_sim *sim, mb_replica *replica);
// It is idle, but its group is in a step.
void mb_replica_set_dummy(mb_sim *sim, mb_replica *replica, bool dummy);
// Its run ended, or its next step is held: its group, if it has one, is looked at when all have planned.
static inline void mb_replica_touch(mb_sim *sim, const mb_replica *replica) {
    if (sim->groups) mb_bits_add(&sim->touched, replica->engine.id / sim->config->group);
}
// Its role, from here on.
void mb_replica_set_role(mb_replica *replica, mb_role role);
// It is to be asked for a step.
void mb_replica_want_call(mb_sim *sim, mb_replica *replica);
