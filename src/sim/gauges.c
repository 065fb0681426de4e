// SPDX-License-Identifier: MIT
#include "sim/gauges.h"

#include "base/double.h"

#ifdef MB_DEBUG
// What the presence of replicas, which is added up when it changes, must come to.
static void integrate_presence(mb_sim *sim, double dt) {
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        const mb_replica_state state = sim->replicas[i]->state;
        if (state != MB_DOWN && state != MB_OFF) sim->lifecycle.integral += dt;
    }
}
#endif

void mb_sim_add_up(mb_sim *sim) {
    const double dt = sim->now_s - sim->integrated_s;
    mb_metrics *metrics = &sim->metrics;
    if (sim->observer.held)
        sim->observer.held(sim->observer.self, sim->integrated_s, sim->now_s, sim->waiting, sim->running);
    sim->integrated_s = sim->now_s;
#ifdef MB_DEBUG
    integrate_presence(sim, dt);
#endif
    metrics->in_system_integral += dt * mb_double(sim->waiting + sim->running);
    const uint32_t whole = sim->replica_count - sim->staged - sim->lifecycle.absent;
    metrics->busy_s += dt * (double)(whole - (sim->idle_count - sim->staged_idle));
    if (sim->around.kv_reserved | sim->around.kv_used) { // of whole batches
        metrics->kv_reserved_integral += dt * (double)sim->around.kv_reserved;
        metrics->kv_used_integral += dt * (double)sim->around.kv_used;
    }
    if (!(sim->idle_count | sim->idle_holding_count)) return; // nobody is idle, with work or without
    // What waits in a replica's own queue concerns that one alone.
    const bool shared = sim->waiting - sim->away > sim->owned.count - sim->owned.away;
    const uint32_t idle = shared ? sim->idle_count - sim->idle_on_purpose_count : sim->idle_holding_count;
    metrics->idle_with_work_s += dt * (double)idle;
}
