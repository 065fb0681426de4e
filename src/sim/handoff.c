// SPDX-License-Identifier: MIT
#include "sim/handoff.h"

#include "engine/room.h"
#include "sim/route.h"
#include "sim/transfer.h"

#include <math.h>
#include <stdlib.h>

bool mb_handoff_add(mb_sim *sim, uint32_t slot) {
    mb_handoffs *all = &sim->handoffs;
    if (all->count == all->capacity) {
        const uint32_t more = all->capacity ? 2 * all->capacity : 16;
        mb_handoff *list = realloc(all->list, more * sizeof *list);
        if (!list) return false;
        all->list = list;
        all->capacity = more;
    }
    all->list[all->count++] = (mb_handoff){.slot = slot,
                                           .generation = mb_request_at(&sim->requests, slot)->generation,
                                           .to = MB_NONE,
                                           .unasked = true};
    return true;
}

// Nobody has sent it, turned it away or gone on with it.
static bool still_waits(const mb_sim *sim, const mb_handoff *handoff) {
    const mb_request *request = mb_request_at(&sim->requests, handoff->slot);
    return request->phase == MB_PHASE_WAITING && request->generation == handoff->generation &&
           request->stage == MB_STAGE_HANDOFF;
}

// Where is it to go? *later: that is the policy's business from here on.
static mb_status ask(mb_sim *sim, mb_handoff *handoff, bool *later, mb_error *error) {
    *later = false;
    if (handoff->unasked && sim->handed_route.kind != MB_ROUTE_NONE) {
        handoff->to = mb_route_handed(sim);
        handoff->unasked = handoff->to == MB_NONE;
        return MB_OK;
    }
    if (!handoff->unasked || !sim->policy.ops->handoff) return MB_OK;
    mb_replica *replica = sim->replicas[mb_request_at(&sim->requests, handoff->slot)->replica];
    const mb_status status =
        sim->policy.ops->handoff(sim->policy.self, sim, handoff->slot, replica, &handoff->to, error);
    handoff->unasked = false;
    *later = handoff->to == MB_NONE || !still_waits(sim, handoff);
    return status;
}

// --- sending

// Of the replicas that decode and have room for so many tokens, the one with most room; MB_NONE.
static uint32_t roomiest(mb_sim *sim, uint32_t from, uint64_t tokens) {
    uint32_t best = MB_NONE;
    uint64_t most = 0;
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        mb_replica *replica = sim->replicas[i];
        if (replica->role != MB_ROLE_DECODE || replica->state != MB_UP || i == from ||
            !mb_link_between(sim, from, i))
            continue;
        if (!mb_room_fits(&replica->engine, tokens)) continue;
        const mb_kv_blocks *kv =
            &replica->engine.stepper->kv; // (which has an end even where nothing limits it)
        const uint64_t room = kv->free * kv->block_tokens;
        if (best != MB_NONE && room <= most) continue;
        best = i;
        most = room;
    }
    return best;
}

static mb_status no_way(const mb_request *request, mb_error *error) {
    return mb_fail(
        error, MB_FAILED,
        "request %llu was handed over by replica %u, whose role is \"prefill\", and no replica with "
        "the role \"decode\" can be reached from it; expected one, with a cluster.link to it, or a hook "
        "'handoff' that says where requests go",
        (unsigned long long)request->id, request->replica + 1);
}

// Off, or down and never repaired.
static bool is_gone(const mb_replica *replica) {
    return replica->state == MB_OFF || (replica->state == MB_DOWN && isinf(replica->up_s));
}

// Is there a replica that decodes, and can be reached? there_is: at some time to come.
static bool any_way(const mb_sim *sim, uint32_t from, bool there_is) {
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        const mb_replica *replica = sim->replicas[i];
        if (replica->role != MB_ROLE_DECODE || !mb_link_between(sim, from, i)) continue;
        if (!there_is || !is_gone(replica)) return true;
    }
    return false;
}

// *stays: there is no room for it now. Where nobody will ever go on with it, its own replica does.
static mb_status try_to_send(mb_sim *sim, const mb_handoff *handoff, bool *stays, mb_error *error) {
    const mb_request *request = mb_request_at(&sim->requests, handoff->slot);
    uint32_t to = handoff->to;
    *stays = true;
    if (to == MB_NONE || is_gone(sim->replicas[to])) {
        const uint32_t from = request->replica;
        to = roomiest(sim, from, request->computed);
        if (to == MB_NONE && !any_way(sim, from, false)) return no_way(request, error);
        if (to == MB_NONE && any_way(sim, from, true)) return MB_OK;
        if (to == MB_NONE) to = from;
    }
    const mb_sending how = {.queue = MB_NONE, .layers = 1};
    const char *refused;
    const mb_status status = mb_transfer_send(sim, handoff->slot, to, &how, &refused, error);
    *stays = refused;
    return status;
}

// In order; who finds no room at a replica is not passed by others that want to go there.
mb_status mb_handoffs_send_all(mb_sim *sim, mb_error *error) {
    mb_handoffs *all = &sim->handoffs;
    mb_status status = MB_OK;
    uint32_t kept = 0;
    bool any_full = false;
    all->passes++;
    for (uint32_t i = 0; i < all->count && status == MB_OK; i++) {
        mb_handoff handoff = all->list[i];
        bool later;
        if (!still_waits(sim, &handoff)) continue;
        status = ask(sim, &handoff, &later, error);
        if (status != MB_OK || later) continue;
        mb_replica *to = handoff.to == MB_NONE ? NULL : sim->replicas[handoff.to];
        bool stays = to ? to->full_pass == all->passes : any_full;
        if (!stays) status = try_to_send(sim, &handoff, &stays, error);
        if (!stays) continue;
        all->list[kept++] = handoff;
        if (to)
            to->full_pass = all->passes;
        else
            any_full = true;
    }
    all->count = kept;
    return status;
}
