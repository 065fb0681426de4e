// SPDX-License-Identifier: MIT
// Reading grids (samples in tests/corpus/grid), and the time of a batch against hand-worked numbers.
#include "model/latency.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CORPUS "tests/corpus/grid/"

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.17g, want %.17g", got, want);
}

static void good_grids(void **state) {
    (void)state;
    const char *const files[] = {"good.csv", "crlf.csv", "no_final_newline.csv", "bom.csv"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[200];
        snprintf(path, sizeof path, CORPUS "%s", files[i]);
        mb_grid *grid;
        mb_error error;
        if (mb_grid_read(path, &grid, &error)) fail_msg("%s", error.message);
        assert_true(grid->batch_count == 2 && grid->length_count == 2);
        assert_true(grid->batch_sizes[0] == 1 && grid->batch_sizes[1] == 2);
        assert_true(grid->lengths[0] == 128 && grid->lengths[1] == 256);
        const double mean[] = {0.8, 1.5, 0.9, 1.7};
        assert_memory_equal(grid->mean_s, mean, sizeof mean);
        assert_true(grid->std_s[3] == 0.1);
        assert_string_equal(grid->path, path);
        mb_grid_free(grid);
    }
}

static void holes_and_order(void **state) {
    (void)state;
    mb_grid *grid;
    mb_error error;
    if (mb_grid_read(CORPUS "shuffled_with_hole.csv", &grid, &error)) fail_msg("%s", error.message);
    assert_true(grid->batch_count == 2 && grid->length_count == 2);
    assert_true(grid->mean_s[0] == 0.8 && grid->mean_s[1] == 1.5 && grid->mean_s[2] == 0.9);
    assert_true(isnan(grid->mean_s[3]) && grid->std_s[0] == 0);
    const mb_latency latency = {.kind = MB_LATENCY_TABLE, .grid = grid};
    assert_int_equal(mb_latency_check(&latency, &error), MB_BAD_INPUT);
    assert_non_null(
        strstr(error.message, "shuffled_with_hole.csv: no time for batch_size 2, max_seq_len 256"));
    mb_grid_free(grid);
}

static void bad_grids(void **state) {
    (void)state;
    static const struct {
        const char *file, *sentence;
    } cases[] = {
        {"empty.csv", ": is empty; a latency grid starts with a line that names its columns: "
                      "batch_size,max_seq_len,mean_latency_sec"},
        {"header_only.csv", ": has a header, but no rows"},
        {"missing_column.csv",
         ":1: no column max_seq_len; a latency grid has the columns batch_size, max_seq_len, "
         "mean_latency_sec, this header has: batch_size, mean_latency_sec"},
        {"semicolons.csv",
         ":1: no column batch_size; a latency grid has the columns batch_size, max_seq_len, "
         "mean_latency_sec, this header has: batch_size;max_seq_len;mean_latency_sec"},
        {"column_twice.csv", ":1: the column batch_size is there twice"},
        {"letters.csv", ":3: max_seq_len is 'abc', which is not a finite number"},
        {"negative.csv", ":3: mean_latency_sec is -1.5, but must be greater than 0 (seconds), at most 1e9"},
        {"nan.csv", ":2: mean_latency_sec is 'nan', which is not a finite number"},
        {"infinite.csv", ":2: mean_latency_sec is '1e999', which is not a finite number"},
        {"empty_field.csv", ":2: mean_latency_sec is empty"},
        {"zero_batch.csv", ":2: batch_size is 0, but must be a whole number from 1 to 1000000"},
        {"half_batch.csv", ":2: batch_size is 1.5, but must be a whole number from 1 to 1000000"},
        {"zero_length.csv", ":2: max_seq_len is 0, but must be greater than 0 (tokens), at most 1e9"},
        {"negative_std.csv", ":2: std_latency_sec is -0.05, but must be 0 or more (seconds)"},
        {"duplicate.csv", ":4: batch_size 1, max_seq_len 128 was given before, in line 2"},
        {"short_row.csv", ":2: 3 fields, but the header has 5"},
        {"long_row.csv", ":2: 6 fields, but the header has 5"},
        {"open_quote.csv", ":2: a quotation mark is out of place"},
        {"stray_quote.csv", ":2: a quotation mark is out of place"},
        {"nul_byte.csv", ":2: max_seq_len is '128', which is not a finite number"},
        {"no_such_file.csv", ": cannot be opened: No such file or directory"},
        {"", ": is a folder; expected a file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[200], want[400];
        snprintf(path, sizeof path, CORPUS "%s", cases[i].file);
        snprintf(want, sizeof want, "%s%s", path, cases[i].sentence);
        mb_grid *grid = (mb_grid *)&path; // must become NULL
        mb_error error;
        assert_int_equal(mb_grid_read(path, &grid, &error), MB_BAD_INPUT);
        assert_null(grid);
        assert_string_equal(error.message, want);
        assert_int_equal(mb_grid_read(path, &grid, NULL), MB_BAD_INPUT);
    }
    mb_grid_free(NULL);
}

static const mb_latency LAW = {.kind = MB_LATENCY_BATCH,
                               .law = {.alpha_s = 0.05, .beta_s_per_token = 0.006, .gamma = 0.3},
                               .max_batch = 32,
                               .max_length = 2048};

static void the_law(void **state) {
    (void)state;
    mb_batch_time time = mb_latency_batch(&LAW, 1, 100, 0, NULL);
    assert_near(time.duration_s, 0.65, 1e-15);
    assert_true(time.first_token_s == 0.05 && time.tbt_s == 0.006 && !time.extrapolated);
    time = mb_latency_batch(&LAW, 4, 1000, 0, NULL); // 0.05 + 6 (1 + 0.3 * 3/4)
    assert_near(time.duration_s, 7.4, 1e-14);
    assert_near(time.tbt_s, 0.00735, 1e-17);
    assert_false(mb_latency_batch(&LAW, 32, 2048, 0, NULL).extrapolated);
    assert_true(mb_latency_batch(&LAW, 33, 2048, 0, NULL).extrapolated);
    assert_true(mb_latency_batch(&LAW, 32, 2049, 0, NULL).extrapolated);
    time = mb_latency_batch(&LAW, 3, 0, 0, NULL);
    assert_true(time.duration_s == 0.05 && time.first_token_s == 0.05 && time.tbt_s == 0);

    mb_latency latency = LAW; // no range known, and a floor
    latency.max_batch = latency.max_length = 0;
    latency.law.floor_s = 1;
    time = mb_latency_batch(&latency, 1000, 10, 0, NULL);
    assert_false(time.extrapolated);
    assert_true(time.duration_s == 1 && time.first_token_s == 0.05);
    assert_near(time.tbt_s, 0.095, 1e-15);
}

// As mb_latency_batch, to the bit, of every kind.
static void only_what_is_asked(void **state) {
    (void)state;
    mb_latency floored = LAW;
    floored.law.floor_s = 1;
    const mb_latency jobs = {.kind = MB_LATENCY_JOBS}, *const models[] = {&LAW, &floored, &jobs};
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (uint32_t tokens = 0; tokens < 400; tokens += 7) {
            double first_s;
            const mb_batch_time time = mb_latency_batch(models[m], 1 + tokens % 5, tokens, 0.25, NULL);
            assert_true(mb_latency_batch_exact(models[m], 1 + tokens % 5, tokens, 0.25, &first_s) ==
                        time.duration_s);
            assert_true(first_s == time.first_token_s);
        }
}

static void noise_has_mean_one(void **state) {
    (void)state;
    mb_latency latency = LAW;
    latency.noise = 0.3;
    mb_rng rng;
    mb_rng_init(&rng, 5, 0, "latency");
    const mb_batch_time exact = mb_latency_batch(&LAW, 4, 1000, 0, NULL);
    double sum = 0, logs = 0, squares = 0;
    const int n = 400000;
    for (int i = 0; i < n; i++) {
        const mb_batch_time time = mb_latency_batch(&latency, 4, 1000, 0, &rng);
        const double factor = time.duration_s / exact.duration_s;
        sum += factor;
        logs += log(factor);
        squares += log(factor) * log(factor);
        assert_near(time.first_token_s, exact.first_token_s * factor, 1e-12);
        assert_near(time.tbt_s, (time.duration_s - time.first_token_s) / 1000, 1e-12);
    }
    const double mean_log = logs / n;
    assert_near(sum / n, 1, 4 * 0.31 / sqrt(n)); // four standard errors
    assert_near(mean_log, -0.045, 4 * 0.3 / sqrt(n));
    assert_near(sqrt(squares / n - mean_log * mean_log), 0.3, 0.002);
}

static void no_noise_draws_nothing(void **state) {
    (void)state;
    mb_rng rng, before;
    mb_rng_init(&rng, 5, 0, "latency");
    before = rng;
    mb_latency_batch(&LAW, 4, 1000, 0, &rng);
    assert_memory_equal(&rng, &before, sizeof rng);
}

// A grid that owns nothing.
static mb_grid small_grid(double *batch_sizes, double *lengths, double *mean) {
    return (mb_grid){
        .batch_count = 3, .length_count = 3, .batch_sizes = batch_sizes, .lengths = lengths, .mean_s = mean};
}

static void the_table(void **state) {
    (void)state;
    double batch_sizes[] = {2, 4, 8}, lengths[] = {100, 200, 400};
    double mean[] = {1, 1.5, 3, 2, 3, 5, 4, 6, 12};
    const mb_grid grid = small_grid(batch_sizes, lengths, mean);
    const mb_latency latency = {.kind = MB_LATENCY_TABLE, .grid = &grid};
    mb_error error;
    assert_int_equal(mb_latency_check(&latency, &error), MB_OK);
    for (size_t i = 0; i < 3; i++) // the cells themselves, to the bit
        for (size_t j = 0; j < 3; j++) {
            const mb_batch_time time =
                mb_latency_batch(&latency, (uint32_t)batch_sizes[i], (uint32_t)lengths[j], 0, NULL);
            assert_true(time.duration_s == mean[3 * i + j] && !time.extrapolated);
        }
    mb_batch_time time = mb_latency_batch(&latency, 3, 150, 0, NULL); // middle of 1, 1.5, 2, 3
    assert_near(time.duration_s, 1.875, 1e-15);
    // At b = 3: 1.5 at length 100 and 2.25 at 200, so 0.75 at length 0.
    assert_near(time.first_token_s, 0.75, 1e-15);
    assert_near(time.tbt_s, 1.125 / 150, 1e-15);
    time = mb_latency_batch(&latency, 5, 300, 0, NULL); // a quarter of the way from 4 to 9
    assert_near(time.duration_s, 5.25, 1e-14);
    // Clamped at each edge, and it says so.
    time = mb_latency_batch(&latency, 1, 100, 0, NULL);
    assert_true(time.extrapolated && time.duration_s == 1);
    time = mb_latency_batch(&latency, 9, 150, 0, NULL);
    assert_true(time.extrapolated && time.duration_s == 5);
    time = mb_latency_batch(&latency, 2, 99, 0, NULL);
    assert_true(time.extrapolated && time.duration_s == 1);
    time = mb_latency_batch(&latency, 2, 500, 0, NULL);
    assert_true(time.extrapolated && time.duration_s == 3);
    time = mb_latency_batch(&latency, 2, 0, 0, NULL);
    assert_true(time.extrapolated && time.duration_s == 1 && time.tbt_s == 0);
}

// Whatever the grid, the first token comes within the batch; and it does not fall as the batch grows, where
// the grid's own times do not.
static void first_token_in_range(void **state) {
    (void)state;
    double batch_sizes[] = {1, 4, 16}, lengths[] = {10, 20, 40}, mean[9];
    const mb_grid grid = small_grid(batch_sizes, lengths, mean);
    const mb_latency latency = {.kind = MB_LATENCY_TABLE, .grid = &grid};
    mb_rng rng;
    mb_rng_init(&rng, 9, 0, "grids");
    for (int k = 0; k < 300; k++) {
        for (size_t i = 0; i < 9; i++)
            mean[i] = mb_rng_uniform_positive(&rng);
        for (uint32_t b = 1; b <= 20; b++)
            for (uint32_t tokens = 0; tokens <= 50; tokens += 5) {
                const mb_batch_time time = mb_latency_batch(&latency, b, tokens, 0, NULL);
                assert_true(time.first_token_s >= 0 && time.first_token_s <= time.duration_s &&
                            time.tbt_s >= 0);
            }
    }
    // An affine grid gives its own intercept, up to rounding.
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            mean[3 * i + j] = 0.05 * (double)(i + 1) + 0.01 * lengths[j];
    assert_near(mb_latency_batch(&latency, 4, 33, 0, NULL).first_token_s, 0.1, 1e-15);
    assert_near(mb_latency_batch(&latency, 4, 33, 0, NULL).tbt_s, 0.01, 1e-15);
}

static void jobs(void **state) {
    (void)state;
    const mb_latency latency = {.kind = MB_LATENCY_JOBS};
    mb_error error;
    assert_int_equal(mb_latency_check(&latency, &error), MB_OK);
    const mb_batch_time time = mb_latency_batch(&latency, 5, 77, 2.5, NULL);
    assert_true(time.duration_s == 2.5 && time.first_token_s == 2.5 && time.tbt_s == 0 && !time.extrapolated);
}

static void rejected(const mb_latency *latency, const char *sentence) {
    mb_error error;
    assert_int_equal(mb_latency_check(latency, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, sentence);
}

static void checks(void **state) {
    (void)state;
    mb_error error;
    assert_int_equal(mb_latency_check(&LAW, &error), MB_OK);
    mb_latency latency = LAW;
    latency.law.alpha_s = -1;
    rejected(&latency, "latency: alpha must be a number of seconds that is not negative, not -1");
    latency = LAW;
    latency.law.beta_s_per_token = INFINITY;
    rejected(&latency, "latency: beta must be a number of seconds per token that is not negative, not inf");
    latency = LAW;
    latency.law.gamma = -0.5;
    rejected(&latency, "latency: gamma must be a number that is not negative, not -0.5");
    latency = LAW;
    latency.law.floor_s = -2;
    rejected(&latency, "latency: the floor must be a number of seconds that is not negative, not -2");
    latency = LAW;
    latency.law.alpha_s = latency.law.beta_s_per_token = 0;
    rejected(&latency, "latency: alpha and beta are both 0, so a batch would take no time; set one of them");
    latency = LAW;
    latency.noise = 7;
    rejected(&latency, "latency: noise must be from 0 to 2 (0.07 is about 7 %), not 7");
    latency = LAW;
    latency.max_length = -1;
    rejected(&latency, "latency: max_batch and max_length must not be negative (0: not known)");
    latency.max_length = latency.law.gamma = NAN;
    assert_int_equal(mb_latency_check(&latency, NULL), MB_BAD_INPUT);

    double one = 1;
    mb_grid grid = {
        .batch_count = 1, .length_count = 1, .batch_sizes = &one, .lengths = &one, .mean_s = &one};
    latency = (mb_latency){.kind = MB_LATENCY_TABLE, .grid = &grid};
    rejected(&latency,
             "latency table: a latency table needs two batch sizes and two lengths at least, this grid has "
             "1 and 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_grids),
        cmocka_unit_test(holes_and_order),
        cmocka_unit_test(bad_grids),
        cmocka_unit_test(the_law),
        cmocka_unit_test(only_what_is_asked),
        cmocka_unit_test(noise_has_mean_one),
        cmocka_unit_test(no_noise_draws_nothing),
        cmocka_unit_test(the_table),
        cmocka_unit_test(first_token_in_range),
        cmocka_unit_test(jobs),
        cmocka_unit_test(checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
