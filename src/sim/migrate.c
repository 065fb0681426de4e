// SPDX-License-Identifier: MIT
#include "sim/migrate.h"

#include "engine/hand.h"
#include "sim/gauges.h"
#include "sim/news.h"
#include "sim/notice.h"
#include "sim/replica.h"
#include "sim/transfer.h"
#include "sim/waiting.h"

mb_status mb_migration_fails(mb_sim *sim, uint32_t slot, const char *why, bool leaves, mb_error *error) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->transfer == MB_NONE || request->stage == MB_STAGE_MOVING) return MB_OK;
    mb_notice notice = mb_notice_of(MB_SIGNAL_ABORTED);
    notice.request = slot;
    notice.from = sim->transfers->list[request->transfer].from;
    notice.to = sim->transfers->list[request->transfer].to;
    notice.why = why;
    notice.leaves = leaves;
    const mb_status status = mb_transfer_abort(sim, slot, error);
    if (status != MB_OK) return status;
    if (!notice.leaves) return mb_notify(sim, &notice) ? MB_OK : mb_fail_memory(error);
    if (!mb_notice_wanted(sim, notice.kind)) return MB_OK;
    return sim->policy.ops->signal(sim->policy.self, sim, &notice, error);
}

mb_status mb_migrations_lose(mb_sim *sim, uint32_t failed, mb_error *error) {
    mb_status status = MB_OK;
    for (uint32_t i = 0; sim->transfers && i < sim->transfers->count && status == MB_OK; i++) {
        const mb_transfer *transfer = &sim->transfers->list[i];
        if (!transfer->number || transfer->kind == MB_TRANSFER_SEND || transfer->kind == MB_TRANSFER_COPY)
            continue;
        if (transfer->from == failed || transfer->to == failed)
            status = mb_migration_fails(sim, transfer->slot, "down", false, error);
    }
    return status;
}

static uint32_t computed_now(mb_sim *sim, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_engine *engine = &sim->replicas[request->replica]->engine;
    mb_engine_settle(engine);
    mb_engine_show_progress(engine, request);
    return request->computed;
}

// Does its replica stand between two steps, or build one?
static bool stands(const mb_sim *sim, const mb_request *request) {
    const mb_replica *replica = sim->replicas[request->replica];
    return replica->engine.pipeline ? !request->in_flight : !replica->busy;
}

// It leaves its replica, and the rest goes on its way. *refused: there is no room for that.
static mb_status leave(mb_sim *sim, uint32_t index, bool *refused, mb_error *error) {
    mb_transfer *transfer = &sim->transfers->list[index];
    const uint32_t slot = transfer->slot;
    mb_engine *source = &sim->replicas[transfer->from]->engine;
    const uint32_t computed = computed_now(sim, slot);
    *refused = !mb_transfer_take_room(sim, index);
    if (*refused) return MB_OK;
    sim->transfers->staying -= transfer->kind == MB_TRANSFER_STAY;
    transfer->queue = mb_replica_own_queue(sim, sim->replicas[transfer->to]);
    if (transfer->queue == MB_NONE) return mb_fail_memory(error);
    transfer->kind = MB_TRANSFER_SEND;
    transfer->stage = MB_STAGE_PAUSED;
    mb_sim_integrate(sim);
    sim->away++;
    const mb_status status = mb_hand_out(source, slot, MB_STAGE_MOVING, error);
    return status == MB_OK ? mb_transfer_depart(sim, index, computed - transfer->tokens, 1, error) : status;
}

// The next stage: a copy, while the request goes on, or the last. *refused: there is no room for it.
static mb_status next_stage(mb_sim *sim, uint32_t index, bool *refused, mb_error *error) {
    mb_transfer *transfer = &sim->transfers->list[index];
    const mb_request *request = mb_request_at(&sim->requests, transfer->slot);
    mb_replica *source = sim->replicas[transfer->from];
    const uint64_t left = computed_now(sim, transfer->slot) - transfer->tokens;
    *refused = false;
    if (transfer->stages > 1 && mb_engine_blocks_for(&source->engine, left) > transfer->last) {
        *refused = !mb_transfer_take_room(sim, index);
        transfer->stages--;
        transfer->kind = MB_TRANSFER_LIVE;
        return *refused ? MB_OK : mb_transfer_depart(sim, index, left, 1, error);
    }
    if (stands(sim, request)) return leave(sim, index, refused, error);
    transfer->kind = MB_TRANSFER_STAY;
    transfer->event_s = INFINITY;
    sim->transfers->staying++;
    mb_sim_change_one(sim, source);
    return MB_OK;
}

mb_status mb_migrate(mb_sim *sim, uint32_t slot, uint32_t to, uint32_t stages, uint32_t last,
                     const char **refused, mb_error *error) {
    *refused = NULL;
    if (mb_request_at(&sim->requests, slot)->replica == to) return MB_OK; // it is there
    *refused = mb_transfer_refused(sim, to);
    if (*refused) return MB_OK;
    const uint32_t index = mb_transfer_new(sim, slot, to);
    if (index == MB_NONE) return mb_fail_memory(error);
    sim->transfers->list[index].kind = MB_TRANSFER_LIVE;
    sim->transfers->list[index].stages = stages;
    sim->transfers->list[index].last = last;
    bool full;
    const mb_status status = next_stage(sim, index, &full, error);
    if (status != MB_OK || !full) return status;
    *refused = "memory";
    return mb_transfer_abort(sim, slot, error);
}

mb_status mb_migrate_on(mb_sim *sim, uint32_t index, mb_error *error) {
    bool full;
    const mb_status status = next_stage(sim, index, &full, error);
    if (status != MB_OK || !full) return status;
    return mb_migration_fails(sim, sim->transfers->list[index].slot, "memory", false, error);
}

mb_status mb_migrations_leave(mb_sim *sim, const mb_replica *replica, mb_error *error) {
    const mb_transfers *all = sim->transfers;
    mb_status status = MB_OK;
    for (uint32_t i = 0; all->staying && i < all->count && status == MB_OK; i++) {
        const mb_transfer *transfer = &all->list[i];
        if (!transfer->number || transfer->kind != MB_TRANSFER_STAY || transfer->from != replica->engine.id)
            continue;
        if (!stands(sim, mb_request_at(&sim->requests, transfer->slot))) continue;
        bool full;
        status = leave(sim, i, &full, error);
        if (status == MB_OK && full) status = mb_migration_fails(sim, transfer->slot, "memory", false, error);
    }
    return status;
}
