// SPDX-License-Identifier: MIT
#include "sim/copy.h"

#include "engine/room.h"
#include "sim/gauges.h"
#include "sim/news.h"
#include "sim/notice.h"
#include "sim/replica.h"
#include "sim/transfer.h"

#include <stdlib.h>
#include <string.h>

// What names the tokens: the request may be gone when they arrive.
struct mb_copy {
    mb_kv_names names;
    uint32_t slot, generation; // of the request
    uint32_t tokens;           // known, that the copy ends with
    uint64_t ids[];
};

static struct mb_copy *make_copy(const mb_request *request, uint32_t slot, uint32_t tokens) {
    const mb_kv_names names = mb_request_names(request);
    struct mb_copy *copy = malloc(sizeof *copy + names.count * sizeof *copy->ids);
    if (!copy) return NULL;
    *copy =
        (struct mb_copy){.names = names, .slot = slot, .generation = request->generation, .tokens = tokens};
    if (names.count) memcpy(copy->ids, names.ids, names.count * sizeof *copy->ids);
    copy->names.ids = copy->ids;
    return copy;
}

mb_status mb_copy(mb_sim *sim, uint32_t slot, uint32_t from, uint32_t to, const char **refused,
                  mb_error *error) {
    mb_replica *target = sim->replicas[to];
    const uint32_t tokens = mb_engine_cached_for_all(&sim->replicas[from]->engine, slot);
    const uint32_t there = mb_engine_cached(&target->engine, slot);
    *refused = mb_transfer_refused(sim, to);
    if (!*refused && tokens <= there) *refused = "cached";
    if (*refused) return MB_OK;
    const uint32_t index = mb_transfer_open(sim, from, to);
    if (index == MB_NONE) return mb_fail_memory(error);
    mb_transfer *transfer = &sim->transfers->list[index];
    bool late;
    transfer->kind = MB_TRANSFER_COPY;
    if (!mb_room_take(&target->engine, &transfer->hold, tokens - there, &late)) {
        mb_transfer_free(sim, index);
        *refused = "memory";
        return MB_OK;
    }
    if (late) mb_replica_look_up(sim, target);
    transfer->copy = make_copy(mb_request_at(&sim->requests, slot), slot, tokens);
    if (!transfer->copy) return mb_fail_memory(error);
    return mb_transfer_depart(sim, index, tokens - there, 1, error);
}

static mb_status tell(mb_sim *sim, const mb_transfer *transfer, mb_error *error) {
    const struct mb_copy *copy = transfer->copy;
    const mb_request *request = mb_request_at(&sim->requests, copy->slot);
    mb_notice notice = mb_notice_of(MB_SIGNAL_COPIED);
    if (request->phase != MB_PHASE_FREE && request->generation == copy->generation)
        notice.request = copy->slot;
    notice.from = transfer->from;
    notice.to = transfer->to;
    notice.seconds = sim->now_s - transfer->begun_s;
    return mb_notify(sim, &notice) ? MB_OK : mb_fail_memory(error);
}

mb_status mb_copy_arrives(mb_sim *sim, uint32_t index, mb_error *error) {
    mb_transfer *transfer = &sim->transfers->list[index];
    mb_replica *target = sim->replicas[transfer->to];
    const struct mb_copy *copy = transfer->copy;
    if (!mb_room_cache(&target->engine, &transfer->hold, &copy->names, copy->tokens))
        return mb_fail_memory(error);
    mb_sim_change_one(sim, target);
    const mb_status status = tell(sim, transfer, error);
    mb_transfer_free(sim, index);
    return status;
}

mb_status mb_copies_lose(mb_sim *sim, uint32_t failed, mb_error *error) {
    for (uint32_t i = 0; sim->transfers && i < sim->transfers->count; i++) {
        mb_transfer *transfer = &sim->transfers->list[i];
        if (!transfer->number || transfer->kind != MB_TRANSFER_COPY) continue;
        if (transfer->from != failed && transfer->to != failed) continue;
        sim->transfers->dropped += transfer->leg;
        mb_replica *target = sim->replicas[transfer->to];
        if (!mb_transfer_leave_its_wire(sim, i) || !mb_room_give(&target->engine, &transfer->hold))
            return mb_fail_memory(error);
        mb_sim_change_one(sim, target);
        mb_transfer_free(sim, i);
    }
    return MB_OK;
}
