// SPDX-License-Identifier: MIT
#include "sim/news.h"

#include "sim/replica.h"

static uint64_t next_change(mb_sim *sim) {
    sim->version = ++sim->changes;
    return sim->version;
}

void mb_sim_change_all(mb_sim *sim) {
    sim->global_version = next_change(sim);
}

void mb_sim_change_one(mb_sim *sim, mb_replica *replica) {
    replica->own_version = ++sim->changes;
    if (!replica->busy) {
        replica->needs_call = true;
        mb_bits_add(&sim->calls, replica->engine.id);
    }
    if (mb_engine_stepping(&replica->engine)) mb_replica_look_up(sim, replica);
}

void mb_sim_unstamp(mb_sim *sim, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (!request->stamp) return;
    if (request->older != MB_NONE) mb_request_at(&sim->requests, request->older)->newer = request->newer;
    if (request->newer != MB_NONE)
        mb_request_at(&sim->requests, request->newer)->older = request->older;
    else
        sim->newest_stamped = request->older;
    request->stamp = 0;
    request->older = request->newer = MB_NONE;
}

// Its place in the list is by the age of its news: usually the newest.
static void stamp(mb_sim *sim, uint32_t slot, uint64_t change) {
    if (!sim->by_steps) return;
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->stamp) mb_sim_unstamp(sim, slot);
    request->stamp = request->news = change;
    request->older = sim->newest_stamped;
    while (request->older != MB_NONE && mb_request_at(&sim->requests, request->older)->stamp > change) {
        request->newer = request->older;
        request->older = mb_request_at(&sim->requests, request->older)->older;
    }
    if (request->older != MB_NONE) mb_request_at(&sim->requests, request->older)->newer = slot;
    if (request->newer != MB_NONE)
        mb_request_at(&sim->requests, request->newer)->older = slot;
    else
        sim->newest_stamped = slot;
}

void mb_sim_stamp(mb_sim *sim, uint32_t slot) {
    stamp(sim, slot, next_change(sim));
}

// A change that concerns this replica alone.
static void tell_one(mb_sim *sim, mb_replica *replica, uint64_t change) {
    if (replica->own_version < change) replica->own_version = change;
    if (mb_engine_stepping(&replica->engine)) mb_replica_look_up(sim, replica);
}

void mb_sim_announce(mb_sim *sim, uint32_t queue, uint32_t slot, bool known) {
    const uint32_t owner = sim->queues[queue].owner;
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (owner == MB_NONE) {
        stamp(sim, slot, known ? request->news : next_change(sim));
        return;
    }
    mb_sim_unstamp(sim, slot);
    const uint64_t change = known ? request->news : ++sim->changes;
    if (sim->by_steps) request->news = change;
    tell_one(sim, sim->replicas[owner], change);
}

void mb_sim_wake(mb_sim *sim, mb_replica *replica) {
    tell_one(sim, replica, ++sim->changes);
    if (replica->busy || replica == sim->building) return;
    replica->needs_call = true;
    mb_bits_add(&sim->calls, replica->engine.id);
}

void mb_sim_reordered(mb_sim *sim, uint32_t queue) {
    const uint32_t owner = sim->queues[queue].owner;
    if (owner == MB_NONE)
        mb_sim_change_all(sim);
    else
        tell_one(sim, sim->replicas[owner], ++sim->changes);
}
