// SPDX-License-Identifier: MIT
// Queues against a list, on random operations; bins against a linear search.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"
#include "queue/bins.h"
#include "queue/queue.h"

#include <string.h>

enum { MOST = 300 };

typedef struct model { // slots in order
    uint32_t slots[MOST];
    size_t count;
} model;

static void insert_at(model *list, size_t at, uint32_t slot) {
    memmove(list->slots + at + 1, list->slots + at, (list->count - at) * sizeof *list->slots);
    list->slots[at] = slot;
    list->count++;
}

static void remove_at(model *list, size_t at) {
    memmove(list->slots + at, list->slots + at + 1, (list->count - at - 1) * sizeof *list->slots);
    list->count--;
}

// Where a request belongs among those in order: after every equal key with a smaller id.
static size_t place(const model *list, const mb_request_store *store, mb_key order,
                    const mb_request *request) {
    size_t at = 0;
    while (at < list->count) {
        const mb_request *other = mb_request_at(store, list->slots[at]);
        const double a = mb_key_of(order, other), b = mb_key_of(order, request);
        if (a > b || (a == b && other->id > request->id)) break;
        at++;
    }
    return at;
}

static void compare(const mb_queue *queue, const mb_request_store *store, const model *list) {
    uint64_t prompt = 0, predicted = 0;
    uint32_t slot = mb_queue_peek(queue, store);
    for (size_t i = 0; i < list->count; i++) {
        assert_int_equal(slot, list->slots[i]);
        prompt += mb_request_at(store, slot)->prompt_tokens;
        predicted += mb_request_at(store, slot)->predicted_output;
        slot = mb_queue_after(queue, store, slot);
    }
    assert_int_equal(slot, MB_NONE);
    assert_int_equal(queue->count, list->count);
    assert_int_equal(queue->prompt_tokens, prompt);
    assert_int_equal(queue->predicted_tokens, predicted);
}

static uint32_t new_request(mb_request_store *store, mb_rng *rng, uint64_t id) {
    const uint32_t slot = mb_request_new(store, true);
    mb_request *request = mb_request_at(store, slot);
    request->id = id;
    request->prompt_tokens = (uint32_t)mb_rng_below(rng, 20);
    request->predicted_output = (uint32_t)mb_rng_below(rng, 20);
    request->priority = (int32_t)mb_rng_below(rng, 5) - 2;
    return slot;
}

static void exercise(mb_key order) {
    mb_request_store store;
    mb_request_store_init(&store);
    mb_queue queue;
    mb_queue_init(&queue, order, 0);
    model list = {.count = 0};
    mb_rng rng;
    mb_rng_init(&rng, 11, (uint64_t)order, "queue");
    for (uint64_t i = 0; i < 6000; i++) {
        const uint64_t choice = mb_rng_below(&rng, 10);
        if (list.count == 0 || (list.count < MOST && choice < 5)) {
            const uint32_t slot = new_request(&store, &rng, i);
            const bool front = order == MB_KEY_NONE && choice == 0;
            const size_t at = front ? 0
                              : order == MB_KEY_NONE
                                  ? list.count
                                  : place(&list, &store, order, mb_request_at(&store, slot));
            insert_at(&list, at, slot);
            if (front)
                mb_queue_push_front(&queue, &store, slot);
            else
                mb_queue_push(&queue, &store, slot);
        } else {
            const size_t at = choice < 8 ? 0 : mb_rng_below(&rng, list.count);
            const uint32_t slot = list.slots[at];
            if (choice < 8)
                assert_int_equal(mb_queue_pop(&queue, &store), slot);
            else
                mb_queue_remove(&queue, &store, slot);
            remove_at(&list, at);
            mb_request_recycle(&store, slot);
        }
        if (i % 7 == 0) compare(&queue, &store, &list);
    }
    assert_int_equal(store.live, list.count);
    mb_request_store_deinit(&store);
}

static void test_fifo(void **state) {
    (void)state;
    exercise(MB_KEY_NONE);
}

static void test_keyed(void **state) {
    (void)state;
    exercise(MB_KEY_PREDICTED_OUTPUT);
    exercise(MB_KEY_PRIORITY);
    exercise(MB_KEY_PROMPT_TOKENS);
    exercise(MB_KEY_PREDICTED_TOTAL);
}

// Is a before b, said anew from what is known of them now?
static bool ahead(const mb_queue *queue, const mb_request *a, const mb_request *b, double now) {
    double of_a = (now - a->arrival_s) / a->key, of_b = (now - b->arrival_s) / b->key;
    if (queue->ageing == MB_AGEING_RATE) { // the smaller key first
        of_a = queue->age_rate * (now - a->arrival_s) - a->key;
        of_b = queue->age_rate * (now - b->arrival_s) - b->key;
    }
    if (of_a != of_b) return of_a > of_b;
    if (queue->ageing == MB_AGEING_RATIO && a->arrival_s != b->arrival_s) return a->arrival_s < b->arrival_s;
    return a->id < b->id;
}

// Against a list that is sorted anew each time. Times in quarters, so that all sums are exact; many ties.
static void exercise_ageing(mb_ageing ageing, double rate) {
    mb_request_store store;
    mb_request_store_init(&store);
    mb_queue queue;
    double now = 0;
    mb_queue_init(&queue, MB_KEY_PREDICTED_OUTPUT, 0);
    mb_queue_age(&queue, ageing, rate, &now);
    model list = {.count = 0};
    mb_rng rng;
    mb_rng_init(&rng, 5, (uint64_t)ageing, "ageing");
    for (uint64_t i = 0; i < 6000; i++) {
        now += 0.25 * (double)mb_rng_below(&rng, 4);
        if (list.count == 0 || (list.count < 60 && mb_rng_below(&rng, 2))) {
            const uint32_t slot = new_request(&store, &rng, i);
            mb_request_at(&store, slot)->arrival_s = now - 0.25 * (double)mb_rng_below(&rng, 40);
            mb_queue_push(&queue, &store, slot);
            insert_at(&list, 0, slot);
        }
        for (size_t a = 1; a < list.count; a++) // insertion sort
            for (size_t b = a; b && ahead(&queue, mb_request_at(&store, list.slots[b]),
                                          mb_request_at(&store, list.slots[b - 1]), now);
                 b--) {
                const uint32_t other = list.slots[b];
                list.slots[b] = list.slots[b - 1];
                list.slots[b - 1] = other;
            }
        assert_int_equal(mb_queue_peek(&queue, &store), list.slots[0]);
        const uint64_t choice = mb_rng_below(&rng, 12);
        if (choice == 0) { // the lengths are other ones now
            for (size_t k = 0; k < list.count; k++)
                mb_request_at(&store, list.slots[k])->predicted_output = 1 + (uint32_t)mb_rng_below(&rng, 20);
            queue.predicted_tokens = 0;
            for (size_t k = 0; k < list.count; k++)
                queue.predicted_tokens += mb_request_at(&store, list.slots[k])->predicted_output;
            mb_queue_reorder(&queue, &store);
            continue;
        }
        if (choice == 1) {
            mb_queue_settle(&queue, &store);
            compare(&queue, &store, &list);
        }
        if (choice == 2) assert_int_equal(mb_queue_last(&queue, &store), list.slots[list.count - 1]);
        if (choice > 6) continue;
        const size_t at = choice > 4 ? mb_rng_below(&rng, list.count) : 0;
        const uint32_t slot = list.slots[at];
        if (at)
            mb_queue_remove(&queue, &store, slot);
        else
            assert_int_equal(mb_queue_pop(&queue, &store), slot);
        remove_at(&list, at);
        mb_request_recycle(&store, slot);
    }
    mb_request_store_deinit(&store);
}

static void test_ageing(void **state) {
    (void)state;
    exercise_ageing(MB_AGEING_RATIO, 0);
    exercise_ageing(MB_AGEING_RATE, 0.75);
}

static void test_key_names(void **state) {
    (void)state;
    for (mb_key key = MB_KEY_ARRIVAL; key < MB_KEY_GIVEN; key++)
        assert_int_equal(mb_key_from_name(mb_key_name(key)), key);
    assert_int_equal(mb_key_from_name("size"), MB_KEY_COUNT);
    assert_int_equal(mb_key_from_name("function"), MB_KEY_COUNT); // not a name that a policy may give
}

static void test_bins_route(void **state) {
    (void)state;
    double edges[] = {8, 27, 40, 86.5};
    const mb_bins bins = {.count = 5, .edges = edges};
    for (double key = 0; key < 120; key += 0.5) {
        uint32_t bin = 0;
        while (bin < 4 && key >= edges[bin])
            bin++;
        assert_int_equal(mb_bins_route(&bins, key), bin);
    }
    const mb_bins one = {.count = 1};
    assert_int_equal(mb_bins_route(&one, 1e9), 0);
}

static void test_slots_are_reused(void **state) {
    (void)state;
    mb_request_store store;
    mb_request_store_init(&store);
    uint32_t generation = 0;
    for (int i = 0; i < 5000; i++) {
        const uint32_t slot = mb_request_new(&store, true);
        assert_int_equal(slot, 0);
        assert_int_equal(mb_request_at(&store, slot)->generation, generation++);
        mb_request_recycle(&store, slot);
    }
    assert_int_equal(mb_request_slots(&store), MB_CHUNK_SIZE);
    mb_request_store_deinit(&store);
}

// Many chunks: every slot is its own memory, zero at first, and nothing is freed twice. What few runs need of
// a request lies apart: it would add half as much again to each that waits.
static void test_many_slots(void **state) {
    (void)state;
    enum { MANY = 60 * MB_CHUNK_SIZE };
    mb_request_store store;
    mb_request_store_init(&store);
    for (uint32_t i = 0; i < MANY; i++) {
        const uint32_t slot = mb_request_new(&store, false);
        assert_int_equal(slot, i);
        mb_request *request = mb_request_at(&store, slot);
        assert_true(request->id == 0 && request->order == 0 && !request->prefix_ids && !request->generation);
        assert_true(request->rest->noted == 0 && request->rest->tree_until_s == 0);
        request->id = request->order = request->rest->noted = i + 1;
    }
    for (uint32_t i = 0; i < MANY; i++) {
        const mb_request *request = mb_request_at(&store, i);
        assert_true(request->id == i + 1 && request->order == i + 1 && request->rest->noted == i + 1);
    }
    assert_true(sizeof(mb_request) <= 312);
    mb_request_store_deinit(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fifo),       cmocka_unit_test(test_keyed),
        cmocka_unit_test(test_ageing),     cmocka_unit_test(test_key_names),
        cmocka_unit_test(test_bins_route), cmocka_unit_test(test_slots_are_reused),
        cmocka_unit_test(test_many_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
