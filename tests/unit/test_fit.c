// SPDX-License-Identifier: MIT
// Fits against generated grids whose law is known, and against the origin's grid.
#include "base/rng.h"
#include "fit/batch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { BATCHES = 6, LENGTHS = 5 };

static double batch_sizes[BATCHES] = {1, 2, 4, 8, 16, 32};
static double lengths[LENGTHS] = {128, 256, 512, 1024, 2048};

static mb_grid grid_of(double *mean) {
    return (mb_grid){.batch_count = BATCHES,
                     .length_count = LENGTHS,
                     .batch_sizes = batch_sizes,
                     .lengths = lengths,
                     .mean_s = mean};
}

static void generate(const mb_batch_law *law, double *mean) {
    for (size_t i = 0; i < BATCHES; i++)
        for (size_t j = 0; j < LENGTHS; j++) {
            const double b = batch_sizes[i];
            mean[i * LENGTHS + j] =
                law->alpha_s + law->beta_s_per_token * lengths[j] * (1 + law->gamma * (b - 1) / b);
        }
}

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.17g, want %.17g", got, want);
}

static void recovers_the_law(void **state) {
    (void)state;
    static const mb_batch_law laws[] = {
        {0.05, 0.006, 0.3, 0}, {0.015, 0.0003, 0.4, 0}, {1e-6, 1e-7, 1.9, 0}, {10, 1e-5, 0.01, 0},
        {0, 0.006, 0.3, 0},    {0.05, 0.006, 0, 0},     {0, 0.006, 0, 0},     {2, 0, 0, 0},
    };
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "holes");
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++) {
        for (int holes = 0; holes < 2; holes++) {
            double mean[BATCHES * LENGTHS];
            generate(&laws[k], mean);
            for (size_t i = 0; holes && i < BATCHES * LENGTHS; i++)
                if (mb_rng_uniform(&rng) < 0.5) mean[i] = NAN;
            const mb_grid grid = grid_of(mean);
            for (int weight = 0; weight < 2; weight++) {
                mb_fit fit;
                mb_error error;
                if (mb_fit_batch_law(&grid, (mb_fit_weight)weight, &fit, &error))
                    fail_msg("%s", error.message);
                const double scale = laws[k].alpha_s + laws[k].beta_s_per_token;
                assert_near(fit.law.alpha_s, laws[k].alpha_s, 1e-9 * scale);
                assert_near(fit.law.beta_s_per_token, laws[k].beta_s_per_token, 1e-9 * scale);
                if (laws[k].beta_s_per_token > 0) assert_near(fit.law.gamma, laws[k].gamma, 1e-9);
                if (laws[k].beta_s_per_token > 0) assert_near(fit.r_squared, 1, 1e-9);
                assert_true(fit.law.alpha_s >= 0 && fit.law.beta_s_per_token >= 0 && fit.law.gamma >= 0);
                assert_near(fit.mape, 0, 1e-9);
                assert_near(fit.held_out_mape, 0, 1e-9);
                assert_true(fit.max_length <= 2048 && (holes || fit.cells == BATCHES * LENGTHS));
            }
        }
    }
}

// Reference values: plain linear least squares on the same file in another language.
static void the_origins_grid(void **state) {
    (void)state;
    const char *path = "../shared/data/perf/origin/qwen3_1_7b_latency_grid.csv";
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    mb_grid *grid;
    mb_fit fit;
    mb_error error;
    if (mb_grid_read(path, &grid, &error) || mb_fit_batch_law(grid, MB_FIT_ABSOLUTE, &fit, &error))
        fail_msg("%s", error.message);
    assert_near(fit.law.alpha_s, 0.0596527777777803, 1e-13);
    assert_near(fit.law.beta_s_per_token, 0.00574199698237946, 1e-15);
    assert_near(fit.law.gamma, 0.315680711235362, 1e-12);
    assert_near(fit.r_squared, 0.99946, 5e-6);
    assert_near(fit.mape, 0.0134, 5e-5);
    assert_near(fit.worst, 0.035, 5e-4);
    assert_true(fit.worst_batch == 2 && fit.worst_length == 128);
    assert_true(fit.cells == 30 && fit.max_batch == 32 && fit.max_length == 2048);
    assert_true(fabs(fit.held_out_mape - 0.0134) < 5e-5);
    mb_fit relative;
    assert_int_equal(mb_fit_batch_law(grid, MB_FIT_RELATIVE, &relative, &error), MB_OK);
    assert_true(fabs(relative.worst) < fabs(fit.worst));
    mb_grid_free(grid);
}

// Measured GPUs: T(32) / T(1) grows with the length, from 1.3 at 128 to 2.2 at 2048. No gamma fits that.
static void misfit_shows(void **state) {
    (void)state;
    double mean[BATCHES * LENGTHS];
    for (size_t i = 0; i < BATCHES; i++)
        for (size_t j = 0; j < LENGTHS; j++)
            mean[i * LENGTHS + j] =
                0.02 * lengths[j] * (1 + (batch_sizes[i] - 1) / 31 * (0.3 + 0.9 * (double)j / 4));
    const mb_grid grid = grid_of(mean);
    mb_fit fit;
    mb_error error;
    assert_int_equal(mb_fit_batch_law(&grid, MB_FIT_RELATIVE, &fit, &error), MB_OK);
    assert_true(fabs(fit.worst) > 0.25 && fit.mape > 0.08);
    assert_true(fit.worst_batch == 32 && fit.worst_length == 2048 && fit.worst < 0);
}

static double loss(const mb_grid *grid, mb_fit_weight weight, double a, double b, double c) {
    double sum = 0;
    for (size_t i = 0; i < BATCHES; i++)
        for (size_t j = 0; j < LENGTHS; j++) {
            const double x = batch_sizes[i], y = lengths[j], t = grid->mean_s[i * LENGTHS + j];
            const double e = (a + b * y + c * y * (x - 1) / x - t) / (weight == MB_FIT_RELATIVE ? t : 1);
            sum += e * e;
        }
    return sum;
}

// On random grids, where the constraints bind more often than not, no feasible step improves the fit.
static void nothing_better_nearby(void **state) {
    (void)state;
    mb_rng rng;
    mb_rng_init(&rng, 2, 0, "grids");
    int bound = 0;
    for (int k = 0; k < 200; k++) {
        double mean[BATCHES * LENGTHS];
        const double slope = 2 * mb_rng_uniform(&rng) - 0.5, effect = 2 * mb_rng_uniform(&rng) - 1;
        for (size_t i = 0; i < BATCHES; i++)
            for (size_t j = 0; j < LENGTHS; j++)
                mean[i * LENGTHS + j] =
                    exp(slope * log(lengths[j]) + 0.1 * effect * (double)i + 0.1 * mb_rng_normal(&rng)) /
                    1000;
        const mb_grid grid = grid_of(mean);
        for (int weight = 0; weight < 2; weight++) {
            mb_fit fit;
            mb_error error;
            assert_int_equal(mb_fit_batch_law(&grid, (mb_fit_weight)weight, &fit, &error), MB_OK);
            const double a = fit.law.alpha_s, b = fit.law.beta_s_per_token, c = b * fit.law.gamma;
            assert_true(a >= 0 && b >= 0 && c >= 0);
            bound += a == 0 || b == 0 || c == 0;
            const double best = loss(&grid, (mb_fit_weight)weight, a, b, c);
            const double steps[3] = {1e-4 * mean[0], 1e-4 * mean[0] / 2048, 1e-4 * mean[0] / 2048};
            for (int m = 0; m < 27; m++) {
                const double p = a + steps[0] * (m % 3 - 1), q = b + steps[1] * (m / 3 % 3 - 1);
                const double r = c + steps[2] * (m / 9 - 1);
                if (p < 0 || q < 0 || r < 0 || (q == 0 && r > 0)) continue;
                // Where batches of 1 do not grow with length a gamma without limit would fit better; the
                // header
                // rules that out.
                if (c == 0 && r > 0) continue;
                assert_true(loss(&grid, (mb_fit_weight)weight, p, q, r) >= best * (1 - 1e-9));
            }
        }
    }
    assert_true(bound > 50);
}

static void too_little(void **state) {
    (void)state;
    static const struct {
        const char *file, *sentence;
    } cases[] = {
        {"one_length.csv", ": a fit needs two lengths at least, this grid has only 128"},
        {"one_batch.csv", ": a fit needs two batch sizes at least, this grid has only 1"},
        {"two_cells.csv", ": a fit needs 3 cells at least, this grid has 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[200], want[300];
        snprintf(path, sizeof path, "tests/corpus/grid/%s", cases[i].file);
        snprintf(want, sizeof want, "%s%s", path, cases[i].sentence);
        mb_grid *grid;
        mb_fit fit;
        mb_error error;
        if (mb_grid_read(path, &grid, &error)) fail_msg("%s", error.message);
        assert_int_equal(mb_fit_batch_law(grid, MB_FIT_RELATIVE, &fit, &error), MB_BAD_INPUT);
        assert_string_equal(error.message, want);
        mb_grid_free(grid);
    }
    // L (b - 1) / b = 200 - L on these three cells, so the terms depend on each other.
    double bs[] = {1, 2, 4}, ls[] = {800.0 / 7, 400.0 / 3, 200}, mean[9];
    for (int i = 0; i < 9; i++)
        mean[i] = NAN;
    mean[2] = 1;
    mean[3 + 1] = 1.5;
    mean[6 + 0] = 2;
    const mb_grid grid = {
        .batch_count = 3, .length_count = 3, .batch_sizes = bs, .lengths = ls, .mean_s = mean};
    mb_fit fit;
    mb_error error;
    assert_int_equal(mb_fit_batch_law(&grid, MB_FIT_ABSOLUTE, &fit, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "these cells do not determine alpha, beta and gamma"));
}

static void two_lengths_hold_nothing_out(void **state) {
    (void)state;
    mb_grid *grid;
    mb_fit fit;
    mb_error error;
    assert_int_equal(mb_grid_read("tests/corpus/grid/good.csv", &grid, &error), MB_OK);
    assert_int_equal(mb_fit_batch_law(grid, MB_FIT_RELATIVE, &fit, &error), MB_OK);
    assert_true(isnan(fit.held_out_mape) && fit.cells == 4);
    mb_grid_free(grid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recovers_the_law), cmocka_unit_test(the_origins_grid),
        cmocka_unit_test(misfit_shows),     cmocka_unit_test(nothing_better_nearby),
        cmocka_unit_test(too_little),       cmocka_unit_test(two_lengths_hold_nothing_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
