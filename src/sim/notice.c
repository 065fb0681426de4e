// SPDX-License-Identifier: MIT
#include "sim/notice.h"

#include <stdlib.h>

// A policy that answers each signal with something that is a signal again never comes to an end.
#define MOST_AT_ONCE 1000000u

const char *const mb_signal_names[MB_SIGNAL_COUNT] = {"arrived",  "copied", "aborted", "up",
                                                      "draining", "down",   "off"};

mb_notice mb_notice_of(mb_signal kind) {
    return (mb_notice){
        .kind = kind, .seconds = NAN, .replica = MB_NONE, .from = MB_NONE, .to = MB_NONE, .request = MB_NONE};
}

static bool make_room(void **list, size_t *capacity, size_t wanted, size_t size) {
    if (wanted <= *capacity) return true;
    const size_t more = 2 * wanted + 8;
    void *grown = realloc(*list, more * size);
    if (!grown) return false;
    *list = grown;
    *capacity = more;
    return true;
}

bool mb_notify(mb_sim *sim, const mb_notice *notice) {
    if (!mb_notice_wanted(sim, notice->kind)) return true;
    mb_notices *all = &sim->notices;
    if (!make_room((void **)&all->list, &all->capacity, all->count + 1, sizeof *all->list)) return false;
    if (!make_room((void **)&all->requests, &all->request_capacity,
                   all->request_count + notice->request_count, sizeof *all->requests))
        return false;
    mb_pending_notice *pending = &all->list[all->count++];
    *pending = (mb_pending_notice){.notice = *notice, .first = (uint32_t)all->request_count};
    if (notice->request != MB_NONE)
        pending->generation = mb_request_at(&sim->requests, notice->request)->generation;
    for (size_t i = 0; i < notice->request_count; i++) {
        const uint32_t slot = notice->requests[i];
        all->requests[all->request_count++] =
            (mb_noticed_request){slot, mb_request_at(&sim->requests, slot)->generation};
    }
    return true;
}

static bool is_here(const mb_sim *sim, uint32_t slot, uint32_t generation) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    return request->phase != MB_PHASE_FREE && request->generation == generation;
}

static mb_status tell(mb_sim *sim, mb_pending_notice pending, mb_error *error) {
    mb_notices *all = &sim->notices;
    mb_notice *notice = &pending.notice;
    if (notice->request != MB_NONE && !is_here(sim, notice->request, pending.generation)) return MB_OK;
    if (!make_room((void **)&all->slots, &all->slot_capacity, notice->request_count, sizeof *all->slots))
        return mb_fail_memory(error);
    size_t count = 0;
    for (size_t i = 0; i < notice->request_count; i++) {
        const mb_noticed_request one = all->requests[pending.first + i];
        if (is_here(sim, one.slot, one.generation)) all->slots[count++] = one.slot;
    }
    notice->requests = all->slots;
    notice->request_count = count;
    return sim->policy.ops->signal(sim->policy.self, sim, notice, error);
}

static mb_status count_at_once(mb_sim *sim, mb_error *error) {
    mb_notices *all = &sim->notices;
    if (all->at_once_s != sim->now_s) all->at_once = 0;
    all->at_once_s = sim->now_s;
    if (++all->at_once <= MOST_AT_ONCE) return MB_OK;
    return mb_fail(
        error, MB_FAILED,
        "stuck at t = %.9g s: the hook 'signal' was called %u times at this instant, since what it "
        "does is told to it again",
        sim->now_s, MOST_AT_ONCE);
}

mb_status mb_notices_tell_all(mb_sim *sim, mb_error *error) {
    mb_notices *all = &sim->notices;
    mb_status status = MB_OK;
    for (size_t i = 0; i < all->count && status == MB_OK; i++) { // the hook may add to them
        status = count_at_once(sim, error);
        if (status == MB_OK) status = tell(sim, all->list[i], error);
    }
    all->count = all->request_count = 0;
    return status;
}

void mb_notices_deinit(mb_sim *sim) {
    free(sim->notices.list);
    free(sim->notices.requests);
    free(sim->notices.slots);
}
