// SPDX-License-Identifier: MIT
#include "sim/tee.h"

// Where a hook can fail, the others behind it are not asked any more.
#define MB_TEE_ASK(hook, ...)                                                                                \
    const mb_tee *tee = self;                                                                                \
    mb_status status = MB_OK;                                                                                \
    for (size_t i = 0; i < tee->count && status == MB_OK; i++)                                               \
        if (tee->all[i].hook) status = tee->all[i].hook(tee->all[i].self, __VA_ARGS__);                      \
    return status

#define MB_TEE_TELL(hook, ...)                                                                               \
    const mb_tee *tee = self;                                                                                \
    for (size_t i = 0; i < tee->count; i++)                                                                  \
        if (tee->all[i].hook) tee->all[i].hook(tee->all[i].self, __VA_ARGS__)

static mb_status finished(void *self, const mb_finished *record, mb_error *error) {
    MB_TEE_ASK(finished, record, error);
}

static mb_status batch(void *self, const mb_batch_record *record, mb_error *error) {
    MB_TEE_ASK(batch, record, error);
}

static mb_status member(void *self, const mb_member_record *record, mb_error *error) {
    MB_TEE_ASK(member, record, error);
}

static mb_status preempted(void *self, const mb_preempted *record, mb_error *error) {
    MB_TEE_ASK(preempted, record, error);
}

static mb_status decision(void *self, double now_s, uint32_t replica, const char *name, double value,
                          mb_error *error) {
    MB_TEE_ASK(decision, now_s, replica, name, value, error);
}

static void taken(void *self, const mb_taken *record) {
    MB_TEE_TELL(taken, record);
}

static void refused(void *self, double now_s, uint32_t replica, uint64_t id, mb_refusal why) {
    MB_TEE_TELL(refused, now_s, replica, id, why);
}

static void asked(void *self, double now_s, uint32_t replica, uint32_t count, mb_stop stop) {
    MB_TEE_TELL(asked, now_s, replica, count, stop);
}

static void moved(void *self, const mb_moved *record) {
    MB_TEE_TELL(moved, record);
}

static void lost(void *self, double now_s, uint32_t replica, uint64_t id) {
    MB_TEE_TELL(lost, now_s, replica, id);
}

static mb_status before(void *self, const mb_sim *sim, double next_s, mb_error *error) {
    MB_TEE_ASK(before, sim, next_s, error);
}

static mb_status instant(void *self, mb_sim *sim, mb_error *error) {
    MB_TEE_ASK(instant, sim, error);
}

static void held(void *self, double from_s, double to_s, uint64_t waiting, uint64_t running) {
    MB_TEE_TELL(held, from_s, to_s, waiting, running);
}

mb_observer mb_tee_observer(mb_tee *tee) {
    mb_observer whole = {.self = tee};
    for (size_t i = 0; i < tee->count; i++) {
        const mb_observer *one = &tee->all[i];
        if (one->finished) whole.finished = finished;
        if (one->batch) whole.batch = batch;
        if (one->member) whole.member = member;
        if (one->preempted) whole.preempted = preempted;
        if (one->decision) whole.decision = decision;
        if (one->taken) whole.taken = taken;
        if (one->refused) whole.refused = refused;
        if (one->asked) whole.asked = asked;
        if (one->moved) whole.moved = moved;
        if (one->lost) whole.lost = lost;
        if (one->held) whole.held = held;
        if (one->before) whole.before = before;
        if (one->instant) whole.instant = instant;
    }
    return whole;
}
