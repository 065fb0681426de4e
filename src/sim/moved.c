// SPDX-License-Identifier: MIT
#include "sim/moved.h"

#include "engine/room.h"
#include "sim/copy.h"
#include "sim/gauges.h"
#include "sim/lifecycle.h"
#include "sim/migrate.h"
#include "sim/news.h"
#include "sim/notice.h"
#include "sim/transfer.h"

static void count(mb_sim *sim, mb_transfer *transfer) {
    mb_metrics *metrics = &sim->metrics;
    const double bytes = sim->replicas[transfer->from]->hardware->kv_bytes_per_token;
    sim->transfers->arrived += transfer->leg;
    metrics->moved_bytes += bytes > 0 ? bytes * (double)transfer->leg : (double)NAN;
    transfer->leg = 0;
    if (transfer->kind != MB_TRANSFER_SEND) return;
    metrics->transfers++;
    metrics->transfers_s += sim->now_s - transfer->begun_s;
}

static void show(const mb_sim *sim, const mb_transfer *transfer, const mb_request *request) {
    const mb_moved moved = {.begun_s = transfer->begun_s,
                            .time_s = sim->now_s,
                            .from = transfer->from,
                            .to = transfer->to,
                            .id = request->id,
                            .tokens = transfer->tokens};
    if (sim->observer.moved) sim->observer.moved(sim->observer.self, &moved);
}

static mb_status arrive(mb_sim *sim, uint32_t index, mb_error *error) {
    count(sim, &sim->transfers->list[index]);
    const mb_transfer transfer = sim->transfers->list[index];
    if (transfer.kind == MB_TRANSFER_COPY) return mb_copy_arrives(sim, index, error);
    if (transfer.kind == MB_TRANSFER_LIVE) return mb_migrate_on(sim, index, error);
    mb_request *request = mb_request_at(&sim->requests, transfer.slot);
    mb_engine *target = &sim->replicas[transfer.to]->engine;
    mb_transfer_free(sim, index);
    mb_sim_integrate(sim);
    if (!mb_transfer_leave_source(sim, &transfer)) return mb_fail_memory(error);
    if (!mb_room_come(target, request, &transfer.hold)) return mb_fail_memory(error);
    request->stage = MB_STAGE_PAUSED;
    sim->away--;
    mb_transfer_pass_time(sim, transfer.slot, MB_PART_MOVED);
    show(sim, &transfer, request);
    return mb_transfer_come(sim, &transfer, error);
}

static bool note_due(mb_transfers *all, uint32_t index) {
    if (!mb_slots_room(&all->due, all->due_count, &all->due_capacity)) return false;
    uint32_t at = all->due_count++;
    for (; at > 0 && all->list[all->due[at - 1]].number > all->list[index].number; at--)
        all->due[at] = all->due[at - 1];
    all->due[at] = index;
    return true;
}

static mb_status collect_due(mb_sim *sim, mb_error *error) {
    mb_transfers *all = sim->transfers;
    bool done = true;
    all->due_count = 0;
    while (done && sim->heap.count) {
        const mb_event event = mb_heap_top(&sim->heap);
        if (event.kind != MB_EVENT_TRANSFER || event.time_s > sim->now_s) break;
        mb_heap_pop(&sim->heap);
        if (!mb_transfer_is_current(sim, event.time_s, event.payload)) continue;
        done = event.payload & MB_WIRE_EVENT ? mb_transfer_leave_wire(sim, event.payload)
                                             : note_due(all, event.payload);
    }
    return done ? MB_OK : mb_fail_memory(error);
}

mb_status mb_transfers_arrive(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    while (status == MB_OK && (status = collect_due(sim, error)) == MB_OK && sim->transfers->due_count) {
        sim->timers_alone = 0;
        for (uint32_t i = 0; i < sim->transfers->due_count && status == MB_OK; i++) {
            const uint32_t index = sim->transfers->due[i];
            if (mb_transfer_is_current(sim, sim->now_s, index)) status = arrive(sim, index, error);
            if (status == MB_OK) status = mb_sim_follow_up(sim, error);
        }
    }
    return status;
}
