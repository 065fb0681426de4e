// SPDX-License-Identifier: MIT
// The sketch against exact percentiles of sorted samples.
#include "base/rng.h"
#include "base/sketch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const double QUANTILES[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};
enum { QUANTILE_COUNT = sizeof QUANTILES / sizeof *QUANTILES };

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// numpy.quantile(values, q) of sorted values.
static double exact(const double *values, size_t count, double q) {
    const double position = q * (double)(count - 1);
    const size_t rank = (size_t)position;
    if (rank + 1 >= count) return values[count - 1];
    return values[rank] + (position - (double)rank) * (values[rank + 1] - values[rank]);
}

static double draw(mb_rng *rng, int shape) {
    switch (shape) {
    case 0:
        return mb_rng_uniform(rng);
    case 1:
        return mb_rng_exponential(rng) * 3600;
    case 2:
        return exp(3 * mb_rng_normal(rng)); // wide log-normal
    case 3:
        return 1e-6 * pow(mb_rng_uniform_positive(rng), -1 / 1.1); // heavy tail
    case 4:
        return mb_rng_uniform(rng) < 0.7 ? 0 : mb_rng_gamma(rng, 0.3);
    case 5:
        return 0.125; // on a bucket's edge
    case 6:
        return (double)mb_rng_below(rng, 5);
    default:
        return mb_rng_uniform(rng) < 0.5 ? 0.01 : 100;
    }
}

enum { SHAPES = 8 };

static void assert_close(double got, double want, double relative) {
    if (fabs(got - want) > relative * fabs(want) + 1e-300)
        fail_msg("got %.17g, want %.17g (error %g)", got, want, fabs(got - want) / fabs(want));
}

static void quantiles_of_random_samples(void **state) {
    (void)state;
    const size_t sizes[] = {1, 2, 3, 10, 1000, 200000};
    for (int shape = 0; shape < SHAPES; shape++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            const size_t count = sizes[s];
            double *values = malloc(count * sizeof *values);
            assert_non_null(values);
            mb_rng rng;
            mb_rng_init(&rng, 7, (uint64_t)shape, "sketch");
            mb_sketch counted = {0}, kept = {0};
            mb_sketch_keep_samples(&kept);
            double sum = 0;
            for (size_t i = 0; i < count; i++) {
                values[i] = draw(&rng, shape);
                sum += values[i];
                mb_sketch_add(&counted, values[i]);
                mb_sketch_add(&kept, values[i]);
            }
            qsort(values, count, sizeof *values, ascending);
            assert_true(counted.count == count && kept.count == count);
            assert_false(counted.failed || kept.failed);
            assert_true(counted.min == values[0] && counted.max == values[count - 1]);
            assert_true(counted.sum == sum && kept.sum == sum);
            for (size_t i = 0; i < QUANTILE_COUNT; i++) {
                const double want = exact(values, count, QUANTILES[i]);
                assert_close(mb_sketch_quantile(&counted, QUANTILES[i]), want, 0.001);
                assert_true(mb_sketch_quantile(&kept, QUANTILES[i]) == want);
            }
            mb_sketch_deinit(&counted);
            mb_sketch_deinit(&kept);
            free(values);
        }
    }
}

static void empty_is_nan(void **state) {
    (void)state;
    mb_sketch sketch = {0};
    assert_true(isnan(mb_sketch_quantile(&sketch, 0.5)));
    assert_true(isnan(mb_sketch_mean(&sketch)));
    mb_sketch_add_many(&sketch, 1, 0);
    assert_true(sketch.count == 0 && isnan(mb_sketch_quantile(&sketch, 0.5)));
    mb_sketch_add(&sketch, 2);
    mb_sketch_add_many(&sketch, 2, 0); // on the fast path too
    mb_sketch_add_many(&sketch, 2.001, 0);
    assert_true(sketch.count == 1 && sketch.max == 2);
    assert_true(isnan(mb_sketch_quantile(&sketch, NAN)) && isnan(mb_sketch_std(&sketch)));
    assert_true(mb_sketch_quantile(&sketch, -3) == 2 && mb_sketch_quantile(&sketch, 7) == 2);
    mb_sketch_deinit(&sketch);
}

static void odd_values(void **state) {
    (void)state;
    mb_sketch sketch = {0};
    mb_sketch_add(&sketch, -1e-18);
    mb_sketch_add(&sketch, -0.0);
    assert_true(sketch.zeros == 2 && sketch.min == 0 && sketch.max == 0 && !signbit(sketch.min));
    mb_sketch_add(&sketch, NAN);
    mb_sketch_add(&sketch, INFINITY);
    mb_sketch_add(&sketch, -INFINITY);
    assert_true(sketch.invalid == 3 && sketch.count == 2);
    mb_sketch_add(&sketch, 1e-300);
    mb_sketch_add(&sketch, 5e-324);
    mb_sketch_add(&sketch, 1e300);
    mb_sketch_add(&sketch, 0x1p-30);
    mb_sketch_add(&sketch, nextafter(0x1p30, 0));
    mb_sketch_add(&sketch, 0x1p30);
    assert_true(sketch.count == 8 && sketch.max == 1e300);
    assert_true(mb_sketch_quantile(&sketch, 1) == 1e300);
    double last = -1;
    for (double q = 0; q <= 1; q += 1.0 / 64) {
        const double value = mb_sketch_quantile(&sketch, q);
        assert_true(value >= last);
        last = value;
    }
    mb_sketch_deinit(&sketch);
}

// Seconds taken for nanoseconds, or the reverse: percentiles go with the mean, wherever it is.
static void every_magnitude(void **state) {
    (void)state;
    for (double unit = 1e-300; unit < 1e300; unit *= 1e7) {
        mb_sketch sketch = {0};
        for (int i = 1; i <= 1000; i++)
            mb_sketch_add(&sketch, i * unit);
        for (size_t i = 0; i < QUANTILE_COUNT; i++)
            assert_close(mb_sketch_quantile(&sketch, QUANTILES[i]), (1 + 999 * QUANTILES[i]) * unit, 0.001);
        mb_sketch_deinit(&sketch);
    }
}

static void many_is_repeated_adding(void **state) {
    (void)state;
    mb_sketch many = {0}, single = {0}, kept = {0};
    mb_sketch_keep_samples(&kept);
    mb_rng rng;
    mb_rng_init(&rng, 1, 1, "many");
    for (int i = 0; i < 500; i++) {
        const double value = mb_rng_uniform(&rng) < 0.1 ? 0 : mb_rng_exponential(&rng);
        const uint64_t count = mb_rng_below(&rng, 40);
        mb_sketch_add_many(&many, value, count);
        mb_sketch_add_many(&kept, value, count);
        for (uint64_t k = 0; k < count; k++)
            mb_sketch_add(&single, value);
    }
    assert_true(many.count == single.count && many.zeros == single.zeros && kept.count == single.count);
    assert_true(many.min == single.min && many.max == single.max);
    assert_close(many.sum, single.sum, 1e-12);
    assert_close(mb_sketch_std(&many), mb_sketch_std(&single), 1e-10);
    for (size_t i = 0; i < QUANTILE_COUNT; i++) {
        assert_true(mb_sketch_quantile(&many, QUANTILES[i]) == mb_sketch_quantile(&single, QUANTILES[i]));
        assert_close(mb_sketch_quantile(&many, QUANTILES[i]), mb_sketch_quantile(&kept, QUANTILES[i]), 0.001);
    }
    mb_sketch_deinit(&many);
    mb_sketch_deinit(&single);
    mb_sketch_deinit(&kept);
}

// Every mixture of modes against one sketch that saw it all.
static void merging(void **state) {
    (void)state;
    for (int modes = 0; modes < 4; modes++) {
        mb_sketch a = {0}, b = {0}, all = {0};
        if (modes & 1) mb_sketch_keep_samples(&a);
        if (modes & 2) mb_sketch_keep_samples(&b);
        if (modes == 3) mb_sketch_keep_samples(&all);
        mb_rng rng;
        mb_rng_init(&rng, 3, (uint64_t)modes, "merge");
        for (int i = 0; i < 3000; i++) {
            const double value = i % 10 ? exp(4 * mb_rng_normal(&rng)) : 0;
            mb_sketch_add(i % 3 ? &a : &b, value);
            mb_sketch_add(&all, value);
        }
        mb_sketch empty = {0};
        mb_sketch_merge(&a, &empty);
        mb_sketch_merge(&a, &b);
        assert_true(a.count == all.count && a.min == all.min && a.max == all.max);
        assert_close(a.sum, all.sum, 1e-12);
        assert_false(a.failed);
        for (size_t i = 0; i < QUANTILE_COUNT; i++)
            assert_true(mb_sketch_quantile(&a, QUANTILES[i]) == mb_sketch_quantile(&all, QUANTILES[i]));
        mb_sketch_merge(&empty, &a);
        assert_true(mb_sketch_quantile(&empty, 1) == all.max && empty.min == all.min);
        mb_sketch_deinit(&a);
        mb_sketch_deinit(&b);
        mb_sketch_deinit(&all);
        mb_sketch_deinit(&empty);
    }
}

static void moments(void **state) {
    (void)state;
    mb_sketch sketch = {0};
    for (int i = 1; i <= 5; i++)
        mb_sketch_add(&sketch, i);
    assert_close(mb_sketch_mean(&sketch), 3, 1e-15);
    assert_close(mb_sketch_std(&sketch), sqrt(2.5), 1e-14);
    mb_sketch_deinit(&sketch);
}

// A series goes into the buckets that its values would go into one by one.
static void series_equals_values(void **state) {
    (void)state;
    static const struct {
        double first, step;
        uint64_t steps, count;
    } cases[] = {{0.01, 0, 5, 3},    {0.01, 1e-9, 1000, 2},        {0.01, 1e-4, 3000, 7},
                 {1e-3, 0.5, 40, 1}, {0.0127, 3.3e-7, 100000, 82}, {1e-12, 1e-3, 20, 4},
                 {0.02, 1e-5, 1, 9}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_sketch together = {0}, apart = {0};
        mb_sketch_add(&together, 0.5); // sums of what was there before stay
        mb_sketch_add(&apart, 0.5);
        mb_sketch_add_series(&together, cases[i].first, cases[i].step, cases[i].steps, cases[i].count);
        for (uint64_t k = 0; k < cases[i].steps; k++)
            mb_sketch_add_many(&apart, cases[i].first + (double)k * cases[i].step, cases[i].count);
        assert_true(together.count == apart.count);
        assert_true(together.min == apart.min && together.max == apart.max);
        assert_true(fabs(together.sum - apart.sum) <= 1e-12 * apart.sum);
        assert_true(fabs(together.sum_squares - apart.sum_squares) <= 1e-12 * apart.sum_squares);
        for (double q = 0; q <= 1; q += 0.01)
            assert_true(fabs(mb_sketch_quantile(&together, q) - mb_sketch_quantile(&apart, q)) <=
                        2.1e-3 * mb_sketch_quantile(&apart, q));
        mb_sketch_deinit(&together);
        mb_sketch_deinit(&apart);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_random_samples),
        cmocka_unit_test(empty_is_nan),
        cmocka_unit_test(odd_values),
        cmocka_unit_test(every_magnitude),
        cmocka_unit_test(many_is_repeated_adding),
        cmocka_unit_test(merging),
        cmocka_unit_test(moments),
        cmocka_unit_test(series_equals_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
