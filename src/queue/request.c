// SPDX-License-Identifier: MIT
#define _DEFAULT_SOURCE // madvise
#include "queue/request.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// Where very many requests wait, more than half of the time went into the kernel's page faults. So from the
// chunk number SINGLE_CHUNKS on they come several at once, in pages of this size where the system has them.
#define BIG_PAGE ((size_t)2 * 1024 * 1024)
#define CHUNK_BYTES (MB_CHUNK_SIZE * sizeof(mb_request))
enum { SINGLE_CHUNKS = 16, CHUNKS_IN_PAGE = BIG_PAGE / CHUNK_BYTES };
_Static_assert(CHUNKS_IN_PAGE >= 1, "a chunk of requests fits into a big page");

void mb_request_store_init(mb_request_store *store) {
    *store = (mb_request_store){.free_head = MB_NONE};
}

// Whether the chunk was allocated for itself, or is the first of its page.
static bool begins_page(uint32_t chunk) {
    return chunk < SINGLE_CHUNKS || (chunk - SINGLE_CHUNKS) % CHUNKS_IN_PAGE == 0;
}

void mb_request_store_deinit(mb_request_store *store) {
    for (uint32_t i = 0; i < store->chunk_count; i++) {
        free(store->chunks[i]->rest);
        for (uint32_t j = 0; j < MB_CHUNK_SIZE; j++)
            free(store->chunks[i][j].prefix_ids);
    }
    for (uint32_t i = 0; i < store->chunk_count; i++)
        if (begins_page(i)) free(store->chunks[i]);
    free(store->chunks);
    mb_request_store_init(store);
}

// The memory of the next chunk, all zero.
static mb_request *chunk_memory(const mb_request_store *store) {
    const uint32_t number = store->chunk_count;
    if (number < SINGLE_CHUNKS) return calloc(1, CHUNK_BYTES);
    if (!begins_page(number)) return store->chunks[number - 1] + MB_CHUNK_SIZE;
    void *page = NULL;
    if (posix_memalign(&page, BIG_PAGE, BIG_PAGE)) return NULL;
    (void)madvise(page, BIG_PAGE, MADV_HUGEPAGE); // a wish
    return memset(page, 0, BIG_PAGE);
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
    mb_request_rest *rests = calloc(MB_CHUNK_SIZE, sizeof *rests); // large enough for pages of its own
    mb_request *chunk = rests ? chunk_memory(store) : NULL;
    if (!chunk) {
        free(rests);
        return false;
    }
    const uint32_t first = store->chunk_count << MB_CHUNK_BITS;
    store->chunks[store->chunk_count++] = chunk;
    for (uint32_t i = MB_CHUNK_SIZE; i-- > 0;) { // lowest slot first, for locality
        chunk[i].rest = &rests[i];
        chunk[i].next = store->free_head;
        store->free_head = first + i;
    }
    return true;
}

static void reset_progress(mb_request *request) {
    request->computed = request->generated = request->chunk = request->counted = request->was_computed = 0;
    request->preemptions = 0;
    request->given_back_s = NAN;
    request->home = request->transfer = MB_NONE;
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

mb_request *mb_request_note(mb_request *request) {
    if (request->rest->noted == request->id + 1) return request;
    request->rest->noted = request->id + 1;
    request->rest->rank = 0;
    request->rest->expected = 0;
    request->rest->served_from_s = request->rest->waited_from_s = 0;
    return request;
}

void mb_request_expect(mb_request *request, double tokens) {
    const double whole = floor(tokens + 0.5);
    mb_request_note(request)->rest->expected = whole < 1        ? 1
                                               : whole < 0x1p31 ? (uint32_t)whole
                                                                : UINT32_C(1) << 31;
}
