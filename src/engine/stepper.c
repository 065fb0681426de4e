// SPDX-License-Identifier: MIT
#include "engine/stepper.h"

#include "base/heap.h"
#include "engine/gaps.h"
#include "engine/peak.h"
#include "engine/pieces.h"
#include "engine/spend.h"
#include "engine/victim.h"
#include "engine/visit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

mb_status mb_stepper_init(mb_stepper *stepper, mb_surroundings *around, const mb_engine_memory *memory,
                          bool naive, mb_error *error) {
    *stepper = (mb_stepper){
        .around = around, .requests = around->requests, .oldest = MB_NONE, .newest = MB_NONE, .naive = naive};
    mb_stepper_clear_prefills(stepper);
    stepper->far_s = stepper->boundary_s = INFINITY;
    stepper->last_decode_s = stepper->gaps.last_s = NAN;
    stepper->last_start_s = stepper->last_end_s = NAN;
    const uint32_t block = memory->block;
    const uint64_t blocks = memory->capacity == MB_UNLIMITED ? MB_BLOCKS_UNLIMITED : memory->capacity / block;
    if (blocks < 1)
        return mb_fail(error, MB_BAD_INPUT,
                       "the KV memory of a replica, %llu tokens, is smaller than one block of %u tokens",
                       (unsigned long long)memory->capacity, block);
    stepper->due = calloc(block, sizeof *stepper->due);
    if (!mb_kv_blocks_init(&stepper->kv, blocks, block, memory->prefix_cache) || !stepper->due)
        return mb_fail_memory(error);
    return MB_OK;
}

void mb_stepper_deinit(mb_stepper *stepper) {
    mb_kv_blocks_deinit(&stepper->kv);
    free(stepper->decodes);
    free(stepper->due);
    free(stepper->groups);
    free(stepper->rows);
    free(stepper->chunks);
    free(stepper->selected);
    free(stepper->aside);
    free(stepper->handed);
    free(stepper->victims.heap);
    free(stepper->in_order.list);
    free(stepper->gaps.stack);
    free(stepper->gaps.joined);
    free(stepper->pieces.list);
}

bool mb_slots_grow(uint32_t **slots, uint32_t *capacity) {
    const uint32_t more = *capacity ? 2 * *capacity : 16;
    uint32_t *grown = realloc(*slots, more * sizeof *grown);
    if (!grown) return false;
    *slots = grown;
    *capacity = more;
    return true;
}

// --- memory over time

void mb_stepper_account(mb_stepper *stepper) {
    if (stepper->stepping) return;
    const double dt = *stepper->around->clock - stepper->accounted_s;
    stepper->accounted_s = *stepper->around->clock;
    if (dt <= 0) return;
    stepper->reserved_integral += dt * (double)(mb_stepper_blocks_used(stepper) * stepper->kv.block_tokens);
    stepper->used_integral += dt * mb_stepper_tokens(stepper);
}

// --- the running, in order of admission

inline void mb_stepper_delist(mb_stepper *stepper, uint32_t slot) {
    mb_request *request = mb_request_at(stepper->requests, slot);
    if (request->previous == MB_NONE)
        stepper->oldest = request->next;
    else
        mb_request_at(stepper->requests, request->previous)->next = request->next;
    if (request->next == MB_NONE)
        stepper->newest = request->previous;
    else
        mb_request_at(stepper->requests, request->next)->previous = request->previous;
    request->previous = request->next = MB_NONE;
    stepper->running--;
}

bool mb_stepper_let_leave(mb_stepper *stepper, uint32_t slot) {
    mb_request *request = mb_request_at(stepper->requests, slot);
    mb_stepper_delist(stepper, slot);
    stepper->resident_tokens -= request->computed;
    if (!request->session && !request->hold.units) return mb_kv_blocks_give_up(&stepper->kv, &request->hold);
    const mb_kv_names names = mb_request_names(request);
    return mb_kv_blocks_release(&stepper->kv, &request->hold, &names, request->computed,
                                request->session ? MB_KV_SESSION : MB_KV_FORGET);
}

void mb_stepper_clear_prefills(mb_stepper *stepper) {
    stepper->first_prefill = stepper->last_prefill = MB_NONE;
    stepper->prefill_count = 0;
}

// --- times of tokens: a gap ends when a decode emits the next one

bool mb_stepper_count_token(mb_stepper *stepper, double time_s, int count) {
    for (uint32_t i = stepper->group_count; i-- > 0;) {
        if (stepper->groups[i].time_s != time_s) continue;
        stepper->groups[i].count += (uint32_t)count;
        if (stepper->groups[i].count == 0) stepper->groups[i] = stepper->groups[--stepper->group_count];
        return true;
    }
    assert(count > 0);
    if (stepper->group_count == stepper->group_capacity) {
        const uint32_t more = stepper->group_capacity ? 2 * stepper->group_capacity : 4;
        mb_token_group *groups = realloc(stepper->groups, more * sizeof *groups);
        if (!groups) return false;
        stepper->groups = groups;
        stepper->group_capacity = more;
    }
    stepper->groups[stepper->group_count++] = (mb_token_group){time_s, (uint32_t)count};
    return true;
}

// --- the heap of decodes

// As one number, so that an order needs no branch that could be mispredicted.
static inline mb_event_key when(const mb_decode *decode) {
    return (mb_event_key)decode->at << 64 | decode->order;
}

static inline const mb_decode *sooner(const mb_decode *a, const mb_decode *b) {
    return when(b) < when(a) ? b : a;
}

// The soonest of `count` siblings.
static inline const mb_decode *soonest(const mb_decode *siblings, uint32_t count) {
    const mb_decode *best = siblings;
    if (count >= 4) return sooner(sooner(best, best + 1), sooner(best + 2, best + 3));
    for (uint32_t i = 1; i < count; i++)
        best = sooner(best, siblings + i);
    return best;
}

static void put(mb_stepper *stepper, uint32_t place, const mb_decode *decode) {
    stepper->decodes[place] = *decode;
    mb_request_at(stepper->requests, decode->slot)->place = place;
}

static void sift_up(mb_stepper *stepper, uint32_t place, const mb_decode *decode) {
    while (place > 0) {
        const uint32_t parent = (place - 1) / 4;
        if (when(&stepper->decodes[parent]) < when(decode)) break;
        put(stepper, place, &stepper->decodes[parent]);
        place = parent;
    }
    put(stepper, place, decode);
}

static void sift_down(mb_stepper *stepper, uint32_t place, const mb_decode *decode) {
    const uint32_t count = stepper->decode_count;
    const mb_event_key key = when(decode);
    for (uint32_t first; (first = 4 * place + 1) < count;) {
        const mb_decode *best = soonest(stepper->decodes + first, count - first);
        if (key < when(best)) break;
        put(stepper, place, best);
        place = (uint32_t)(best - stepper->decodes);
    }
    put(stepper, place, decode);
}

static void take_out(mb_stepper *stepper, uint32_t place) {
    const mb_decode last = stepper->decodes[--stepper->decode_count];
    if (place == stepper->decode_count) return;
    if (place > 0 && when(&last) < when(&stepper->decodes[(place - 1) / 4]))
        sift_up(stepper, place, &last);
    else
        sift_down(stepper, place, &last);
}

// --- decodes come and go

// Residue of the iterations at which it needs a block: those that compute a token number divisible by the
// block.
static uint32_t residue(const mb_stepper *stepper, const mb_request *request) {
    const uint64_t block = stepper->kv.block_tokens;
    return (uint32_t)((request->joined + block - request->computed % block) % block);
}

static uint64_t held_tokens(const mb_stepper *stepper, const mb_request *request) {
    return (uint64_t)(request->hold.own + request->hold.shared) * stepper->kv.block_tokens;
}

static void count_due(mb_stepper *stepper, const mb_request *request, int count) {
    stepper->due[residue(stepper, request)] += (uint32_t)count;
    stepper->due_total += (uint32_t)count;
}

static bool push_decode(mb_stepper *stepper, uint32_t slot, mb_request *request) {
    if (stepper->decode_count == stepper->decode_capacity) {
        const uint32_t more = stepper->decode_capacity ? 2 * stepper->decode_capacity : 64;
        mb_decode *decodes = realloc(stepper->decodes, more * sizeof *decodes);
        if (!decodes) return false;
        stepper->decodes = decodes;
        stepper->decode_capacity = more;
    }
    const uint64_t left = request->output_tokens - request->generated;
    // Blocks set aside beyond the last token computed cover so many iterations.
    const uint64_t cover = held_tokens(stepper, request) - request->computed;
    mb_decode decode = {stepper->iteration + left, request->order, slot, true};
    request->covered = cover >= stepper->kv.block_tokens;
    if (request->covered && cover < left) {
        decode.at = stepper->iteration + cover;
        decode.ends = false;
    }
    if (!request->covered) count_due(stepper, request, 1);
    sift_up(stepper, stepper->decode_count++, &decode);
    return true;
}

bool mb_stepper_join(mb_stepper *stepper, uint32_t slot) {
    mb_request *request = mb_request_at(stepper->requests, slot);
    if (stepper->staged) {
        request->stage = MB_STAGE_PARKED;
        stepper->parked++;
        return true;
    }
    // (A prompt's last row has been accounted for.)
    if (stepper->around->times && request->stage != MB_STAGE_PREFILL) mb_spend_turn(stepper, slot, request);
    request->stage = MB_STAGE_DECODE;
    request->joined = stepper->iteration;
    if (!mb_stepper_count_token(stepper, request->last_token_s, 1)) return false;
    if (stepper->around->gaps && !mb_gaps_join(stepper, slot)) return false;
    if (stepper->around->readings) mb_pieces_join(stepper, slot);
    if (stepper->naive) return true;
    stepper->context += request->computed + UINT64_C(1);
    if (stepper->in_order.kept) mb_endings_join(stepper, request);
    return push_decode(stepper, slot, request) && mb_victim_joined(stepper, slot);
}

void mb_stepper_materialize(const mb_stepper *stepper, mb_request *request) {
    const uint32_t made = mb_stepper_made(stepper, request);
    if (!made) return;
    request->computed += made;
    request->generated += made;
    request->joined = stepper->iteration;
    request->last_token_s = stepper->last_decode_s;
    const uint32_t blocks = (uint32_t)mb_kv_blocks_for(&stepper->kv, request->computed);
    if (blocks > request->hold.own + request->hold.shared) request->hold.own = blocks - request->hold.shared;
}

// What leaving the decodes undoes, apart from the heap.
static void discount(mb_stepper *stepper, mb_request *request) {
    mb_stepper_materialize(stepper, request);
    stepper->context -= request->computed + UINT64_C(1);
    if (stepper->in_order.kept) mb_endings_part(stepper, request);
    if (!request->covered) count_due(stepper, request, -1);
}

void mb_stepper_part(mb_stepper *stepper, uint32_t slot) {
    mb_request *request = mb_request_at(stepper->requests, slot);
    if (!stepper->naive) {
        discount(stepper, request);
        take_out(stepper, request->place);
    }
    if (stepper->around->times) mb_spend_turn(stepper, slot, request);
    if (stepper->around->gaps) mb_gaps_part(stepper, slot);
    if (stepper->around->readings) mb_pieces_part(stepper, slot);
    mb_stepper_count_token(stepper, request->last_token_s, -1);
    request->stage = MB_STAGE_PARKED;
}

bool mb_stepper_part_with(mb_stepper *stepper, uint32_t slot) {
    if (!mb_slots_room(&stepper->handed, stepper->handed_count, &stepper->handed_capacity)) return false;
    stepper->handed[stepper->handed_count++] = slot;
    mb_request_at(stepper->requests, slot)->stage = MB_STAGE_PARKED;
    stepper->parked++;
    return true;
}

uint32_t mb_stepper_pop_decode(mb_stepper *stepper) {
    const uint32_t slot = stepper->decodes[0].slot;
    mb_stepper_part(stepper, slot);
    return slot;
}

void mb_stepper_uncover_first(mb_stepper *stepper) {
    mb_decode first = stepper->decodes[0];
    mb_request *request = mb_request_at(stepper->requests, first.slot);
    mb_stepper_materialize(stepper, request);
    request->covered = false;
    count_due(stepper, request, 1);
    first.at = stepper->iteration + (request->output_tokens - request->generated);
    first.ends = true;
    sift_down(stepper, 0, &first);
}

static bool is_due(const mb_stepper *stepper, const mb_request *request, uint64_t iteration) {
    if (request->stage != MB_STAGE_DECODE) return false;
    const uint64_t computed = request->computed + (iteration - request->joined);
    return computed % stepper->kv.block_tokens == 0 && computed >= held_tokens(stepper, request);
}

bool mb_stepper_newest_due(const mb_stepper *stepper, uint64_t iteration) {
    uint32_t slot = stepper->newest;
    while (slot != MB_NONE && mb_request_at(stepper->requests, slot)->stage != MB_STAGE_DECODE)
        slot = mb_request_at(stepper->requests, slot)->previous;
    return slot != MB_NONE && is_due(stepper, mb_request_at(stepper->requests, slot), iteration);
}

bool mb_stepper_has_emitted(const mb_stepper *stepper, const mb_request *request) {
    mb_request now = *request; // a copy: looking changes nothing
    mb_stepper_materialize(stepper, &now);
    return now.last_token_s > now.since_s;
}

// Each decode in turn, oldest first, must find a block before it takes what it needs: so it is enough that
// the newest finds one. Not one that computes its last token again, though: that still is the prompt's
// business.
bool mb_stepper_newest_finds_one(const mb_stepper *stepper, uint64_t due) {
    for (uint32_t slot = stepper->newest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        due -= is_due(stepper, request, stepper->iteration);
        if (request->stage == MB_STAGE_DECODE && mb_stepper_has_emitted(stepper, request))
            return due < stepper->kv.free;
        slot = request->previous;
    }
    return true;
}
