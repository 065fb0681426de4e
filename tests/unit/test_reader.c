// SPDX-License-Identifier: MIT
// What a reader gets of an answer: by hand, and against one token after the other.
#include "base/rng.h"
#include "model/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

static mb_reading reading_of(const mb_reader *reader) {
    return (mb_reading){.reader = reader, .arrival_s = 100};
}

static void check(const mb_reading *reading, double qoe) {
    const double found = mb_reading_qoe(reading);
    if (!(fabs(found - qoe) < 1e-12)) fail_msg("a QoE of %.17g, not %.17g", found, qoe);
}

static void test_by_hand(void **unused) {
    (void)unused;
    const mb_reader reader = {.speed = 10, .ttft_s = 1};
    // All 20 at 2 s: read from 2 to 4 s, 2 x 20 / 2 token seconds; expected 20 up to 3 s, and 20 more up
    // to 4.
    mb_reading reading = reading_of(&reader);
    mb_reading_add(&reading, &(mb_token_times){102, 0, 0}, 0, 20);
    check(&reading, 0.5);
    // 10 at 1 s, 10 at 4 s: 5 up to 2 s, 20 up to 4 s, 15 up to 5 s; expected 20 up to 3 s, 40 up to 5 s.
    reading = reading_of(&reader);
    mb_reading_add(&reading, &(mb_token_times){101, 0, 0}, 0, 10);
    mb_reading_add(&reading, &(mb_token_times){104, 0, 0}, 0, 10);
    check(&reading, 40.0 / 60);
    // As he expects it, and sooner; and a token that is there and read before the first was expected.
    reading = reading_of(&reader);
    mb_reading_add(&reading, &(mb_token_times){101, 0.1, 0}, 0, 7);
    check(&reading, 1);
    reading = reading_of(&reader);
    mb_reading_add(&reading, &(mb_token_times){100.5, 0.05, 0.001}, 0, 7);
    check(&reading, 1);
    reading = reading_of(&reader);
    mb_reading_add(&reading, &(mb_token_times){100.5, 0, 0}, 0, 1);
    check(&reading, 1);
    // Half a token a second: read at 1, 3, 5 to 7 s, 1.5 x 6 = 3 tokens and 3 x 0.1 x 3 ...
    reading = reading_of(&reader);
    mb_reading_add(&reading, &(mb_token_times){101, 2, 0}, 0, 3);
    // 3 x 5.1 - (1 + 3 + 5) - 3 x 0.05 = 6.15 of 0.3 x 3 / 2 + 3 x 3.8 = 11.85.
    check(&reading, 6.15 / 11.85);
    reading = reading_of(&reader);
    assert_true(isnan(mb_reading_qoe(&reading)));
    reading = reading_of(NULL);
    mb_reading_add(&reading, &(mb_token_times){101, 2, 0}, 0, 3);
    assert_true(isnan(mb_reading_qoe(&reading)));
}

// Series as engines have them, in stretches of any length; areas from the moments at which each is begun.
static void test_one_by_one(void **unused) {
    (void)unused;
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "reader");
    for (int round = 0; round < 20000; round++) {
        const mb_reader reader = {.speed = exp(4 * mb_rng_uniform(&rng)), .ttft_s = 2 * mb_rng_uniform(&rng)};
        mb_reading whole = reading_of(&reader), single = reading_of(&reader);
        double time = whole.arrival_s, free_s = 0, begun = 0, tokens = 0;
        const uint64_t stretches = 1 + mb_rng_below(&rng, 5);
        for (uint64_t i = 0; i < stretches; i++) {
            const mb_token_times times = {time + mb_rng_uniform(&rng), 0.2 * mb_rng_uniform(&rng),
                                          mb_rng_below(&rng, 3) ? 0.01 * mb_rng_uniform(&rng) : 0};
            const uint64_t first = mb_rng_below(&rng, 4), count = 1 + mb_rng_below(&rng, 40);
            mb_reading_add(&whole, &times, first, count);
            for (uint64_t k = first; k < first + count; k++) {
                mb_reading_add(&single, &times, k, 1);
                time = mb_token_time(&times, (double)k);
                free_s = fmax(free_s, time - whole.arrival_s);
                begun += free_s;
                free_s += 1 / reader.speed;
                tokens++;
            }
        }
        double expected = 0, read = tokens * free_s - begun - tokens / reader.speed / 2;
        for (double token = 0; token < tokens; token++) { // token seconds of each, from when he expects it
            const double from = reader.ttft_s + token / reader.speed, all = 1 / reader.speed;
            const double part = fmin(fmax(free_s - from, 0), all);
            expected += part * part * reader.speed / 2 + fmax(free_s - from - all, 0);
        }
        const double qoe = expected > 0 ? fmin(read / expected, 1) : 1;
        if (!(fabs(mb_reading_qoe(&whole) - qoe) < 1e-9) || !(fabs(mb_reading_qoe(&single) - qoe) < 1e-9))
            fail_msg("round %d: %.17g, one by one %.17g, and %.17g here", round, mb_reading_qoe(&whole),
                     mb_reading_qoe(&single), qoe);
    }
}

// As test_one_by_one, against the times at which tokens are due.
static void test_late(void **unused) {
    (void)unused;
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "late");
    for (int round = 0; round < 20000; round++) {
        mb_reading whole = {.arrival_s = 100,
                            .dated = true,
                            .due_s = mb_rng_uniform(&rng),
                            .each_due_s = 0.15 * mb_rng_uniform(&rng)};
        double time = whole.arrival_s, sum = 0;
        uint64_t late = 0, tokens = 0;
        const uint64_t stretches = 1 + mb_rng_below(&rng, 5);
        for (uint64_t i = 0; i < stretches; i++) {
            const mb_token_times times = {time + mb_rng_uniform(&rng), 0.2 * mb_rng_uniform(&rng),
                                          mb_rng_below(&rng, 3) ? 0.01 * mb_rng_uniform(&rng) : 0};
            const uint64_t first = mb_rng_below(&rng, 4), count = 1 + mb_rng_below(&rng, 40);
            mb_reading_add(&whole, &times, first, count);
            for (uint64_t k = first; k < first + count; k++) {
                time = mb_token_time(&times, (double)k);
                const double by = time - whole.arrival_s - whole.due_s - (double)tokens++ * whole.each_due_s;
                late += by > 0;
                sum += fmax(by, 0);
            }
        }
        assert_int_equal(whole.late, late);
        if (!(fabs(whole.late_s - sum) < 1e-9 * (1 + sum)))
            fail_msg("round %d: late by %.17g, one by one %.17g", round, whole.late_s, sum);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_one_by_one),
                                       cmocka_unit_test(test_late)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
