// SPDX-License-Identifier: MIT
// Requests in the system. A request is made when it arrives and recycled when it ends, so memory grows with
// the requests in flight and never with the length of the trace.
#pragma once
#include "base/error.h"
#include "model/kv_blocks.h"
#include "model/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MB_NONE UINT32_MAX

typedef enum mb_phase {
    MB_PHASE_FREE,    // the slot holds no request
    MB_PHASE_WAITING, // in a queue, or held by the policy
    MB_PHASE_RUNNING,
} mb_phase;

// How far an iteration-level engine is with a request.
typedef enum mb_stage {
    MB_STAGE_NEW,     // nothing of it is in memory
    MB_STAGE_PREFILL, // running: its known tokens are not all computed
    MB_STAGE_DECODE,  // running: among the engine's decodes, which advance together
    MB_STAGE_PARKED,  // running, a decode that the last steps left out
    MB_STAGE_PAUSED,  // waiting, its memory kept
    MB_STAGE_SWAPPED, // waiting, its memory on the host
    MB_STAGE_HANDOFF, // as paused: it emitted its first token where others are to go on with it
    MB_STAGE_MOVING,  // waiting, its memory on the way to another engine
} mb_stage;

// Does a request that waits hold memory where it ran last?
static inline bool mb_stage_holds(uint8_t stage) {
    return stage == MB_STAGE_PAUSED || stage == MB_STAGE_HANDOFF || stage == MB_STAGE_MOVING;
}

// What only some runs ask of a request. It lies apart: where nobody does, this memory is never touched.
typedef struct mb_request_rest {
    mb_reading reading; // of its tokens, up to where it joined the decodes (engine/pieces.h)
    uint64_t gap_from;  // since it joined them, gap_s is to be compared with those from this iteration on
    uint64_t program;   // 0: none; else of this number
    // --- what the policy says of request number noted - 1; of another one these are of an earlier request
    // here
    uint64_t noted;
    double rank;
    uint32_t expected;                   // tokens of the whole output; 0: what was predicted
    double served_from_s, waited_from_s; // its clocks count what it ran and waited beyond these
    uint64_t set_aside;                  // by ranking number ... of the simulation
    // --- of workloads that say it
    uint32_t max_output; // the caller's bound on the output; 0: none
    uint64_t noise;      // of its predictions
    // --- in a queue ordered by the ratio of its age: the first of its subtree, and until when it is that
    uint32_t tree_first;
    double tree_until_s;
} mb_request_rest;

typedef struct mb_request {
    uint64_t id; // 0, 1, 2, ... in order of arrival
    double arrival_s, start_s, deadline_s, service_s;
    double key; // order in a keyed queue
    uint32_t prompt_tokens, output_tokens, predicted_output;
    uint32_t client;
    int32_t priority;
    uint32_t generation;     // of the slot; a handle of an earlier request of the same slot does not match it
    uint32_t replica;        // while running, paused or swapped
    uint32_t queue;          // index of the queue that holds it, or MB_NONE
    uint32_t previous, next; // FIFO links; in a keyed queue the left and right child; while an engine runs
                             // it, its neighbours in order of admission
    uint32_t parent, tree_priority; // keyed queue; the latter, in a whole batch: the queue that it came from
    uint32_t script_view;           // owned by the policy's language: 0 = it has not looked at the request
    uint32_t class_index, user;     // of its workload
    uint8_t phase, stage;
    uint32_t older, newer; // links of the list of waiting requests in order of `stamp`
    uint64_t stamp;        // sim->version when it was last queued; 0: not in that list
    // --- All that the batch executor touches is above, in two cache lines. The rest is for iteration-level
    // engines (engine/state.h) and not even set without one; for a decode it holds as of iteration `joined`.
    uint32_t computed, generated; // tokens in memory; tokens emitted
    uint64_t joined;              // iteration of its engine
    uint64_t order;               // of admission
    mb_kv_hold hold;
    uint32_t chunk;         // tokens that the step being built computes of it; 0: it is not in the step
    uint32_t place;         // index among the engine's decodes
    uint32_t before, after; // neighbours among its unfinished prefills
    uint32_t home;          // the queue that it was admitted from, or MB_NONE
    uint32_t was_computed;  // before its last preemption by recompute
    uint32_t preemptions;
    uint64_t news;                        // the last `stamp` that it got
    double given_back_s;                  // when it was last preempted
    uint32_t counted;                     // of `generated`, in its client's counter
    bool covered;                         // its blocks reach to its end: it needs no more
    bool in_flight;                       // in a batch of a pipeline
    double first_token_s, last_token_s;   // NAN before
    double since_s, waited_s, attained_s; // start of the present phase; sums over the past ones
    double gap_s; // largest between its tokens, up to where it joined the decodes (engine/gaps.h)
    uint64_t session;
    uint64_t *prefix_ids; // owned
    uint32_t prefix_count, prefix_unit_tokens;
    uint32_t transfer;     // its number among those under way; MB_NONE
    mb_request_rest *rest; // of this slot
} mb_request;

// What lies before the replicas: tokenising a prompt, HTTP.
typedef struct mb_front_end {
    double base_s, per_token_s; // of the prompt
} mb_front_end;

// When the replicas and their policy see a request that was sent at `arrival_s`.
static inline double mb_front_end_passed(const mb_front_end *front, double arrival_s,
                                         uint32_t prompt_tokens) {
    return arrival_s + (front->base_s + front->per_token_s * prompt_tokens);
}

typedef struct mb_request_store {
    mb_request **chunks;
    uint32_t chunk_count, capacity_chunks;
    uint32_t free_head; // list of free slots through `next`
    uint32_t live;
} mb_request_store;

enum { MB_CHUNK_BITS = 10, MB_CHUNK_SIZE = 1 << MB_CHUNK_BITS };

void mb_request_store_init(mb_request_store *store);
void mb_request_store_deinit(mb_request_store *store);
// A free slot, phase and links reset, and what engines need if `engine`; MB_NONE when out of memory.
uint32_t mb_request_new(mb_request_store *store, bool engine);
void mb_request_recycle(mb_request_store *store, uint32_t slot);
// Ready to take what the policy says of it.
mb_request *mb_request_note(mb_request *request);
// What the policy believes the whole output to be, in tokens, not negative.
void mb_request_expect(mb_request *request, double tokens);
// The whole output as the policy expects it, though there may be more of it already.
static inline uint32_t mb_request_believed(const mb_request *request) {
    const bool said = request->rest->noted == request->id + 1 && request->rest->expected;
    return said ? request->rest->expected : request->predicted_output;
}
// How much of that is left, once so much is generated: at least one token.
static inline uint32_t mb_request_left(const mb_request *request, uint32_t generated) {
    const uint32_t tokens = mb_request_believed(request);
    return tokens > generated ? tokens - generated : 1;
}
// The output that the policy expects.
static inline uint32_t mb_request_expected(const mb_request *request) {
    return request->generated + mb_request_left(request, request->generated);
}
static inline double mb_request_rank(const mb_request *request) {
    return request->rest->noted == request->id + 1 ? request->rest->rank : 0;
}
// What a KV memory knows its content by.
static inline mb_kv_names mb_request_names(const mb_request *request) {
    return (mb_kv_names){.ids = request->prefix_ids,
                         .count = request->prefix_count,
                         .unit_tokens = request->prefix_unit_tokens,
                         .prompt_tokens = request->prompt_tokens,
                         .session = request->session};
}

static inline mb_request *mb_request_at(const mb_request_store *store, uint32_t slot) {
    return &store->chunks[slot >> MB_CHUNK_BITS][slot & (MB_CHUNK_SIZE - 1)];
}
// Slots handed out so far; every slot is below this.
static inline uint32_t mb_request_slots(const mb_request_store *store) {
    return store->chunk_count << MB_CHUNK_BITS;
}
