// SPDX-License-Identifier: MIT
// Lengths that are mixed, heavy-tailed or depend on the prompt; pairs; arrivals in periods; traces that are
// thinned or have their gaps cut. Run from the repository's root.
#include "base/strbuf.h"
#include "workload/arrivals.h"
#include "workload/length_pairs.h"
#include "workload/source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CORPUS "tests/corpus/csv/"
#define DRAWS 400000

// ---- helpers

static void prepare(mb_distribution *d) {
    mb_error error;
    if (mb_distribution_prepare(d, "test", &error)) fail_msg("%s", error.message);
}

static void expect_bad(mb_distribution *d, const char *sentence) {
    mb_error error = {0};
    assert_int_equal(mb_distribution_prepare(d, "x", &error), MB_BAD_INPUT);
    assert_string_equal(error.message, sentence);
}

static void check_near(double got, double expected, double tolerance, const char *what) {
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("%s is %.6g; expected %.6g within %.2g", what, got, expected, tolerance);
}

// ---- distributions

static void test_gamma(void **unused) {
    (void)unused;
    mb_distribution d = {.kind = MB_DIST_GAMMA, .a = 2, .b = 50};
    prepare(&d);
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "test");
    double sum = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        const double x = mb_distribution_draw(&d, &rng);
        sum += x;
        squares += x * x;
    }
    const double mean = sum / DRAWS, variance = squares / DRAWS - mean * mean;
    check_near(mean, 100, 5 * sqrt(5000.0 / DRAWS), "the mean");
    check_near(variance, 5000, 5 * 5000 * sqrt(5.0 / DRAWS), "the variance"); // kurtosis 3 + 6/2
    expect_bad(&(mb_distribution){.kind = MB_DIST_GAMMA, .b = 1},
               "x: the shape is 0; expected a positive number");
}

// P(X > x) = (20 / x)^3, cut at 200.
static void test_pareto(void **unused) {
    (void)unused;
    mb_distribution d = {.kind = MB_DIST_PARETO, .a = 3, .b = 20, .max = 200};
    prepare(&d);
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "test");
    int above[3] = {0};
    static const double limits[] = {25, 40, 199.999};
    for (int i = 0; i < DRAWS; i++) {
        const double x = mb_distribution_draw(&d, &rng);
        assert_true(x >= 20 && x <= 200);
        for (int k = 0; k < 3; k++)
            above[k] += x > limits[k];
    }
    for (int k = 0; k < 3; k++) {
        const double p = pow(20 / limits[k], 3);
        check_near((double)above[k] / DRAWS, p, 5 * sqrt(p * (1 - p) / DRAWS), "a tail");
    }
    expect_bad(&(mb_distribution){.kind = MB_DIST_PARETO, .a = 1},
               "x: the least value is 0; expected a positive number");
}

// A quarter is 7, the rest is uniform over 10 .. 13.
static void test_mixture(void **unused) {
    (void)unused;
    mb_distribution parts[] = {{.kind = MB_DIST_FIXED, .a = 7}, {.kind = MB_DIST_UNIFORM, .a = 10, .b = 13}};
    double shares[] = {1, 3};
    mb_distribution d = {
        .kind = MB_DIST_MIXTURE, .values = shares, .value_count = 2, .parts = parts, .part_count = 2};
    prepare(&d);
    prepare(&d); // a second time does no harm
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "test");
    int counts[14] = {0};
    for (int i = 0; i < DRAWS; i++) {
        const uint32_t n = mb_distribution_draw_tokens(&d, &rng);
        assert_true(n == 7 || (n >= 10 && n <= 13));
        counts[n]++;
    }
    check_near((double)counts[7] / DRAWS, 0.25, 5 * sqrt(0.1875 / DRAWS), "a share");
    for (int n = 10; n <= 13; n++)
        check_near((double)counts[n] / DRAWS, 0.1875, 5 * sqrt(0.1875 * 0.8125 / DRAWS), "a value's share");
    shares[1] = 0;
    expect_bad(&d, "x: share 2 is 0; expected a positive number");
}

static void test_by_prompt(void **unused) {
    (void)unused;
    mb_distribution parts[] = {{.kind = MB_DIST_FIXED, .a = 5}, {.kind = MB_DIST_UNIFORM, .a = 70, .b = 80}};
    double limits[] = {128, INFINITY};
    mb_distribution d = {
        .kind = MB_DIST_BY_PROMPT, .values = limits, .value_count = 2, .parts = parts, .part_count = 2};
    prepare(&d);
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "test");
    for (uint32_t prompt = 1; prompt < 260; prompt++) {
        const uint32_t n = mb_distribution_draw_output(&d, prompt, &rng);
        assert_true(prompt <= 128 ? n == 5 : n >= 70 && n <= 80);
    }
    limits[1] = 128;
    expect_bad(&d, "x: limit 2 is 128; expected limits that ascend");
}

// 100 + U(0.06, 0.24) prompt: mean and variance follow the prompt, and limits hold.
static void test_of_prompt(void **unused) {
    (void)unused;
    mb_distribution parts[] = {{.kind = MB_DIST_GAMMA, .a = 4, .b = 25},
                               {.kind = MB_DIST_UNIFORM, .a = 0.06, .b = 0.24}};
    mb_distribution d = {.kind = MB_DIST_OF_PROMPT, .parts = parts, .part_count = 2, .max = 4096};
    prepare(&d);
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "test");
    for (uint32_t prompt = 0; prompt <= 2000; prompt += 1000) {
        double sum = 0, squares = 0;
        for (int i = 0; i < DRAWS; i++) {
            const double n = mb_distribution_draw_output(&d, prompt, &rng);
            sum += n;
            squares += n * n;
        }
        const double mean = sum / DRAWS, expected = 100 + 0.15 * prompt;
        const double variance = 2500 + 0.18 * 0.18 / 12 * prompt * prompt + 1.0 / 12;
        check_near(mean, expected, 5 * sqrt(variance / DRAWS), "the mean");
        check_near(squares / DRAWS - mean * mean, variance, 0.02 * variance, "the variance");
    }
    d.max = 150;
    assert_true(mb_distribution_draw_output(&d, 100000, &rng) == 150);
}

// ---- pairs

static mb_workload paired(uint32_t users) {
    mb_workload workload = {
        .kind = MB_WORKLOAD_SYNTHETIC, .until_s = INFINITY, .limit = 3000, .users = users};
    workload.arrivals = (mb_arrivals){.kind = MB_ARRIVALS_POISSON, .rate = 1};
    workload.think = (mb_distribution){.kind = MB_DIST_FIXED, .a = 1};
    mb_error error;
    if (mb_length_pairs_read(CORPUS "failed.csv", "prompt", "output", &workload.pairs, &error))
        fail_msg("%s", error.message);
    return workload;
}

// The pairs (12, 5) and (13, 8) stay together, whoever sends them.
static void test_pairs(void **unused) {
    (void)unused;
    for (uint32_t users = 0; users < 2; users++) {
        mb_workload workload = paired(users);
        assert_int_equal(workload.pairs.count, 2);
        mb_error error;
        mb_source *source;
        assert_int_equal(mb_workload_prepare(&workload, &error), MB_OK);
        assert_int_equal(mb_source_open(&workload, 1, 0, &source, &error), MB_OK);
        int first = 0;
        for (int i = 0; i < 3000; i++) {
            mb_arrival a;
            bool end;
            assert_int_equal(mb_source_next(source, &a, &end, &error), MB_OK);
            assert_false(end);
            assert_true((a.prompt_tokens == 12 && a.output_tokens == 5) ||
                        (a.prompt_tokens == 13 && a.output_tokens == 8));
            first += a.prompt_tokens == 12;
            const mb_departure departure = {.user = a.user, .time_s = a.time_s + 1};
            assert_int_equal(mb_source_finished(source, &departure, &error), MB_OK);
        }
        check_near(first, 1500, 5 * sqrt(750), "the number of first pairs");
        assert_int_equal(mb_source_get_counts(source).skipped_empty, 4);
        mb_source_close(source);
        mb_workload_deinit(&workload);
    }
    mb_length_pairs pairs;
    mb_error error;
    assert_int_equal(
        mb_length_pairs_read("tests/corpus/jsonl/lists.json", "input_lens", "output_lens", &pairs, &error),
        MB_OK);
    assert_true(pairs.count == 3 && pairs.skipped_zero == 1 && pairs.prompt[2] == 40 && pairs.output[2] == 4);
    mb_length_pairs_deinit(&pairs);
    assert_int_equal(mb_length_pairs_read(CORPUS "failed.csv", "prompt", "outputs", &pairs, &error),
                     MB_BAD_INPUT);
    assert_string_equal(error.message,
                        CORPUS "failed.csv:1: no column \"outputs\"; the columns are \"time\", "
                               "\"prompt\" and \"output\"");
    assert_int_equal(
        mb_length_pairs_read("tests/corpus/jsonl/lists.json", "input_lens", "nothing", &pairs, &error),
        MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "tests/corpus/jsonl/lists.json:10: no \"nothing\"; expected a whole number "
                        "of tokens in some row");
}

// ---- periods

// Off for 2 s, on for 1 s: an arrival every 0.3 s of on-time, whatever the periods are.
static void test_fixed_periods(void **unused) {
    (void)unused;
    mb_arrivals *law = calloc(1, sizeof *law);
    assert_non_null(law);
    *law = (mb_arrivals){.kind = MB_ARRIVALS_CONSTANT, .rate = 1 / 0.3};
    mb_arrivals a = {.kind = MB_ARRIVALS_PERIODS, .during = law};
    a.on = (mb_distribution){.kind = MB_DIST_FIXED, .a = 1};
    a.off = (mb_distribution){.kind = MB_DIST_FIXED, .a = 2};
    mb_error error;
    assert_int_equal(mb_arrivals_prepare(&a, &error), MB_OK);
    mb_arrivals_state state;
    mb_arrivals_open(&a, 1, 0, &state);
    for (int i = 0; i < 1000; i++) {
        double time_s;
        assert_true(mb_arrivals_next(&state, &time_s));
        const double own_s = i * 0.3, periods = floor(own_s + 1e-9);
        check_near(time_s, own_s + 2 * (periods + 1), 1e-9, "an arrival");
    }
    a.on.a = 1e-9;
    assert_int_equal(mb_arrivals_prepare(&a, &error), MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "arrivals: the mean number of requests in an on-period is 3.33333e-09; "
                        "expected at least one in a million");
    mb_arrivals_deinit(&a);
}

// The rate over a long time is that of the law times the share of on-time.
static void test_random_periods(void **unused) {
    (void)unused;
    mb_arrivals *law = calloc(1, sizeof *law);
    assert_non_null(law);
    *law = (mb_arrivals){.kind = MB_ARRIVALS_GAMMA, .rate = 20, .shape = 0.25};
    mb_arrivals a = {.kind = MB_ARRIVALS_PERIODS, .during = law};
    a.on = (mb_distribution){.kind = MB_DIST_UNIFORM, .a = 1, .b = 3};
    a.off = (mb_distribution){.kind = MB_DIST_EXPONENTIAL, .a = 6};
    mb_error error;
    assert_int_equal(mb_arrivals_prepare(&a, &error), MB_OK);
    mb_arrivals_state state;
    mb_arrivals_open(&a, 1, 0, &state);
    double time_s = 0, before_s = 0;
    for (int i = 0; i < DRAWS; i++) {
        assert_true(mb_arrivals_next(&state, &time_s));
        assert_true(time_s >= before_s);
        before_s = time_s;
    }
    check_near(DRAWS / time_s, 5, 0.1, "the rate");
    mb_arrivals_deinit(&a);
}

// ---- traces

// Rows every second, with a gap of 1,001 s and one of 2 s; the prompt is the row's number.
static void write_rows(char path[64], int rows) {
    snprintf(path, 64, "/tmp/mbsand-lengths-XXXXXX");
    FILE *file = fdopen(mkstemp(path), "wb");
    assert_non_null(file);
    fprintf(file, "time,prompt,output\n");
    for (int i = 0; i < rows; i++)
        fprintf(file, "%d,%d,1\n", 10 + i + (i >= 5 ? 1000 : 0) + (i >= 8 ? 1 : 0), i + 1);
    assert_int_equal(fclose(file), 0);
}

static mb_workload trace_of(const char *path) {
    mb_workload workload = {.kind = MB_WORKLOAD_TRACE, .until_s = INFINITY};
    workload.trace = (mb_trace){.layout = MB_TRACE_CSV, .time_unit_s = 1, .rate_scale = 1, .to_s = INFINITY};
    workload.trace.path = mb_strdup(path);
    return workload;
}

// Read all; the prompts, which number the rows, go to `rows`, their times to `times`.
static int read_rows(mb_workload *workload, uint64_t seed, uint64_t replication, uint32_t *rows,
                     double *times) {
    mb_error error;
    mb_source *source;
    if (mb_workload_prepare(workload, &error)) fail_msg("%s", error.message);
    assert_int_equal(mb_source_open(workload, seed, replication, &source, &error), MB_OK);
    int count = 0;
    for (bool end = false;; count++) {
        mb_arrival a;
        assert_int_equal(mb_source_next(source, &a, &end, &error), MB_OK);
        if (end) break;
        rows[count] = a.prompt_tokens;
        if (times) times[count] = a.time_s;
    }
    mb_source_close(source);
    mb_workload_deinit(workload);
    return count;
}

static void test_thin(void **unused) {
    (void)unused;
    enum { ROWS = 20000 };
    static uint32_t all[ROWS], windows[ROWS];
    char path[64];
    write_rows(path, ROWS);
    mb_workload workload = trace_of(path);
    workload.trace.thin = 4;
    const int count = read_rows(&workload, 7, 0, all, NULL);
    check_near(count, ROWS / 4.0, 5 * sqrt(ROWS * 3.0 / 16), "the number of rows kept");
    for (int i = 1; i < count; i++)
        assert_true(all[i] > all[i - 1]);
    // Windows of replications are stretches of the same thinned trace; another seed thins it otherwise.
    int at = 0;
    for (uint64_t r = 0; r < 4; r++) {
        workload = trace_of(path);
        workload.trace.thin = 4;
        workload.trace.window_per_seed = true;
        workload.limit = 1000;
        assert_int_equal(read_rows(&workload, 7, r, windows, NULL), 1000);
        for (int i = 0; i < 1000; i++)
            assert_int_equal(windows[i], all[at++]);
    }
    workload = trace_of(path);
    workload.trace.thin = 4;
    read_rows(&workload, 8, 0, windows, NULL);
    assert_memory_not_equal(windows, all, 100 * sizeof *all);
    workload = trace_of(path);
    workload.trace.thin = 0.5;
    mb_error error;
    assert_int_equal(mb_workload_prepare(&workload, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, "trace: thin is 0.5; expected a number of at least 1");
    mb_workload_deinit(&workload);
    unlink(path);
}

// Rows at 0 .. 4, 1005 .. 1007, 1009 .. s after the first.
static void test_max_gap(void **unused) {
    (void)unused;
    uint32_t rows[10];
    double times[10];
    char path[64];
    write_rows(path, 10);
    mb_workload workload = trace_of(path);
    workload.trace.max_gap_s = 2.5;
    workload.trace.rate_scale = 2;
    assert_int_equal(read_rows(&workload, 1, 0, rows, times), 10);
    static const double expected[] = {0, 1, 2, 3, 4, 6.5, 7.5, 8.5, 10.5, 11.5};
    for (int i = 0; i < 10; i++)
        check_near(times[i], expected[i] / 2, 1e-12, "a time");
    // A window that starts in the gap: what is left of that is cut too.
    workload = trace_of(path);
    workload.trace.max_gap_s = 2.5;
    workload.trace.from_s = 100;
    assert_int_equal(read_rows(&workload, 1, 0, rows, times), 5);
    check_near(times[0], 2.5, 1e-12, "the first time");
    check_near(times[4], 7.5, 1e-12, "the last time");
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gamma),         cmocka_unit_test(test_pareto),
        cmocka_unit_test(test_mixture),       cmocka_unit_test(test_by_prompt),
        cmocka_unit_test(test_of_prompt),     cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_fixed_periods), cmocka_unit_test(test_random_periods),
        cmocka_unit_test(test_thin),          cmocka_unit_test(test_max_gap),
    };
    return cmocka_run_group_tests_name("lengths", tests, NULL, NULL);
}
