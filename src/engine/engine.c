// SPDX-License-Identifier: MIT
#include "engine/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

mb_status mb_engine_init(mb_engine *engine, const mb_sim_config *config, mb_error *error) {
    *engine = (mb_engine){.oldest = MB_NONE, .newest = MB_NONE, .naive = config->stepwise};
    mb_engine_clear_prefills(engine);
    engine->event_s = engine->far_s = INFINITY;
    engine->last_decode_s = NAN;
    const uint32_t block = config->kv_block;
    const uint64_t blocks =
        config->kv_capacity == MB_KV_UNLIMITED ? UINT64_C(1) << 40 : config->kv_capacity / block;
    if (blocks < 1)
        return mb_fail(error, MB_BAD_INPUT,
                       "the KV memory of a replica, %llu tokens, is smaller than one block of %u tokens",
                       (unsigned long long)config->kv_capacity, block);
    engine->due = calloc(block, sizeof *engine->due);
    if (!mb_kv_blocks_init(&engine->kv, blocks, block, config->prefix_cache) || !engine->due)
        return mb_fail_memory(error);
    return MB_OK;
}

void mb_engine_deinit(mb_engine *engine) {
    mb_kv_blocks_deinit(&engine->kv);
    free(engine->decodes);
    free(engine->due);
    free(engine->groups);
    free(engine->rows);
    free(engine->chunks);
    free(engine->selected);
}

mb_kv_names mb_engine_names(const mb_request *request) {
    return (mb_kv_names){.ids = request->prefix_ids,
                         .count = request->prefix_count,
                         .unit_tokens = request->prefix_unit_tokens,
                         .prompt_tokens = request->prompt_tokens,
                         .session = request->session};
}

bool mb_slots_room(uint32_t **slots, uint32_t count, uint32_t *capacity) {
    if (count < *capacity) return true;
    const uint32_t more = *capacity ? 2 * *capacity : 16;
    uint32_t *grown = realloc(*slots, more * sizeof *grown);
    if (!grown) return false;
    *slots = grown;
    *capacity = more;
    return true;
}

// --- the running, in order of admission

void mb_engine_enlist(mb_sim *sim, mb_engine *engine, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    request->order = engine->admissions++;
    request->previous = engine->newest;
    request->next = MB_NONE;
    if (engine->newest == MB_NONE)
        engine->oldest = slot;
    else
        mb_request_at(&sim->requests, engine->newest)->next = slot;
    engine->newest = slot;
    engine->running++;
}

void mb_engine_delist(mb_sim *sim, mb_engine *engine, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->previous == MB_NONE)
        engine->oldest = request->next;
    else
        mb_request_at(&sim->requests, request->previous)->next = request->next;
    if (request->next == MB_NONE)
        engine->newest = request->previous;
    else
        mb_request_at(&sim->requests, request->next)->previous = request->previous;
    request->previous = request->next = MB_NONE;
    engine->running--;
}

void mb_engine_clear_prefills(mb_engine *engine) {
    engine->first_prefill = engine->last_prefill = MB_NONE;
    engine->prefill_count = 0;
}

void mb_engine_add_prefill(mb_sim *sim, mb_engine *engine, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    request->before = engine->last_prefill;
    request->after = MB_NONE;
    if (engine->last_prefill == MB_NONE)
        engine->first_prefill = slot;
    else
        mb_request_at(&sim->requests, engine->last_prefill)->after = slot;
    engine->last_prefill = slot;
    engine->prefill_count++;
}

void mb_engine_drop_prefill(mb_sim *sim, mb_engine *engine, uint32_t slot) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->before == MB_NONE)
        engine->first_prefill = request->after;
    else
        mb_request_at(&sim->requests, request->before)->after = request->after;
    if (request->after == MB_NONE)
        engine->last_prefill = request->before;
    else
        mb_request_at(&sim->requests, request->after)->before = request->before;
    engine->prefill_count--;
}

// --- times of tokens: a gap ends when a decode emits the next one

bool mb_engine_count_token(mb_engine *engine, double time_s, int count) {
    for (uint32_t i = engine->group_count; i-- > 0;) {
        if (engine->groups[i].time_s != time_s) continue;
        engine->groups[i].count += (uint32_t)count;
        if (engine->groups[i].count == 0) engine->groups[i] = engine->groups[--engine->group_count];
        return true;
    }
    assert(count > 0);
    if (engine->group_count == engine->group_capacity) {
        const uint32_t more = engine->group_capacity ? 2 * engine->group_capacity : 4;
        mb_token_group *groups = realloc(engine->groups, more * sizeof *groups);
        if (!groups) return false;
        engine->groups = groups;
        engine->group_capacity = more;
    }
    engine->groups[engine->group_count++] = (mb_token_group){time_s, (uint32_t)count};
    return true;
}

// --- the heap of decodes

static bool sooner(const mb_decode *a, const mb_decode *b) {
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(const mb_sim *sim, mb_engine *engine, uint32_t place, const mb_decode *decode) {
    engine->decodes[place] = *decode;
    mb_request_at(&sim->requests, decode->slot)->place = place;
}

static void sift_up(const mb_sim *sim, mb_engine *engine, uint32_t place, const mb_decode *decode) {
    while (place > 0) {
        const uint32_t parent = (place - 1) / 4;
        if (!sooner(decode, &engine->decodes[parent])) break;
        put(sim, engine, place, &engine->decodes[parent]);
        place = parent;
    }
    put(sim, engine, place, decode);
}

static void sift_down(const mb_sim *sim, mb_engine *engine, uint32_t place, const mb_decode *decode) {
    const uint32_t count = engine->decode_count;
    for (;;) {
        const uint32_t first = 4 * place + 1, end = first + 4 < count ? first + 4 : count;
        if (first >= count) break;
        uint32_t best = first;
        for (uint32_t i = first + 1; i < end; i++)
            if (sooner(&engine->decodes[i], &engine->decodes[best])) best = i;
        if (!sooner(&engine->decodes[best], decode)) break;
        put(sim, engine, place, &engine->decodes[best]);
        place = best;
    }
    put(sim, engine, place, decode);
}

static void take_out(const mb_sim *sim, mb_engine *engine, uint32_t place) {
    const mb_decode last = engine->decodes[--engine->decode_count];
    if (place == engine->decode_count) return;
    if (place > 0 && sooner(&last, &engine->decodes[(place - 1) / 4]))
        sift_up(sim, engine, place, &last);
    else
        sift_down(sim, engine, place, &last);
}

// --- decodes come and go

// Residue of the iterations at which it needs a block: those that compute a token number divisible by the
// block.
static uint32_t residue(const mb_engine *engine, const mb_request *request) {
    const uint64_t block = engine->kv.block_tokens;
    return (uint32_t)((request->joined + block - request->computed % block) % block);
}

static uint64_t held_tokens(const mb_engine *engine, const mb_request *request) {
    return (uint64_t)(request->hold.own + request->hold.shared) * engine->kv.block_tokens;
}

static void count_due(mb_engine *engine, const mb_request *request, int count) {
    engine->due[residue(engine, request)] += (uint32_t)count;
    engine->due_total += (uint32_t)count;
}

static bool push_decode(mb_sim *sim, mb_engine *engine, uint32_t slot, mb_request *request) {
    if (engine->decode_count == engine->decode_capacity) {
        const uint32_t more = engine->decode_capacity ? 2 * engine->decode_capacity : 64;
        mb_decode *decodes = realloc(engine->decodes, more * sizeof *decodes);
        if (!decodes) return false;
        engine->decodes = decodes;
        engine->decode_capacity = more;
    }
    const uint64_t left = request->output_tokens - request->generated;
    // Blocks set aside beyond the last token computed cover so many iterations.
    const uint64_t cover = held_tokens(engine, request) - request->computed;
    mb_decode decode = {engine->iteration + left, request->order, slot, true};
    request->covered = cover >= engine->kv.block_tokens;
    if (request->covered && cover < left) {
        decode.at = engine->iteration + cover;
        decode.ends = false;
    }
    if (!request->covered) count_due(engine, request, 1);
    sift_up(sim, engine, engine->decode_count++, &decode);
    return true;
}

bool mb_engine_join(mb_sim *sim, mb_engine *engine, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    request->stage = MB_STAGE_DECODE;
    request->joined = engine->iteration;
    if (!mb_engine_count_token(engine, request->last_token_s, 1)) return false;
    if (engine->naive) return true;
    engine->context += request->computed + UINT64_C(1);
    return push_decode(sim, engine, slot, request);
}

void mb_engine_materialize(const mb_engine *engine, mb_request *request) {
    if (request->stage != MB_STAGE_DECODE) return;
    const uint32_t made = (uint32_t)(engine->iteration - request->joined);
    if (!made) return;
    request->computed += made;
    request->generated += made;
    request->joined = engine->iteration;
    request->last_token_s = engine->last_decode_s;
    const uint32_t blocks = (uint32_t)mb_kv_blocks_for(&engine->kv, request->computed);
    if (blocks > request->hold.own + request->hold.shared) request->hold.own = blocks - request->hold.shared;
}

// What leaving the decodes undoes, apart from the heap.
static void discount(mb_engine *engine, mb_request *request) {
    mb_engine_materialize(engine, request);
    engine->context -= request->computed + UINT64_C(1);
    if (!request->covered) count_due(engine, request, -1);
}

void mb_engine_part(mb_sim *sim, mb_engine *engine, uint32_t slot) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (!engine->naive) {
        discount(engine, request);
        take_out(sim, engine, request->place);
    }
    mb_engine_count_token(engine, request->last_token_s, -1);
    request->stage = MB_STAGE_PARKED;
}

uint32_t mb_engine_pop_decode(mb_sim *sim, mb_engine *engine) {
    const uint32_t slot = engine->decodes[0].slot;
    mb_engine_part(sim, engine, slot);
    return slot;
}

void mb_engine_uncover_first(mb_sim *sim, mb_engine *engine) {
    mb_decode first = engine->decodes[0];
    mb_request *request = mb_request_at(&sim->requests, first.slot);
    mb_engine_materialize(engine, request);
    request->covered = false;
    count_due(engine, request, 1);
    first.at = engine->iteration + (request->output_tokens - request->generated);
    first.ends = true;
    sift_down(sim, engine, 0, &first);
}

uint64_t mb_engine_due_now(const mb_sim *sim, const mb_engine *engine) {
    if (engine->naive) return mb_visit_decodes(sim, engine).due;
    return engine->due[engine->iteration % engine->kv.block_tokens];
}

static bool is_due(const mb_engine *engine, const mb_request *request, uint64_t iteration) {
    if (request->stage != MB_STAGE_DECODE) return false;
    const uint64_t computed = request->computed + (iteration - request->joined);
    return computed % engine->kv.block_tokens == 0 && computed >= held_tokens(engine, request);
}

bool mb_engine_newest_due(const mb_sim *sim, const mb_engine *engine, uint64_t iteration) {
    uint32_t slot = engine->newest;
    while (slot != MB_NONE && mb_request_at(&sim->requests, slot)->stage != MB_STAGE_DECODE)
        slot = mb_request_at(&sim->requests, slot)->previous;
    return slot != MB_NONE && is_due(engine, mb_request_at(&sim->requests, slot), iteration);
}

bool mb_engine_has_emitted(const mb_engine *engine, const mb_request *request) {
    mb_request now = *request; // a copy: looking changes nothing
    mb_engine_materialize(engine, &now);
    return now.last_token_s > now.since_s;
}

// Each decode in turn, oldest first, must find a block before it takes what it needs: so it is enough that
// the newest finds one. Not one that computes its last token again, though: that still is the prompt's
// business.
static bool newest_finds_one(const mb_sim *sim, const mb_engine *engine, uint64_t due) {
    for (uint32_t slot = engine->newest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        due -= is_due(engine, request, engine->iteration);
        if (request->stage == MB_STAGE_DECODE && mb_engine_has_emitted(engine, request))
            return due < engine->kv.free;
        slot = request->previous;
    }
    return true;
}

bool mb_engine_has_blocks(const mb_sim *sim, const mb_engine *engine, uint64_t more) {
    const uint64_t due = mb_engine_due_now(sim, engine);
    return due + more <= engine->kv.free && (!engine->spare || newest_finds_one(sim, engine, due));
}
