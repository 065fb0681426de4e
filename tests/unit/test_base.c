// SPDX-License-Identifier: MIT
// Event heap, random numbers, strings: brute force, published vectors, moments.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/python_heap.h"
#include "base/rng.h"
#include "base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    double time_s;
    unsigned kind;
    uint64_t order;
    uint32_t payload;
} entry;

static int earlier(const entry *a, const entry *b) {
    if (a->time_s != b->time_s) return a->time_s < b->time_s;
    if (a->kind != b->kind) return a->kind < b->kind;
    return a->order < b->order;
}

// Index of the first entry in order.
static size_t first_of(const entry *list, size_t count) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (earlier(&list[i], &list[best])) best = i;
    return best;
}

static entry random_entry(mb_rng *rng, uint64_t order) {
    // Few distinct times, zero among them, so that ties are common.
    return (entry){.time_s = (double)mb_rng_below(rng, 20) * 0.1,
                   .kind = (unsigned)mb_rng_below(rng, 4),
                   .order = order,
                   .payload = (uint32_t)mb_rng_below(rng, MB_EVENT_MAX_PAYLOAD + 1)};
}

static void test_heap_against_a_list(void **state) {
    (void)state;
    enum { MOST = 700 };
    static entry list[MOST];
    mb_heap heap = {0};
    mb_rng rng;
    mb_rng_init(&rng, 7, 0, "test");
    size_t count = 0;
    for (uint64_t i = 0; i < 40000; i++) {
        const bool growing = i % 4000 < 2500;
        const uint64_t choice = mb_rng_below(&rng, 10);
        if (count == 0 || (count < MOST && choice < (growing ? 7u : 3u))) {
            list[count] = random_entry(&rng, i);
            assert_true(mb_heap_push(&heap, list[count].time_s, list[count].kind, list[count].payload));
            count++;
        } else {
            const size_t best = first_of(list, count);
            const mb_event top = mb_heap_top(&heap);
            assert_true(top.time_s == list[best].time_s && top.kind == list[best].kind);
            assert_true(mb_heap_next_s(&heap) == top.time_s);
            assert_int_equal(top.payload, list[best].payload);
            if (choice == 9) { // pop and push in one
                list[best] = random_entry(&rng, i);
                mb_heap_replace_top(&heap, list[best].time_s, list[best].kind, list[best].payload);
            } else {
                mb_heap_pop(&heap);
                list[best] = list[--count];
            }
        }
        assert_int_equal(heap.count, count);
    }
    mb_heap_deinit(&heap);
}

static void test_heap_keeps_every_bit_of_the_time(void **state) {
    (void)state;
    mb_heap heap = {0};
    const double times[] = {0x1.fffffffffffffp+20, 5e-324, 0.0, 0.1, nextafter(0.1, 1), 1e300};
    const size_t n = sizeof times / sizeof *times;
    for (uint32_t i = 0; i < n; i++)
        mb_heap_push(&heap, times[i], 0, i);
    double before = -1;
    for (size_t i = 0; i < n; i++) {
        const mb_event event = mb_heap_top(&heap);
        assert_true(event.time_s == times[event.payload] && event.time_s > before);
        assert_true(mb_heap_next_s(&heap) == event.time_s);
        before = event.time_s;
        mb_heap_pop(&heap);
    }
    assert_true(mb_heap_next_s(&heap) == INFINITY);
    mb_heap_deinit(&heap);
}

static void test_xoshiro_vector(void **state) {
    (void)state;
    // State 1, 2, 3, 4: the first outputs of the authors' reference code.
    mb_rng rng = {.state = {1, 2, 3, 4}};
    const uint64_t expected[] = {41943041u, 58720359u, 3588806011781223u, 3591011842654386u,
                                 9228616714210784205u};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_true(mb_rng_bits(&rng) == expected[i]);
}

static void test_streams_are_named(void **state) {
    (void)state;
    mb_rng a, again, name, seed, replication;
    mb_rng_init(&a, 42, 0, "arrivals");
    mb_rng_init(&again, 42, 0, "arrivals");
    mb_rng_init(&name, 42, 0, "lengths");
    mb_rng_init(&seed, 43, 0, "arrivals");
    mb_rng_init(&replication, 42, 1, "arrivals");
    const uint64_t first = mb_rng_bits(&a);
    assert_true(first == mb_rng_bits(&again));
    assert_true(first != mb_rng_bits(&name));
    assert_true(first != mb_rng_bits(&seed));
    assert_true(first != mb_rng_bits(&replication));
}

static double draw(mb_rng *rng, int kind) {
    switch (kind) {
    case 0:
        return mb_rng_uniform(rng);
    case 1:
        return mb_rng_exponential(rng);
    case 2:
        return mb_rng_normal(rng);
    case 3:
        return mb_rng_gamma(rng, 0.5);
    case 4:
        return mb_rng_gamma(rng, 3);
    default:
        return mb_rng_weibull(rng, 2);
    }
}

static void test_moments(void **state) {
    (void)state;
    const double mean[] = {0.5, 1, 0, 0.5, 3, sqrt(acos(-1)) / 2};
    const double variance[] = {1.0 / 12, 1, 1, 0.5, 3, 1 - acos(-1) / 4};
    enum { N = 400000 };
    for (int kind = 0; kind < 6; kind++) {
        mb_rng rng;
        mb_rng_init(&rng, 1, (uint64_t)kind, "moments");
        double sum = 0, squares = 0;
        for (int i = 0; i < N; i++) {
            const double x = draw(&rng, kind);
            sum += x;
            squares += (x - mean[kind]) * (x - mean[kind]);
        }
        // Five standard errors of the mean; 3 % of the variance.
        assert_true(fabs(sum / N - mean[kind]) < 5 * sqrt(variance[kind] / N));
        assert_true(fabs(squares / N / variance[kind] - 1) < 0.03);
    }
}

static void test_below_is_uniform(void **state) {
    (void)state;
    mb_rng rng;
    mb_rng_init(&rng, 3, 0, "below");
    int counts[6] = {0};
    for (int i = 0; i < 60000; i++)
        counts[mb_rng_below(&rng, 6)]++;
    double chi_square = 0;
    for (int i = 0; i < 6; i++)
        chi_square += (counts[i] - 10000.0) * (counts[i] - 10000.0) / 10000;
    assert_true(chi_square < 20.5); // 99.9 % of chi-square with 5 degrees of freedom
}

static void test_nearest_word(void **state) {
    (void)state;
    const char *const words[] = {"schedule", "stepped", "arrive"};
    assert_string_equal(mb_nearest_word("shedule", words, 3), "schedule");
    assert_string_equal(mb_nearest_word("steped", words, 3), "stepped");
    assert_null(mb_nearest_word("xyz", words, 3));
}

static void test_strbuf(void **state) {
    (void)state;
    mb_strbuf buffer = {0};
    for (int i = 0; i < 1000; i++)
        mb_strbuf_printf(&buffer, "%03d,", i);
    assert_int_equal(buffer.length, 4000);
    assert_int_equal(strlen(buffer.text), 4000);
    assert_memory_equal(buffer.text + 3996, "999,", 5);
    mb_strbuf_deinit(&buffer);
}

// What CPython's heapq gives: six equal times, and two later events pushed while the first come out.
static void test_python_heap(void **state) {
    (void)state;
    static const uint64_t ORDER[] = {0, 2, 5, 1, 4, 3, 10, 11};
    mb_python_heap heap = {0};
    for (uint64_t i = 0; i < 6; i++)
        assert_true(mb_python_heap_push(&heap, 0, i));
    for (size_t i = 0; i < sizeof ORDER / sizeof *ORDER; i++) {
        assert_int_equal(mb_python_heap_pop(&heap).what, ORDER[i]);
        if (i < 2) assert_true(mb_python_heap_push(&heap, 10 + (double)i, 10 + i));
    }
    assert_int_equal(heap.count, 0);
    mb_python_heap_deinit(&heap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_against_a_list),
        cmocka_unit_test(test_heap_keeps_every_bit_of_the_time),
        cmocka_unit_test(test_python_heap),
        cmocka_unit_test(test_xoshiro_vector),
        cmocka_unit_test(test_streams_are_named),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_below_is_uniform),
        cmocka_unit_test(test_nearest_word),
        cmocka_unit_test(test_strbuf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
