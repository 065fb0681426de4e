// SPDX-License-Identifier: MIT
#include "queue/request.h"

#include <math.h>
#include <stdlib.h>

void mb_request_store_init(mb_request_store *store) {
    *store = (mb_request_store){.free_head = MB_NONE};
}

void mb_request_store_deinit(mb_request_store *store) {
    for (uint32_t i = 0; i < store->chunk_count; i++) {
        for (uint32_t j = 0; j < MB_CHUNK_SIZE; j++)
            free(store->chunks[i][j].prefix_ids);
        free(store->chunks[i]);
    }
    free(store->chunks);
    mb_request_store_init(store);
}

static bool add_chunk(mb_request_store *store) {
    if (store->chunk_count >= (MB_NONE >> MB_CHUNK_BITS)) return false;
    if (store->chunk_count == store->capacity_chunks) {
        const uint32_t capacity = store->capacity_chunks ? 2 * store->capacity_chunks : 16;
        mb_request **chunks = realloc(store->chunks, capacity * sizeof *chunks);
        if (!chunks) return false;
        store->chunks = chunks;
        store->capacity_chunks = capacity;
    }
    mb_request *chunk = calloc(MB_CHUNK_SIZE, sizeof *chunk);
    if (!chunk) return false;
    const uint32_t first = store->chunk_count << MB_CHUNK_BITS;
    store->chunks[store->chunk_count++] = chunk;
    for (uint32_t i = MB_CHUNK_SIZE; i-- > 0;) { // lowest slot first, for locality
        chunk[i].next = store->free_head;
        store->free_head = first + i;
    }
    return true;
}

static void reset_progress(mb_request *request) {
    request->computed = request->generated = request->chunk = request->counted = request->was_computed = 0;
    request->preemptions = 0;
    request->given_back_s = NAN;
    request->home = MB_NONE;
    request->hold = (mb_kv_hold){.left = MB_KV_NO_RUN};
    request->first_token_s = request->last_token_s = NAN;
    request->waited_s = request->attained_s = 0;
}

uint32_t mb_request_new(mb_request_store *store, bool engine) {
    if (store->free_head == MB_NONE && !add_chunk(store)) return MB_NONE;
    const uint32_t slot = store->free_head;
    mb_request *request = mb_request_at(store, slot);
    store->free_head = request->next;
    store->live++;
    request->phase = MB_PHASE_WAITING;
    request->stage = MB_STAGE_NEW;
    request->queue = request->replica = MB_NONE;
    request->previous = request->next = request->parent = MB_NONE;
    request->script_view = 0;
    if (!engine) return slot; // zero from the start, and never touched
    request->older = request->newer = MB_NONE;
    request->stamp = 0;
    reset_progress(request);
    return slot;
}

void mb_request_recycle(mb_request_store *store, uint32_t slot) {
    mb_request *request = mb_request_at(store, slot);
    request->phase = MB_PHASE_FREE;
    request->generation++;
    request->next = store->free_head;
    store->free_head = slot;
    store->live--;
}

mb_kv_names mb_request_names(const mb_request *request) {
    return (mb_kv_names){.ids = request->prefix_ids,
                         .count = request->prefix_count,
                         .unit_tokens = request->prefix_unit_tokens,
                         .prompt_tokens = request->prompt_tokens,
                         .session = request->session};
}

mb_request *mb_request_note(mb_request *request) {
    if (request->noted == request->id + 1) return request;
    request->noted = request->id + 1;
    request->rank = 0;
    request->expected = 0;
    return request;
}
