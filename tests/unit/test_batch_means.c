// SPDX-License-Identifier: MIT
// Intervals within one run: by hand, and on series whose mean is known. The random numbers are fixed.
#include "base/rng.h"
#include "base/student.h"
#include "metrics/batch_means.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.10g, want %.10g", got, want);
}

static void add(mb_batch_means *means, uint64_t index, double value) {
    double values[MB_BATCH_MEASURES] = {0};
    values[1] = value;
    mb_batch_means_add(means, index, values);
}

// 64 requests in an order of their own: batches of 2, in order of arrival. Means 1, -1, 1, -1 ...: deviation
// sqrt(32 / 31), half width t(31) times that / sqrt(32).
static void by_hand(void **state) {
    (void)state;
    mb_batch_means means = {0};
    for (uint64_t i = 0; i < 64; i++) {
        const uint64_t index = i * 37 % 64;
        add(&means, index, (index / 2 % 2 ? -1 : 1) + (index % 2 ? 0.25 : -0.25));
    }
    const mb_batch_interval found = mb_batch_means_interval(&means);
    assert_true(found.batches == 32 && found.size == 2);
    assert_near(found.half_width[1], mb_student_t(0.95, 31) * sqrt(32.0 / 31 / 32), 1e-12);
    assert_near(found.half_width[0], 0, 0); // all equal
    for (unsigned b = 0; b < 32; b++)
        assert_true(means.batches[b].complete + means.batches[b].counts[0] == 2);
}

// The last batch counts when it is full only; a short run has none; a batch of which nobody was served
// neither.
static void ends(void **state) {
    (void)state;
    mb_batch_means means = {0};
    assert_int_equal(mb_batch_means_interval(&means).batches, 0);
    for (uint64_t i = 0; i < 15; i++)
        add(&means, i, (double)(i % 2));
    assert_int_equal(mb_batch_means_interval(&means).batches, 0);
    for (uint64_t i = 15; i < 99; i++)
        add(&means, i, (double)(i % 3));
    const mb_batch_interval found = mb_batch_means_interval(&means);
    assert_true(found.size == 4 && found.batches == 24); // 99 / 4
    mb_batch_means fewest = {0}; // 33 requests: just joined, half of the batches are full
    for (uint64_t i = 0; i < 33; i++)
        add(&fewest, i, (double)(i % 3));
    const mb_batch_interval half = mb_batch_means_interval(&fewest);
    assert_true(half.size == 2 && half.batches == 16 && half.half_width[1] > 0);
    mb_batch_means gap = {0};
    for (uint64_t i = 0; i < 32; i++)
        if (i != 7) add(&gap, i, (double)(i % 2));
    assert_true(isnan(mb_batch_means_interval(&gap).half_width[1]));
}

// x(i) = phi x(i - 1) + noise, mean 10. Where an interval is given it holds the mean in 93 to 97 of 100
// experiments; where neighbouring batches are still alike, there is none.
static void coverage(void **state) {
    (void)state;
    enum { EXPERIMENTS = 2000, LENGTH = 3000 };
    static const double phis[] = {0, 0.8};
    for (size_t k = 0; k < 2; k++) {
        mb_rng rng;
        mb_rng_init(&rng, 4, k, "series");
        unsigned given = 0, covered = 0;
        for (unsigned i = 0; i < EXPERIMENTS; i++) {
            mb_batch_means means = {0};
            double x = mb_rng_normal(&rng) / sqrt(1 - phis[k] * phis[k]), sum = 0;
            for (uint64_t n = 0; n < LENGTH; n++, x = phis[k] * x + mb_rng_normal(&rng)) {
                add(&means, n, 10 + x);
                sum += 10 + x;
            }
            const double half = mb_batch_means_interval(&means).half_width[1];
            if (isnan(half)) continue;
            given++;
            covered += fabs(sum / LENGTH - 10) <= half;
        }
        if (given < 0.85 * EXPERIMENTS) fail_msg("phi %g: %u intervals", phis[k], given);
        const double share = (double)covered / given;
        if (share < 0.93 || share > 0.97) fail_msg("phi %g: %.2f %% cover", phis[k], 100 * share);
    }
}

// A queue that never empties within the run: a walk has no mean, and gets no interval.
static void no_mean(void **state) {
    (void)state;
    mb_rng rng;
    mb_rng_init(&rng, 5, 0, "walk");
    unsigned given = 0;
    for (unsigned i = 0; i < 200; i++) {
        mb_batch_means means = {0};
        double x = 0;
        for (uint64_t n = 0; n < 2000; n++, x += mb_rng_normal(&rng))
            add(&means, n, x);
        if (!isnan(mb_batch_means_interval(&means).half_width[1])) given++;
    }
    assert_int_equal(given, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(ends),
        cmocka_unit_test(coverage),
        cmocka_unit_test(no_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
