// SPDX-License-Identifier: MIT
// Queues of waiting requests: first in first out, or ordered by a key (stable, logarithmic); and bins, an
// array of FIFO queues that a length routes to. Links live in the requests, so a queue costs nothing per
// request.
#pragma once
#include "base/bits.h"
#include "queue/ageing.h"

typedef enum mb_key {
    MB_KEY_NONE, // FIFO
    MB_KEY_ARRIVAL,
    MB_KEY_PROMPT_TOKENS,
    MB_KEY_PREDICTED_OUTPUT,
    MB_KEY_PREDICTED_TOTAL,     // prompt + predicted output
    MB_KEY_PREDICTED_REMAINING, // predicted output - generated, as of the push
    MB_KEY_EXPECTED_OUTPUT,     // what the policy expects
    MB_KEY_EXPECTED_REMAINING,  // the same - generated, as of the push
    MB_KEY_RANK,                // the number that the policy gave it
    MB_KEY_PAUSED,              // whose memory is kept where it waits first
    MB_KEY_OUTPUT_TOKENS,       // the true length: only where the scenario is an oracle
    MB_KEY_PRIORITY,            // larger priority first
    MB_KEY_DEADLINE,
    MB_KEY_GIVEN, // the caller gives the key with each push
    MB_KEY_COUNT
} mb_key;

// What queues that have an owner tell.
typedef struct mb_owned {
    uint64_t count;   // requests in all of them,
    uint64_t away;    // and those of them that are no work here: to be moved to another replica
    mb_bits *changed; // owners whose queue changed; NULL: nobody asks
    // Called before one changes: will it hold requests that replicas besides its owner could serve?
    void (*changes)(void *self, uint32_t owner, bool full);
    void *self;
} mb_owned;

typedef struct mb_queue {
    mb_key order;
    uint32_t head, tail; // FIFO; a keyed queue's root is `head`
    uint32_t index;      // its place in the simulation's list of queues, written into requests
    uint32_t owner;      // the replica whose own queue it is, or MB_NONE
    uint32_t count;
    mb_owned *owned; // NULL where there is no owner
    uint32_t bound;  // then: of the requests, those whose memory is kept, which go on there alone
    uint64_t prompt_tokens, predicted_tokens; // sums over the waiting
    uint32_t random;                          // state of the treap's balancing priorities
    mb_ageing ageing;
    double age_rate;     // MB_AGEING_RATE: keys fall by so much in a second
    double ordered_s;    // MB_AGEING_RATIO: the tree is in order as of this time
    const double *now_s; // the time there; else NULL
} mb_queue;

void mb_queue_init(mb_queue *queue, mb_key order, uint32_t index);
// An empty queue with an order: from now on the order changes with the time since arrival. Where a ratio is
// taken of a key that is a number of tokens, that is at least 1.
void mb_queue_age(mb_queue *queue, mb_ageing ageing, double rate, const double *now_s);
// The key that `order` gives a request once it has generated so much.
double mb_key_at(mb_key order, const mb_request *request, uint32_t generated);
// The same as far as it is written down (MB_KEY_NONE and MB_KEY_GIVEN: its present key).
static inline double mb_key_of(mb_key order, const mb_request *request) {
    return mb_key_at(order, request, request->generated);
}
// Name of a key in scripts ("predicted_output"), and back (MB_KEY_COUNT: unknown).
const char *mb_key_name(mb_key key);
mb_key mb_key_from_name(const char *name);

// The request must be waiting and in no queue. For MB_KEY_GIVEN its `key` was set by the caller.
void mb_queue_push(mb_queue *queue, mb_request_store *store, uint32_t slot);
// At the end of a FIFO's list, and nothing else.
static inline void mb_queue_link_last(mb_queue *queue, mb_request_store *store, uint32_t slot,
                                      mb_request *request) {
    request->previous = queue->tail;
    request->next = MB_NONE;
    if (queue->tail == MB_NONE)
        queue->head = slot;
    else
        mb_request_at(store, queue->tail)->next = slot;
    queue->tail = slot;
}
// mb_queue_push of a queue that is FIFO and nobody's own.
static inline void mb_queue_append(mb_queue *queue, mb_request_store *store, uint32_t slot,
                                   mb_request *request) {
    request->queue = queue->index;
    queue->count++;
    queue->prompt_tokens += request->prompt_tokens;
    queue->predicted_tokens += request->predicted_output;
    mb_queue_link_last(queue, store, slot, request);
}
// FIFO only: in front of everything.
void mb_queue_push_front(mb_queue *queue, mb_request_store *store, uint32_t slot);
// First request in order, or MB_NONE.
uint32_t mb_queue_first(const mb_queue *queue, const mb_request_store *store); // of a keyed one
static inline uint32_t mb_queue_peek(const mb_queue *queue, const mb_request_store *store) {
    return queue->order == MB_KEY_NONE ? queue->head : mb_queue_first(queue, store);
}
uint32_t mb_queue_pop(mb_queue *queue, mb_request_store *store);
// Last in order, or MB_NONE.
uint32_t mb_queue_last(mb_queue *queue, mb_request_store *store);
void mb_queue_remove_any(mb_queue *queue, mb_request_store *store, uint32_t slot);
static inline void mb_queue_remove(mb_queue *queue, mb_request_store *store, uint32_t slot) {
    if (queue->order != MB_KEY_NONE || queue->head != slot || queue->owned) {
        mb_queue_remove_any(queue, store, slot);
        return;
    }
    mb_request *request = mb_request_at(store, slot); // the first in line, as usual
    queue->count--;
    queue->prompt_tokens -= request->prompt_tokens;
    queue->predicted_tokens -= request->predicted_output;
    queue->head = request->next;
    if (queue->head == MB_NONE)
        queue->tail = MB_NONE;
    else
        mb_request_at(store, queue->head)->previous = MB_NONE;
    request->queue = request->previous = request->next = MB_NONE;
}
// The next in order after `slot`, or MB_NONE. Of a queue ordered by a ratio: call mb_queue_settle first.
uint32_t mb_queue_after(const mb_queue *queue, const mb_request_store *store, uint32_t slot);
// Before a walk: put a queue whose order has changed since into that of now (n log n).
void mb_queue_settle(mb_queue *queue, mb_request_store *store);
// The keys of those in it have changed: order them anew (n log n). For MB_KEY_GIVEN their `key` was set.
void mb_queue_reorder(mb_queue *queue, mb_request_store *store);
