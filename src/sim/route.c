// SPDX-License-Identifier: MIT
#include "sim/route.h"

#include "sim/waiting.h"

static uint32_t own_waiting(const mb_sim *sim, const mb_replica *replica) {
    return replica->own_queue == MB_NONE ? 0 : sim->queues[replica->own_queue].count;
}

static uint64_t measure(const mb_sim *sim, uint32_t id, mb_measured what) {
    const mb_replica *replica = sim->replicas[id];
    const uint64_t running = what == MB_BY_WAITING ? 0 : mb_engine_running(&replica->engine);
    return running + (what == MB_BY_RUNNING ? 0 : own_waiting(sim, replica));
}

bool mb_least_begin(mb_sim *sim, mb_measured what) {
    const uint32_t n = sim->replica_count;
    if (sim->least[what].nodes) return true;
    if (!sim->owned.changed && !mb_bits_init(&sim->recounted, n)) return false;
    sim->owned.changed = &sim->recounted;
    if (!mb_min_tree_init(&sim->least[what], n)) return false;
    for (uint32_t i = 0; i < n; i++)
        mb_bits_add(&sim->recounted, i);
    return true;
}

// Only those that are up are to be found.
static double count_of(const mb_sim *sim, uint32_t id, mb_measured what) {
    return sim->replicas[id]->state == MB_UP ? (double)measure(sim, id, what) : INFINITY;
}

// Count those again whose requests have changed since somebody asked.
static void recount(mb_sim *sim) {
    for (uint32_t id; (id = mb_bits_next(&sim->recounted, 0)) != MB_BITS_NONE;) {
        mb_bits_remove(&sim->recounted, id);
        for (int i = 0; i < MB_MEASURED_COUNT; i++)
            if (sim->least[i].nodes) mb_min_tree_set(&sim->least[i], id, count_of(sim, id, (mb_measured)i));
    }
}

uint32_t mb_least_replica(mb_sim *sim, mb_measured what) {
    recount(sim);
    return mb_min_tree_first(&sim->least[what]);
}

// Number n of those that are up, from 0.
static uint32_t up_number(const mb_sim *sim, uint32_t n) {
    if (sim->lifecycle.absent + sim->lifecycle.draining == 0) return n;
    uint32_t id = 0;
    for (;; id++)
        if (sim->replicas[id]->state == MB_UP && n-- == 0) return id;
}

// Those that are up.
static uint32_t up_count(const mb_sim *sim) {
    return sim->replica_count - sim->lifecycle.absent - sim->lifecycle.draining;
}

static uint32_t next_up(const mb_sim *sim, uint32_t id) {
    do
        id = id < sim->replica_count ? id + 1 : 1;
    while (sim->replicas[id - 1]->state != MB_UP);
    return id;
}

// The less loaded of two that are drawn, if there are two; of equals the one drawn first.
static uint32_t draw_two(const mb_sim *sim, mb_rng *random) {
    const uint32_t n = up_count(sim);
    uint32_t a = (uint32_t)mb_rng_below(random, n);
    uint32_t b = (uint32_t)mb_rng_below(random, n > 1 ? n - 1 : 1);
    if (b >= a && n > 1) b++;
    a = up_number(sim, a);
    b = up_number(sim, b);
    return measure(sim, b, MB_BY_LOAD) < measure(sim, a, MB_BY_LOAD) ? b : a;
}

static uint32_t choose(mb_sim *sim) {
    mb_route_said *route = &sim->route;
    switch (route->kind) {
    case MB_ROUTE_TURNS:
        route->last = next_up(sim, route->last);
        return route->last - 1;
    case MB_ROUTE_RANDOM:
        return up_number(sim, (uint32_t)mb_rng_below(route->random, up_count(sim)));
    case MB_ROUTE_TWO:
        return draw_two(sim, route->random);
    case MB_ROUTE_RUNNING:
        return mb_least_replica(sim, MB_BY_RUNNING);
    case MB_ROUTE_WAITING:
        return mb_least_replica(sim, MB_BY_WAITING);
    default:
        return mb_least_replica(sim, MB_BY_LOAD);
    }
}

// Of those with the role that are up the one that has the least, of equals the first; MB_NONE. A walk, since
// roles change, and groups with one are small.
static uint32_t least_of_role(const mb_sim *sim, const mb_route_said *route, bool handed) {
    const mb_measured what = (mb_measured)(route->kind - MB_ROUTE_LOAD);
    uint32_t best = MB_NONE;
    uint64_t least = 0;
    for (uint32_t id = 0; id < sim->replica_count; id++) {
        const mb_replica *replica = sim->replicas[id];
        if (replica->role != route->role || replica->state != MB_UP) continue;
        uint64_t count = measure(sim, id, what);
        if (handed && replica->handed_s == sim->now_s) count += replica->handed;
        if (best != MB_NONE && count >= least) continue;
        best = id;
        least = count;
    }
    return best;
}

uint32_t mb_route_handed(mb_sim *sim) {
    const uint32_t id = least_of_role(sim, &sim->handed_route, true);
    if (id == MB_NONE) return id;
    mb_replica *replica = sim->replicas[id];
    if (replica->handed_s != sim->now_s) replica->handed = 0;
    replica->handed_s = sim->now_s;
    replica->handed++;
    return id;
}

mb_status mb_route(mb_sim *sim, uint32_t slot, mb_error *error) {
    if (sim->route.role != MB_ROLE_BOTH) {
        const uint32_t id = least_of_role(sim, &sim->route, false);
        return mb_sim_file(sim, id == MB_NONE ? 0 : sim->replicas[id]->own_queue, slot, error);
    }
    const uint32_t queue = up_count(sim) ? sim->replicas[choose(sim)]->own_queue : 0;
    return mb_sim_file(sim, queue, slot, error);
}
