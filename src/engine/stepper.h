// SPDX-License-Identifier: MIT
// Requests come to a stepper, advance and go.
#pragma once
#include "base/double.h"
#include "engine/state.h"
#include "engine/visit.h"

mb_status mb_stepper_init(mb_stepper *stepper, mb_surroundings *around, const mb_engine_memory *memory,
                          bool naive, mb_error *error);
void mb_stepper_deinit(mb_stepper *stepper);
// Blocks where there is no limit.
#define MB_BLOCKS_UNLIMITED (UINT64_C(1) << 40)
// Tokens that its memory holds; 0: no limit.
static inline uint64_t mb_stepper_capacity(const mb_stepper *stepper) {
    return stepper->kv.total == MB_BLOCKS_UNLIMITED ? 0 : stepper->kv.total * stepper->kv.block_tokens;
}
static inline uint64_t mb_stepper_blocks_used(const mb_stepper *stepper) {
    return stepper->kv.total - stepper->kv.free;
}
static inline double mb_stepper_fill(const mb_stepper *stepper) {
    return (double)mb_stepper_blocks_used(stepper) / (double)stepper->kv.total;
}
// Append to the running, as the newest.
static inline void mb_stepper_enlist(mb_stepper *stepper, uint32_t slot) {
    mb_request *request = mb_request_at(stepper->requests, slot);
    request->order = stepper->around->admissions++;
    request->previous = stepper->newest;
    request->next = MB_NONE;
    if (stepper->newest == MB_NONE)
        stepper->oldest = slot;
    else
        mb_request_at(stepper->requests, stepper->newest)->next = slot;
    stepper->newest = slot;
    stepper->running++;
}
// Take out of the running list.
void mb_stepper_delist(mb_stepper *stepper, uint32_t slot);
// The same for one that is done: its memory is free, but for what a session will ask for again. False when
// out of memory.
bool mb_stepper_let_leave(mb_stepper *stepper, uint32_t slot);
// A running request that emitted a token joins the decodes. False when out of memory.
bool mb_stepper_join(mb_stepper *stepper, uint32_t slot);
// The opposite; its progress is written into the request.
void mb_stepper_part(mb_stepper *stepper, uint32_t slot);
// A running request that emitted its first token is to be handed over (mb_hand_over). False when out of
// memory.
bool mb_stepper_part_with(mb_stepper *stepper, uint32_t slot);
// Write a decode's progress into the request.
void mb_stepper_materialize(const mb_stepper *stepper, mb_request *request);
static inline void mb_stepper_add_prefill(mb_stepper *stepper, uint32_t slot) {
    mb_request *request = mb_request_at(stepper->requests, slot);
    request->before = stepper->last_prefill;
    request->after = MB_NONE;
    if (stepper->last_prefill == MB_NONE)
        stepper->first_prefill = slot;
    else
        mb_request_at(stepper->requests, stepper->last_prefill)->after = slot;
    stepper->last_prefill = slot;
    stepper->prefill_count++;
}
static inline void mb_stepper_drop_prefill(mb_stepper *stepper, uint32_t slot) {
    const mb_request *request = mb_request_at(stepper->requests, slot);
    if (request->before == MB_NONE)
        stepper->first_prefill = request->after;
    else
        mb_request_at(stepper->requests, request->before)->after = request->after;
    if (request->after == MB_NONE)
        stepper->last_prefill = request->before;
    else
        mb_request_at(stepper->requests, request->after)->before = request->before;
    stepper->prefill_count--;
}
void mb_stepper_clear_prefills(mb_stepper *stepper);
// Tokens that are known of a request and not computed.
static inline uint32_t mb_todo(const mb_request *request) {
    return request->prompt_tokens + request->generated - request->computed;
}
// The heap's first decode leaves the decodes; its slot.
uint32_t mb_stepper_pop_decode(mb_stepper *stepper);
// The first decode's cover ends: from now on it needs blocks.
void mb_stepper_uncover_first(mb_stepper *stepper);
// Blocks that the decodes need for their next step.
static inline uint64_t mb_stepper_due_now(const mb_stepper *stepper) {
    if (stepper->naive) return mb_visit_decodes(stepper).due;
    return stepper->due[stepper->iteration % stepper->kv.block_tokens];
}
// Does the newest decode need a block for its step at this iteration, the present or a later one?
bool mb_stepper_newest_due(const mb_stepper *stepper, uint64_t iteration);
// Has the request emitted a token since it was admitted? (One that computes its last known token again has
// not.)
bool mb_stepper_has_emitted(const mb_stepper *stepper, const mb_request *request);
// Where each decode must find a free block, and the decodes take `due`.
bool mb_stepper_newest_finds_one(const mb_stepper *stepper, uint64_t due);
// Can all decodes, which need `due` blocks for it, make their next step, and leave `more` free?
static inline bool mb_stepper_finds_blocks(const mb_stepper *stepper, uint64_t due, uint64_t more) {
    return due + more <= stepper->kv.free && (!stepper->spare || mb_stepper_newest_finds_one(stepper, due));
}
static inline bool mb_stepper_has_blocks(const mb_stepper *stepper, uint64_t more) {
    return mb_stepper_finds_blocks(stepper, mb_stepper_due_now(stepper), more);
}
// Tokens in memory; with shared prefixes several requests count the same block, so no more than there is.
static inline double mb_stepper_tokens(const mb_stepper *stepper) {
    const uint64_t blocks = mb_stepper_blocks_used(stepper) * stepper->kv.block_tokens;
    return mb_double(stepper->resident_tokens < blocks ? stepper->resident_tokens : blocks);
}
// While no run is on: the averages of memory up to now. To be called before the memory in use changes.
void mb_stepper_account(mb_stepper *stepper);
bool mb_stepper_count_token(mb_stepper *stepper, double time_s, int count);
// Room for one more in a list of slots. False when out of memory.
bool mb_slots_grow(uint32_t **slots, uint32_t *capacity);
static inline bool mb_slots_room(uint32_t **slots, uint32_t count, uint32_t *capacity) {
    return count < *capacity || mb_slots_grow(slots, capacity);
}
