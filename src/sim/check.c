// SPDX-License-Identifier: MIT
// Debug builds check the simulation's invariants after every instant.
#include "sim/internal.h"

#ifdef MB_DEBUG
#include <stdio.h>
#include <stdlib.h>

static void require(const mb_sim *sim, bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr,
            "mbsand: invariant broken: %s (seed %llu, replication %llu, t = %.17g s, %llu arrivals)\n", what,
            (unsigned long long)sim->config->seed, (unsigned long long)sim->config->replication, sim->now_s,
            (unsigned long long)sim->arrived);
    abort();
}

void mb_sim_check(const mb_sim *sim) {
    const mb_metrics *metrics = &sim->metrics;
    require(sim, sim->arrived == sim->waiting + sim->running + metrics->finished + metrics->rejected,
            "arrived = waiting + running + finished + rejected");
    require(sim, sim->requests.live == sim->waiting + sim->running, "every live request waits or runs");
    uint64_t queued = 0, reserved = 0, running = 0;
    uint32_t idle = 0;
    for (uint32_t i = 0; i < sim->queue_count; i++)
        queued += sim->queues[i].count;
    require(sim, queued <= sim->waiting, "queued <= waiting");
    for (uint32_t i = 0; i < sim->config->replicas; i++) {
        const mb_replica *replica = &sim->replicas[i];
        require(sim, replica->kv.reserved <= replica->kv.capacity, "reserved KV tokens <= capacity");
        require(sim, replica->busy || replica->kv.reserved == 0, "an idle replica holds no KV tokens");
        reserved += replica->kv.reserved;
        running += replica->busy ? replica->count : 0;
        idle += !replica->busy;
    }
    require(sim, reserved == sim->kv_reserved, "sum of reserved KV tokens");
    require(sim, running == sim->running, "running = sum over replicas");
    require(sim, idle == sim->idle_count, "idle count");
    if (sim->waiting + sim->running == 0) {
        require(sim, sim->kv_used == 0 && sim->kv_reserved == 0, "an empty system holds no KV tokens");
        const double l = metrics->in_system_integral, lw = metrics->sojourn_s;
        require(sim, fabs(l - lw) <= 1e-6 * (1 + fabs(l)), "Little's law");
    }
}
#endif
