// SPDX-License-Identifier: MIT
#include "queue/queue.h"

#include <assert.h>
#include <string.h>

void mb_queue_init(mb_queue *queue, mb_key order, uint32_t index) {
    *queue = (mb_queue){.order = order,
                        .head = MB_NONE,
                        .tail = MB_NONE,
                        .index = index,
                        .owner = MB_NONE,
                        .random = 2463534242u};
}

void mb_queue_age(mb_queue *queue, mb_ageing ageing, double rate, const double *now_s) {
    assert(queue->count == 0 && queue->order != MB_KEY_NONE);
    queue->ageing = ageing;
    queue->age_rate = rate;
    queue->now_s = now_s;
    queue->ordered_s = *now_s;
}

static const char *const KEY_NAMES[MB_KEY_COUNT] = {
    [MB_KEY_NONE] = "none",
    [MB_KEY_ARRIVAL] = "arrival",
    [MB_KEY_PROMPT_TOKENS] = "prompt_tokens",
    [MB_KEY_PREDICTED_OUTPUT] = "predicted_output",
    [MB_KEY_PREDICTED_TOTAL] = "predicted_total",
    [MB_KEY_PREDICTED_REMAINING] = "predicted_remaining",
    [MB_KEY_EXPECTED_OUTPUT] = "expected_output",
    [MB_KEY_EXPECTED_REMAINING] = "expected_remaining",
    [MB_KEY_RANK] = "rank",
    [MB_KEY_PAUSED] = "paused",
    [MB_KEY_OUTPUT_TOKENS] = "output_tokens",
    [MB_KEY_PRIORITY] = "priority",
    [MB_KEY_DEADLINE] = "deadline",
    [MB_KEY_GIVEN] = "function",
};

const char *mb_key_name(mb_key key) {
    return KEY_NAMES[key];
}

mb_key mb_key_from_name(const char *name) {
    for (mb_key key = MB_KEY_ARRIVAL; key < MB_KEY_GIVEN; key++)
        if (strcmp(KEY_NAMES[key], name) == 0) return key;
    return MB_KEY_COUNT;
}

double mb_key_at(mb_key order, const mb_request *request, uint32_t generated) {
    switch (order) {
    case MB_KEY_ARRIVAL:
        return request->arrival_s;
    case MB_KEY_PROMPT_TOKENS:
        return request->prompt_tokens;
    case MB_KEY_PREDICTED_OUTPUT:
        return request->predicted_output;
    case MB_KEY_PREDICTED_TOTAL:
        return (double)request->prompt_tokens + request->predicted_output;
    case MB_KEY_PREDICTED_REMAINING:
        return (double)request->predicted_output - generated;
    case MB_KEY_EXPECTED_OUTPUT:
        return generated + mb_request_left(request, generated);
    case MB_KEY_EXPECTED_REMAINING:
        return mb_request_left(request, generated);
    case MB_KEY_RANK:
        return mb_request_rank(request);
    case MB_KEY_PAUSED:
        return request->stage != MB_STAGE_PAUSED;
    case MB_KEY_OUTPUT_TOKENS:
        return request->output_tokens;
    case MB_KEY_PRIORITY:
        return -(double)request->priority;
    case MB_KEY_DEADLINE:
        return request->deadline_s;
    default:
        return request->key;
    }
}

static void tell_owned(mb_queue *queue, const mb_request *request, uint64_t more) {
    if (mb_stage_holds(request->stage)) queue->bound += (uint32_t)more;
    if (queue->owned->changes)
        queue->owned->changes(queue->owned->self, queue->owner, queue->count > queue->bound);
    queue->owned->count += more;
    if (request->stage == MB_STAGE_HANDOFF) queue->owned->away += more;
    if (queue->owned->changed) mb_bits_add(queue->owned->changed, queue->owner);
}

static void count_in(mb_queue *queue, mb_request *request) {
    assert(request->queue == MB_NONE && request->phase == MB_PHASE_WAITING);
    request->queue = queue->index;
    queue->count++;
    if (queue->owned) tell_owned(queue, request, 1);
    queue->prompt_tokens += request->prompt_tokens;
    queue->predicted_tokens += request->predicted_output;
}

static void count_out(mb_queue *queue, mb_request *request) {
    assert(request->queue == queue->index && queue->count > 0);
    request->queue = MB_NONE;
    queue->count--;
    if (queue->owned) tell_owned(queue, request, ~UINT64_C(0));
    queue->prompt_tokens -= request->prompt_tokens;
    queue->predicted_tokens -= request->predicted_output;
}

// --- FIFO
// -----------------------------------------------------------------------------------------------------

static void fifo_unlink(mb_queue *queue, mb_request_store *store, uint32_t slot) {
    mb_request *request = mb_request_at(store, slot);
    if (request->previous == MB_NONE)
        queue->head = request->next;
    else
        mb_request_at(store, request->previous)->next = request->next;
    if (request->next == MB_NONE)
        queue->tail = request->previous;
    else
        mb_request_at(store, request->next)->previous = request->previous;
    request->previous = request->next = MB_NONE;
}

// --- keyed: a treap (Aragon & Seidel 1989) ordered by (key, id)
// -----------------------------------------------

#define LEFT previous
#define RIGHT next

static bool before(const mb_queue *queue, const mb_request *a, const mb_request *b) {
    if (queue->ageing == MB_AGEING_RATIO) return mb_ageing_before(a, b, queue->ordered_s);
    const double of_a = a->key + queue->age_rate * a->arrival_s, // all keys fall alike
        of_b = b->key + queue->age_rate * b->arrival_s;
    return of_a != of_b ? of_a < of_b : a->id < b->id;
}

// From here up to the root, what lies below has changed.
static void refresh_up(const mb_queue *queue, const mb_request_store *store, uint32_t slot) {
    if (queue->ageing != MB_AGEING_RATIO) return;
    for (; slot != MB_NONE; slot = mb_request_at(store, slot)->parent)
        mb_ageing_refresh(store, slot, *queue->now_s);
}

// So that what is known of the rest of the tree holds now.
static void advance(const mb_queue *queue, const mb_request_store *store) {
    if (queue->ageing == MB_AGEING_RATIO) mb_ageing_advance(store, queue->head, *queue->now_s);
}

static void replace_child(mb_queue *queue, mb_request_store *store, uint32_t parent, uint32_t old,
                          uint32_t new) {
    if (parent == MB_NONE)
        queue->head = new;
    else {
        mb_request *above = mb_request_at(store, parent);
        if (above->LEFT == old)
            above->LEFT = new;
        else
            above->RIGHT = new;
    }
    if (new != MB_NONE) mb_request_at(store, new)->parent = parent;
}

// Lift `slot` over its parent, keeping the order.
static void rotate_up(mb_queue *queue, mb_request_store *store, uint32_t slot) {
    mb_request *request = mb_request_at(store, slot);
    const uint32_t parent = request->parent;
    mb_request *above = mb_request_at(store, parent);
    const bool left = above->LEFT == slot;
    const uint32_t middle = left ? request->RIGHT : request->LEFT;
    replace_child(queue, store, above->parent, parent, slot);
    if (left) {
        above->LEFT = middle;
        request->RIGHT = parent;
    } else {
        above->RIGHT = middle;
        request->LEFT = parent;
    }
    above->parent = slot;
    if (middle != MB_NONE) mb_request_at(store, middle)->parent = parent;
    if (queue->ageing == MB_AGEING_RATIO) mb_ageing_refresh(store, parent, *queue->now_s);
}

static void tree_push(mb_queue *queue, mb_request_store *store, uint32_t slot) {
    advance(queue, store);
    mb_request *request = mb_request_at(store, slot);
    queue->random ^= queue->random << 13; // xorshift32 (Marsaglia 2003): balance only, never a result
    queue->random ^= queue->random >> 17;
    queue->random ^= queue->random << 5;
    request->tree_priority = queue->random;
    request->LEFT = request->RIGHT = request->parent = MB_NONE;
    uint32_t at = queue->head, parent = MB_NONE;
    bool left = false;
    while (at != MB_NONE) {
        parent = at;
        left = before(queue, request, mb_request_at(store, at));
        at = left ? mb_request_at(store, at)->LEFT : mb_request_at(store, at)->RIGHT;
    }
    request->parent = parent;
    if (parent == MB_NONE)
        queue->head = slot;
    else if (left)
        mb_request_at(store, parent)->LEFT = slot;
    else
        mb_request_at(store, parent)->RIGHT = slot;
    while (request->parent != MB_NONE &&
           mb_request_at(store, request->parent)->tree_priority > request->tree_priority)
        rotate_up(queue, store, slot);
    refresh_up(queue, store, slot);
}

static void tree_unlink(mb_queue *queue, mb_request_store *store, uint32_t slot) {
    advance(queue, store);
    mb_request *request = mb_request_at(store, slot);
    while (request->LEFT != MB_NONE && request->RIGHT != MB_NONE) { // sink until one side is empty
        const mb_request *left = mb_request_at(store, request->LEFT),
                         *right = mb_request_at(store, request->RIGHT);
        rotate_up(queue, store, left->tree_priority < right->tree_priority ? request->LEFT : request->RIGHT);
    }
    const uint32_t child = request->LEFT != MB_NONE ? request->LEFT : request->RIGHT;
    replace_child(queue, store, request->parent, slot, child);
    refresh_up(queue, store, request->parent);
    request->LEFT = request->RIGHT = request->parent = MB_NONE;
}

static uint32_t leftmost(const mb_request_store *store, uint32_t slot) {
    while (slot != MB_NONE && mb_request_at(store, slot)->LEFT != MB_NONE)
        slot = mb_request_at(store, slot)->LEFT;
    return slot;
}

static uint32_t rightmost(const mb_request_store *store, uint32_t slot) {
    while (slot != MB_NONE && mb_request_at(store, slot)->RIGHT != MB_NONE)
        slot = mb_request_at(store, slot)->RIGHT;
    return slot;
}

static uint32_t tree_after(const mb_request_store *store, uint32_t slot) {
    const mb_request *request = mb_request_at(store, slot);
    if (request->RIGHT != MB_NONE) return leftmost(store, request->RIGHT);
    while (request->parent != MB_NONE && mb_request_at(store, request->parent)->RIGHT == slot) {
        slot = request->parent;
        request = mb_request_at(store, slot);
    }
    return request->parent;
}

// --- either
// ---------------------------------------------------------------------------------------------------

static void set_key(const mb_queue *queue, mb_request *request) {
    request->key = mb_key_of(queue->order, request);
    if (queue->ageing == MB_AGEING_RATIO && queue->order != MB_KEY_GIVEN && request->key < 1)
        request->key = 1;
}

void mb_queue_push(mb_queue *queue, mb_request_store *store, uint32_t slot) {
    mb_request *request = mb_request_at(store, slot);
    count_in(queue, request);
    if (queue->order == MB_KEY_NONE) {
        mb_queue_link_last(queue, store, slot, request);
        return;
    }
    set_key(queue, request);
    tree_push(queue, store, slot);
}

void mb_queue_push_front(mb_queue *queue, mb_request_store *store, uint32_t slot) {
    assert(queue->order == MB_KEY_NONE);
    mb_request *request = mb_request_at(store, slot);
    count_in(queue, request);
    request->previous = MB_NONE;
    request->next = queue->head;
    if (queue->head == MB_NONE)
        queue->tail = slot;
    else
        mb_request_at(store, queue->head)->previous = slot;
    queue->head = slot;
}

uint32_t mb_queue_first(const mb_queue *queue, const mb_request_store *store) {
    if (queue->head == MB_NONE) return MB_NONE;
    if (queue->ageing != MB_AGEING_RATIO) return leftmost(store, queue->head);
    advance(queue, store);
    return mb_request_at(store, queue->head)->rest->tree_first;
}

uint32_t mb_queue_last(mb_queue *queue, mb_request_store *store) {
    mb_queue_settle(queue, store);
    return queue->order == MB_KEY_NONE ? queue->tail : rightmost(store, queue->head);
}

void mb_queue_remove_any(mb_queue *queue, mb_request_store *store, uint32_t slot) {
    count_out(queue, mb_request_at(store, slot));
    if (queue->order == MB_KEY_NONE)
        fifo_unlink(queue, store, slot);
    else
        tree_unlink(queue, store, slot);
}

uint32_t mb_queue_pop(mb_queue *queue, mb_request_store *store) {
    const uint32_t slot = mb_queue_peek(queue, store);
    if (slot != MB_NONE) mb_queue_remove(queue, store, slot);
    return slot;
}

uint32_t mb_queue_after(const mb_queue *queue, const mb_request_store *store, uint32_t slot) {
    return queue->order == MB_KEY_NONE ? mb_request_at(store, slot)->next : tree_after(store, slot);
}

// The tree becomes a list, in its order: turned until no node has a left child. With `keyed` all get the keys
// that they would be pushed with now.
static uint32_t flatten(const mb_queue *queue, mb_request_store *store, bool keyed) {
    uint32_t first = MB_NONE, last = MB_NONE;
    for (uint32_t slot = queue->head; slot != MB_NONE;) {
        mb_request *request = mb_request_at(store, slot);
        const uint32_t left = request->LEFT;
        if (left != MB_NONE) {
            request->LEFT = mb_request_at(store, left)->RIGHT;
            mb_request_at(store, left)->RIGHT = slot;
            slot = left;
            continue;
        }
        if (keyed) set_key(queue, request);
        *(last == MB_NONE ? &first : &mb_request_at(store, last)->RIGHT) = slot;
        last = slot;
        slot = request->RIGHT;
    }
    return first;
}

// Two lists that are in order, neither of them empty, become one. (Who is first of each is looked up once.)
static uint32_t merge(const mb_queue *queue, mb_request_store *store, uint32_t a, uint32_t b) {
    uint32_t first, *end = &first;
    mb_request *of_a = mb_request_at(store, a), *of_b = mb_request_at(store, b);
    for (;;)
        if (before(queue, of_b, of_a)) {
            *end = b;
            end = &of_b->RIGHT;
            if ((b = *end) == MB_NONE) break;
            of_b = mb_request_at(store, b);
        } else {
            *end = a;
            end = &of_a->RIGHT;
            if ((a = *end) == MB_NONE) break;
            of_a = mb_request_at(store, a);
        }
    *end = a != MB_NONE ? a : b;
    return first;
}

// Runs that are in order already are merged, two of a size at a time; one that nearly is costs little.
static uint32_t sort_list(const mb_queue *queue, mb_request_store *store, uint32_t list) {
    uint32_t sorted[33], count[33], most = 0; // the sizes at least halve from one to the next
    while (list != MB_NONE) {
        uint32_t run = list, size = 1;
        mb_request *last = mb_request_at(store, run);
        while ((list = last->RIGHT) != MB_NONE) {
            mb_request *next = mb_request_at(store, list);
            if (!before(queue, last, next)) break;
            last = next;
            size++;
        }
        last->RIGHT = MB_NONE;
        while (most > 0 && count[most - 1] < 2 * size) {
            run = merge(queue, store, sorted[--most], run);
            size += count[most];
        }
        sorted[most] = run;
        count[most++] = size;
    }
    uint32_t all = most ? sorted[--most] : MB_NONE;
    while (most > 0)
        all = merge(queue, store, sorted[--most], all);
    return all;
}

// Which is the tree of those priorities over the list: each comes at the end of the right edge.
static void build(mb_queue *queue, mb_request_store *store, uint32_t list) {
    uint32_t last = MB_NONE;
    queue->head = MB_NONE;
    for (uint32_t slot = list, rest; slot != MB_NONE; slot = rest) {
        mb_request *request = mb_request_at(store, slot);
        rest = request->RIGHT;
        uint32_t below = MB_NONE, above = last;
        while (above != MB_NONE && mb_request_at(store, above)->tree_priority > request->tree_priority) {
            below = above;
            above = mb_request_at(store, above)->parent;
        }
        request->LEFT = below;
        request->RIGHT = MB_NONE;
        if (below != MB_NONE) mb_request_at(store, below)->parent = slot;
        request->parent = above;
        *(above == MB_NONE ? &queue->head : &mb_request_at(store, above)->RIGHT) = slot;
        last = slot;
    }
}

static void refresh_below(const mb_queue *queue, const mb_request_store *store, uint32_t slot) {
    if (slot == MB_NONE) return;
    refresh_below(queue, store, mb_request_at(store, slot)->LEFT);
    refresh_below(queue, store, mb_request_at(store, slot)->RIGHT);
    mb_ageing_refresh(store, slot, *queue->now_s);
}

// The tree is taken apart and put together again, by the keys that are there or, with `keyed`, those of now.
static void order_again(mb_queue *queue, mb_request_store *store, bool keyed) {
    const uint32_t list = flatten(queue, store, keyed);
    if (queue->ageing == MB_AGEING_RATIO) queue->ordered_s = *queue->now_s;
    build(queue, store, sort_list(queue, store, list));
    if (queue->ageing == MB_AGEING_RATIO) refresh_below(queue, store, queue->head);
}

void mb_queue_settle(mb_queue *queue, mb_request_store *store) {
    if (queue->ageing == MB_AGEING_RATIO && queue->ordered_s < *queue->now_s)
        order_again(queue, store, false);
}

void mb_queue_reorder(mb_queue *queue, mb_request_store *store) {
    if (queue->order != MB_KEY_NONE) order_again(queue, store, true);
}
