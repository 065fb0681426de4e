// SPDX-License-Identifier: MIT
// Statistics over seeds, against numbers worked out by hand.
#include "run/results.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.10g, want %.10g", got, want);
}

// Two points: 3 policies with 4 seeds, then 1 policy with 2 seeds.
enum { COUNT = 3 * 4 + 2 };
static mb_policy_spec policies[] = {{.label = "a"}, {.label = "b"}, {.label = "c"}};

typedef struct fixture {
    mb_point points[2];
    mb_section section;
    mb_results results;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->points[0].experiment = (mb_experiment){.policies = policies, .policy_count = 3, .seeds = 4};
    f->points[1].experiment = (mb_experiment){.policies = policies, .policy_count = 1, .seeds = 2};
    f->section = (mb_section){.points = f->points, .point_count = 2};
    f->results =
        (mb_results){.view = &f->section, .count = COUNT, .outcomes = calloc(COUNT, sizeof(mb_outcome))};
    for (size_t i = 0; i < COUNT; i++) {
        mb_outcome *outcome = &f->results.outcomes[i];
        outcome->point = i >= 12;
        outcome->policy = i < 12 ? i / 4 : 0;
        outcome->seed_index = (uint32_t)(i % 4);
        outcome->started = outcome->finished = true;
        for (size_t m = 0; m < MB_MEASURE_COUNT; m++)
            outcome->values[m] = NAN;
    }
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    mb_results_deinit(&f->results);
    mb_results_deinit(&f->results); // twice does no harm
    free(f);
    return 0;
}

static void set(fixture *f, size_t policy, const char *measure, const double values[4]) {
    for (uint32_t s = 0; s < 4; s++)
        mb_results_at(&f->results, 0, policy, s)->values[mb_measure_index(measure)] = values[s];
}

static void layout(void **state) {
    fixture *f = *state;
    assert_ptr_equal(mb_results_at(&f->results, 0, 0, 0), &f->results.outcomes[0]);
    assert_ptr_equal(mb_results_at(&f->results, 0, 2, 3), &f->results.outcomes[11]);
    assert_ptr_equal(mb_results_at(&f->results, 1, 0, 1), &f->results.outcomes[13]);
}

// 1, 2, 3, 4: mean 2.5, standard deviation sqrt(5/3), t(3) = 3.182446.
static void summary(void **state) {
    fixture *f = *state;
    const int rps = mb_measure_index("throughput_rps"), mean = mb_measure_index("e2e_mean_s");
    set(f, 0, "throughput_rps", (double[]){1, 2, 3, 4});
    set(f, 0, "e2e_mean_s", (double[]){NAN, 5, NAN, NAN});
    mb_summary s = mb_summarise(&f->results, 0, 0);
    assert_int_equal(s.seeds, 4);
    assert_near(s.mean[rps], 2.5, 1e-15);
    assert_near(s.half_width[rps], 3.182446 * sqrt(5.0 / 3) / 2, 1e-6);
    assert_near(s.level[rps], pow(24, 0.25), 1e-12); // the geometric mean
    assert_near(s.low[rps] * s.high[rps], sqrt(24), 1e-9);
    assert_near(mb_level(&f->results, 0, 0, rps).high, s.high[rps], 0);
    assert_near(s.mean[mean], 5, 0);
    assert_true(isnan(s.half_width[mean]));
    mb_results_at(&f->results, 0, 0, 3)->finished = false; // 1, 2, 3: standard deviation 1, t(2) = 4.302653
    s = mb_summarise(&f->results, 0, 0);
    assert_int_equal(s.seeds, 3);
    assert_near(s.mean[rps], 2, 1e-15);
    assert_near(s.half_width[rps], 4.302653 / sqrt(3), 1e-6);
    for (uint32_t i = 0; i < 3; i++)
        mb_results_at(&f->results, 0, 0, i)->finished = false;
    s = mb_summarise(&f->results, 0, 0);
    assert_int_equal(s.seeds, 0);
    for (size_t m = 0; m < MB_MEASURE_COUNT; m++)
        assert_true(isnan(s.mean[m]) && isnan(s.half_width[m]) && isnan(s.level[m]) && isnan(s.high[m]));
}

// Equal values have no spread at all, whatever their last bits.
static void no_spread(void **state) {
    fixture *f = *state;
    set(f, 0, "throughput_rps", (double[]){0.1, 0.1, 0.1, 0.1});
    const mb_summary s = mb_summarise(&f->results, 0, 0);
    assert_true(s.half_width[mb_measure_index("throughput_rps")] == 0);
    assert_true(s.mean[mb_measure_index("throughput_rps")] == 0.1);
}

// The seeds differ by far more than the policies: unpaired intervals overlap, the paired one does not.
// Ratios 1.1, 1.08, 1.1, 1.08.
static void paired(void **state) {
    fixture *f = *state;
    const int rps = mb_measure_index("throughput_rps");
    set(f, 0, "throughput_rps", (double[]){11, 108, 1100, 10800});
    set(f, 1, "throughput_rps", (double[]){10, 100, 1000, 10000});
    mb_difference d = mb_compare(&f->results, 0, 0, 1, rps);
    assert_true(d.pairs == 4 && d.ratio && d.a_larger);
    assert_near(d.value, sqrt(1.1 * 1.08), 1e-12);
    const double spread = log(1.1 / 1.08) / sqrt(3); // standard deviation of the logarithms
    assert_near(log(d.high / d.value), 3.182446 * spread / 2, 1e-7);
    assert_true(mb_difference_real(&d));
    assert_near(mb_compare(&f->results, 0, 1, 0, rps).value, 1 / d.value, 1e-12);
    // Up, down, up, down: 1 lies within.
    set(f, 2, "throughput_rps", (double[]){11, 99, 1001, 9999});
    d = mb_compare(&f->results, 0, 1, 2, rps);
    assert_false(mb_difference_real(&d));
    // Seeds that one of the two did not finish do not count; one pair has no interval.
    mb_results_at(&f->results, 0, 0, 0)->finished = false;
    mb_results_at(&f->results, 0, 1, 1)->values[rps] = NAN;
    assert_int_equal(mb_compare(&f->results, 0, 0, 1, rps).pairs, 2);
    mb_results_at(&f->results, 0, 1, 2)->finished = false;
    d = mb_compare(&f->results, 0, 0, 1, rps);
    assert_true(d.pairs == 1 && isnan(d.low) && !mb_difference_real(&d));
    assert_near(d.value, 1.08, 1e-12);
    mb_results_at(&f->results, 0, 1, 3)->finished = false;
    d = mb_compare(&f->results, 0, 0, 1, rps);
    assert_true(d.pairs == 0 && isnan(d.value) && !mb_difference_real(&d));
}

// Three pairs of policies: the smallest p value counts three times, the next twice.
static void corrected(void **state) {
    fixture *f = *state;
    const int rps = mb_measure_index("throughput_rps");
    set(f, 0, "throughput_rps", (double[]){1.00, 1.01, 1.02, 1.00});
    set(f, 1, "throughput_rps", (double[]){2.00, 2.10, 2.00, 2.20});
    set(f, 2, "throughput_rps", (double[]){2.10, 2.60, 2.05, 2.90});
    double p[] = {mb_compare(&f->results, 0, 0, 1, rps).p, mb_compare(&f->results, 0, 0, 2, rps).p,
                  mb_compare(&f->results, 0, 1, 2, rps).p};
    assert_true(p[0] < p[1] && p[1] < p[2]);
    mb_difference *against = mb_compare_all(&f->results, 0, 1, rps, MB_FAMILY_ALL_PAIRS);
    assert_non_null(against);
    assert_near(against[0].p_holm, 3 * p[0], 1e-12);
    assert_near(against[2].p_holm, p[2], 1e-12);
    assert_near(against[0].p, p[0], 0);
    assert_true(against[0].a_larger && !against[2].a_larger && against[1].pairs == 0);
    free(against);
    against = mb_compare_all(&f->results, 0, 2, rps, MB_FAMILY_ALL_PAIRS);
    assert_near(against[0].p_holm, 2 * p[1], 1e-12);
    assert_near(against[1].p_holm, p[2], 1e-12);
    free(against);
    // Of what one policy is claimed to be, its own two comparisons are the family.
    against = mb_compare_all(&f->results, 0, 1, rps, MB_FAMILY_WITH_REFERENCE);
    assert_near(against[0].p_holm, 2 * p[0], 1e-12);
    assert_near(against[2].p_holm, p[2], 1e-12);
    free(against);
    // With a baseline its two pairs alone are the family.
    f->results.baseline = "b";
    assert_int_equal(mb_baseline_at(&f->results, 0), 1);
    against = mb_compare_all(&f->results, 0, 2, rps, MB_FAMILY_ALL_PAIRS);
    assert_near(against[1].p_holm, p[2], 1e-12);
    assert_true(isnan(against[0].p_holm) && !mb_difference_real(&against[0]));
    free(against);
    against = mb_compare_all(&f->results, 0, 0, rps, MB_FAMILY_ALL_PAIRS);
    assert_near(against[1].p_holm, 2 * p[0], 1e-12);
    free(against);
    f->results.baseline = "nobody";
    assert_true(mb_baseline_at(&f->results, 0) == SIZE_MAX);
}

// One seed: means over requests have the interval of their batches, within their range; nothing else has.
static void within_one_run(void **state) {
    fixture *f = *state;
    mb_outcome *only = mb_results_at(&f->results, 0, 0, 0);
    f->points[0].experiment.seeds = 1;
    only->batch_means = (mb_batch_interval){.batches = 20, .size = 50};
    for (size_t i = 0; i < MB_BATCH_MEASURES; i++)
        only->batch_means.half_width[i] = 0.05;
    const int mean = mb_measure_index("e2e_mean_s"), p99 = mb_measure_index("e2e_p99_s");
    const int late = mb_measure_index("e2e_violation");
    only->values[mean] = 0.04;
    only->values[p99] = 5;
    only->values[late] = 0.02;
    only->values[mb_measure_index("served_share")] = 1;
    mb_summary s = mb_summarise(&f->results, 0, 0);
    assert_near(s.low[mean], 0.04 * exp(-1.25), 1e-12);
    assert_near(s.high[mean], 0.04 * exp(1.25), 1e-12);
    assert_true(isnan(s.low[p99]) && s.level[p99] == 5);
    assert_true(0 < s.low[late] && s.low[late] < 0.02 && s.high[late] < 1);
    only->values[mb_measure_index("served_share")] = 0.9; // shares count those who are in no batch
    s = mb_summarise(&f->results, 0, 0);
    assert_true(isnan(s.low[late]) && s.low[mean] > 0);
    f->points[0].experiment.seeds = 4;
}

static void best(void **state) {
    fixture *f = *state;
    set(f, 0, "throughput_rps", (double[]){1, 1, 1, 1});
    set(f, 1, "throughput_rps", (double[]){3, 3, NAN, 3});
    set(f, 2, "throughput_rps", (double[]){2, 2, 2, 2});
    set(f, 1, "e2e_p99_s", (double[]){9, 9, 9, 9});
    set(f, 2, "e2e_p99_s", (double[]){8, 9, 9, 9});
    set(f, 0, "gpu_util", (double[]){1, 1, 1, 1});
    assert_int_equal(mb_best(&f->results, 0, mb_measure_index("throughput_rps"), SIZE_MAX), 1);
    assert_int_equal(mb_best(&f->results, 0, mb_measure_index("e2e_p99_s"), SIZE_MAX),
                     2); // policy 0 has no value
    assert_true(mb_best(&f->results, 0, mb_measure_index("gpu_util"), SIZE_MAX) ==
                SIZE_MAX); // neither better nor worse
    assert_true(mb_best(&f->results, 0, mb_measure_index("ttft_p99_s"), SIZE_MAX) == SIZE_MAX);
    assert_int_equal(mb_best(&f->results, 0, mb_measure_index("throughput_rps"), 1), 2);
    set(f, 2, "throughput_rps", (double[]){3, 3, 3, 3}); // the first of equals
    assert_int_equal(mb_best(&f->results, 0, mb_measure_index("throughput_rps"), SIZE_MAX), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(layout, setup, teardown),
        cmocka_unit_test_setup_teardown(summary, setup, teardown),
        cmocka_unit_test_setup_teardown(no_spread, setup, teardown),
        cmocka_unit_test_setup_teardown(paired, setup, teardown),
        cmocka_unit_test_setup_teardown(corrected, setup, teardown),
        cmocka_unit_test_setup_teardown(within_one_run, setup, teardown),
        cmocka_unit_test_setup_teardown(best, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
