// SPDX-License-Identifier: MIT
// Predictors of output lengths, and the generator that repeats the origin's predictions.
// Statistical tolerances are five standard errors of the estimate, so a wrong formula fails and chance does
// not.
#include "base/strbuf.h"
#include "workload/distribution.h"
#include "workload/mt19937.h"
#include "workload/predictor.h"
#include "workload/source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DRAWS 1000000

static void check_near(double value, double expected, double tolerance, const char *what) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%s is %.9g, not %.9g", what, value, expected);
}

// ---- the Mersenne twister, and predictors

static void test_mt19937(void **unused) {
    (void)unused;
    mb_mt19937 g;
    mb_mt19937_init(&g, 5489); // Matsumoto & Nishimura's default seed; values of C++11's std::mt19937
    assert_int_equal(mb_mt19937_bits(&g), 3499211612u);
    for (int i = 2; i < 10000; i++)
        mb_mt19937_bits(&g);
    assert_int_equal(mb_mt19937_bits(&g), 4123659995u); // the 10,000th, from the C++ standard
    mb_mt19937_init(&g, 42);                            // numpy.random.seed(42); numpy.random.normal()
    const double published[] = {0.4967141530112327, -0.13826430117118466, 0.6476885381006925,
                                1.5230298564080254};
    for (int i = 0; i < 4; i++)
        assert_true(mb_mt19937_normal(&g) == published[i]);
    mb_mt19937_init(&g, 42); // numpy.random.rand()
    assert_true(mb_mt19937_uniform(&g) == 0.3745401188473625);
    assert_true(mb_mt19937_uniform(&g) == 0.9507143064099162);
}

static mb_predictor_state *open_predictor(mb_predictor *predictor, uint64_t replication) {
    mb_error error;
    mb_predictor_state *state = NULL;
    if (mb_predictor_prepare(predictor, &error)) fail_msg("%s", error.message);
    assert_int_equal(mb_predictor_open(predictor, 1, replication, &state, &error), MB_OK);
    return state;
}

static void test_simple_predictors(void **unused) {
    (void)unused;
    mb_predictor p = {.kind = MB_PREDICT_EXACT};
    mb_predictor_state *state = open_predictor(&p, 0);
    assert_int_equal(mb_predictor_draw(state, 5, 77, 9), 77);
    assert_int_equal(mb_predictor_draw(state, 5, 0, 9), 1);
    mb_predictor_close(state);
    p.kind = MB_PREDICT_COLUMN;
    state = open_predictor(&p, 0);
    assert_int_equal(mb_predictor_draw(state, 5, 77, 9), 9);
    assert_int_equal(mb_predictor_draw(state, 5, 77, 0), 1);
    mb_predictor_close(state);
    p = (mb_predictor){.kind = MB_PREDICT_CONSTANT, .constant = 33};
    state = open_predictor(&p, 0);
    assert_int_equal(mb_predictor_draw(state, 5, 77, 9), 33);
    mb_predictor_close(state);
    p = (mb_predictor){.kind = MB_PREDICT_LOGNORMAL, .sigma = 0.3};
    state = open_predictor(&p, 0);
    double logs = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        const double log_ratio = log(mb_predictor_draw(state, 5, 1000000, 9) / 1e6);
        logs += log_ratio;
        squares += log_ratio * log_ratio;
    }
    check_near(logs / DRAWS, 0, 5 * 0.3 / sqrt(DRAWS), "the mean logarithm");
    check_near(squares / DRAWS, 0.09, 5 * 0.09 * sqrt(2.0 / DRAWS), "the variance of the logarithm");
    assert_int_equal(mb_predictor_draw(state, 5, 0, 9), 1);
    assert_true(mb_predictor_draw(state, 5, UINT32_MAX, 9) <= MB_MAX_TOKENS);
    mb_predictor_close(state);
}

static double *copy_of(const double *values, size_t count) {
    double *copy = malloc(count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

// How often a length of each true bin is predicted in each bin; values must be exact or in the bin's range.
static void count_bins(mb_predictor *p, double counts[3][3]) {
    const uint32_t truth[] = {4, 10, 99}, from[] = {2, 10, 50}, to[] = {9, 49, 200};
    mb_predictor_state *state = open_predictor(p, 0);
    bool edge_seen[3][2] = {{false}};
    for (int bin = 0; bin < 3; bin++) {
        for (int i = 0; i < DRAWS; i++) {
            const uint32_t x = mb_predictor_draw(state, 5, truth[bin], 0);
            const int guess = x < 10 ? 0 : x < 50 ? 1 : 2;
            counts[bin][guess] += 1.0 / DRAWS;
            if (guess == bin) assert_int_equal(x, truth[bin]);
            assert_true(x >= from[guess] && x <= to[guess]);
            edge_seen[guess][0] |= x == from[guess];
            edge_seen[guess][1] |= x == to[guess];
        }
    }
    for (int bin = 0; bin < 3; bin++)
        assert_true(edge_seen[bin][0] && edge_seen[bin][1]);
    mb_predictor_close(state);
}

static void check_bins(double counts[3][3], const double expected[3][3]) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            check_near(counts[i][j], expected[i][j], 5 * sqrt(0.25 / DRAWS), "a share of predictions");
}

static void test_bin_predictors(void **unused) {
    (void)unused;
    const double edges[] = {10, 50};
    double counts[3][3] = {{0}};
    mb_predictor p = {.kind = MB_PREDICT_BIN_FLIP,
                      .flip = 0.2,
                      .edges = copy_of(edges, 2),
                      .bins = 3,
                      .lowest = 2,
                      .highest = 200};
    count_bins(&p, counts);
    check_bins(counts, (const double[3][3]){{0.8, 0.2, 0}, {0.2, 0.6, 0.2}, {0, 0.2, 0.8}});
    mb_predictor_deinit(&p);

    const double confusion[] = {8, 1, 1, 0.25, 0.5, 0.25, 0.3, 0, 0.1};
    p = (mb_predictor){.kind = MB_PREDICT_CONFUSION,
                       .edges = copy_of(edges, 2),
                       .confusion = copy_of(confusion, 9),
                       .bins = 3,
                       .lowest = 2,
                       .highest = 200};
    memset(counts, 0, sizeof counts);
    count_bins(&p, counts);
    check_bins(counts, (const double[3][3]){{0.8, 0.1, 0.1}, {0.25, 0.5, 0.25}, {0.75, 0, 0.25}});
    mb_predictor_deinit(&p);
}

static void expect_bad_predictor(mb_predictor p, const char *sentence) {
    mb_error error = {0};
    assert_int_equal(mb_predictor_prepare(&p, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, sentence);
    mb_predictor_deinit(&p);
}

static void test_bad_predictors(void **unused) {
    (void)unused;
    const double edges[] = {10, 10}, odd[] = {2.5}, good[] = {10};
    const double negative[] = {1, 1, -1, 2}, empty_row[] = {1, 1, 0, 0};
    expect_bad_predictor((mb_predictor){.kind = MB_PREDICT_LOGNORMAL, .sigma = -1},
                         "predictor: sigma is -1; expected a number of at least 0");
    expect_bad_predictor((mb_predictor){.kind = MB_PREDICT_CONSTANT},
                         "predictor: the constant is 0; expected 1 to 1000000000 tokens");
    expect_bad_predictor(
        (mb_predictor){.kind = MB_PREDICT_BIN_FLIP, .flip = 0.6, .bins = 1, .highest = 9},
        "predictor: the flip probability is 0.6; expected 0 to 0.5 (it holds for each side)");
    expect_bad_predictor((mb_predictor){.kind = MB_PREDICT_BIN_FLIP},
                         "predictor: 0 bins; expected at least 1");
    expect_bad_predictor(
        (mb_predictor){.kind = MB_PREDICT_BIN_FLIP, .edges = copy_of(edges, 2), .bins = 3, .highest = 99},
        "predictor: bin 2 is from 10 to 9 tokens; expected rising edges, all between the lowest (1) and the "
        "highest "
        "length (99)");
    expect_bad_predictor(
        (mb_predictor){.kind = MB_PREDICT_BIN_FLIP, .edges = copy_of(odd, 1), .bins = 2, .highest = 99},
        "predictor: bin edge 1 is 2.5; expected a whole number of tokens");
    mb_predictor p = {.kind = MB_PREDICT_CONFUSION, .bins = 2, .highest = 99};
    p.edges = copy_of(good, 1);
    p.confusion = copy_of(negative, 4);
    expect_bad_predictor(
        p, "predictor: row 2, column 1 of the confusion matrix is -1; expected a number of at least 0");
    p.edges = copy_of(good, 1);
    p.confusion = copy_of(empty_row, 4);
    expect_bad_predictor(p, "predictor: row 2 of the confusion matrix sums to 0; expected a positive sum");
}

static void test_origin_predictor(void **unused) {
    (void)unused;
    mb_predictor p = {.kind = MB_PREDICT_ORIGIN};
    mb_predictor_state *state = open_predictor(&p, 0);
    assert_int_equal(mb_predictor_draw(state, 84, 0, 0), 33); // 1.5 x 84^0.7 = 33.35
    assert_int_equal(mb_predictor_draw(state, 0, 5, 0), 1);
    assert_int_equal(mb_predictor_draw(state, 1000000, 5, 0), 4096);
    mb_predictor_close(state);
    // The first predictions that the origin published, for prompts 84, 42, 112, 335 and seed 42.
    const uint32_t prompts[] = {84, 42, 112, 335}, predicted[] = {35, 20, 43, 102};
    for (uint32_t shift = 0; shift < 2; shift++) { // seed + replication
        p = (mb_predictor){.kind = MB_PREDICT_ORIGIN, .sigma = 0.1, .origin_seed = 42 - shift};
        state = open_predictor(&p, shift);
        for (int i = 0; i < 4; i++)
            assert_int_equal(mb_predictor_draw(state, prompts[i], 0, 0), predicted[i]);
        mb_predictor_close(state);
    }
}

static mb_source *open_generator(mb_workload *workload) {
    *workload = (mb_workload){
        .kind = MB_WORKLOAD_SYNTHETIC, .origin = true, .origin_seed = 42, .limit = 5000, .until_s = INFINITY};
    workload->predictor = (mb_predictor){.kind = MB_PREDICT_ORIGIN, .sigma = 0.1, .origin_seed = 42};
    mb_error error;
    mb_source *source;
    assert_int_equal(mb_workload_prepare(workload, &error), MB_OK);
    assert_int_equal(mb_source_open(workload, 1, 0, &source, &error), MB_OK);
    return source;
}

// The generator of the origin's synthetic requests: some of them as published, and the sums of all.
static void test_origin_requests(void **unused) {
    (void)unused;
    const struct {
        int number;
        double time_s;
        uint32_t prompt, output, predicted;
    } known[] = {{0, 7.452709062883104, 84, 57, 35},
                 {1, 7.461838488420863, 42, 206, 20},
                 {999, 29.750858625285353, 1000, 137, 199},
                 {4999, 202.2816386100541, 377, 139, 87}};
    mb_workload workload;
    mb_source *source = open_generator(&workload);
    uint64_t prompts = 0, outputs = 0;
    for (int i = 0, k = 0; i < 5000; i++) {
        mb_arrival a;
        bool end;
        mb_error error;
        assert_int_equal(mb_source_next(source, &a, &end, &error), MB_OK);
        assert_false(end);
        prompts += a.prompt_tokens;
        outputs += a.output_tokens;
        if (i != known[k].number) continue;
        assert_true(a.time_s == known[k].time_s);
        assert_true(a.prompt_tokens == known[k].prompt && a.output_tokens == known[k].output);
        assert_int_equal(a.predicted_output, known[k].predicted);
        k++;
    }
    assert_int_equal(prompts, 1392464);
    assert_int_equal(outputs, 707090);
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

// All 5,000 requests and predictions of the origin's published synthetic trace.
static void test_origin_trace(void **unused) {
    (void)unused;
    const char *path = "../shared/data/traces/origin/v1_synthetic5000.csv";
    if (access(path, R_OK)) {
        print_message("skipped: the origin's trace is not here\n");
        skip();
    }
    mb_error error;
    mb_source *sources[3];
    mb_workload workloads[3];
    for (int i = 0; i < 2; i++) {
        workloads[i] = (mb_workload){.kind = MB_WORKLOAD_TRACE, .until_s = INFINITY};
        workloads[i].trace = (mb_trace){.path = mb_strdup(path),
                                        .layout = MB_TRACE_CSV,
                                        .time_unit_s = 1,
                                        .rate_scale = 1,
                                        .to_s = INFINITY};
        workloads[i].predictor.kind = i == 0 ? MB_PREDICT_COLUMN : MB_PREDICT_ORIGIN;
        workloads[i].predictor.sigma = 0.1;
        workloads[i].predictor.origin_seed = 42;
        assert_int_equal(mb_workload_prepare(&workloads[i], &error), MB_OK);
        assert_int_equal(mb_source_open(&workloads[i], 1, 0, &sources[i], &error), MB_OK);
    }
    sources[2] = open_generator(&workloads[2]);
    int count = 0;
    double first_s = 0;
    for (;; count++) {
        mb_arrival published, computed, generated;
        bool end;
        assert_int_equal(mb_source_next(sources[0], &published, &end, &error), MB_OK);
        if (end) break;
        assert_int_equal(mb_source_next(sources[1], &computed, &end, &error), MB_OK);
        assert_int_equal(computed.predicted_output, published.predicted_output);
        assert_int_equal(mb_source_next(sources[2], &generated, &end, &error), MB_OK);
        if (count == 0) first_s = generated.time_s; // a trace begins at 0
        assert_true(fabs(generated.time_s - first_s - published.time_s) < 1e-13);
        assert_true(generated.prompt_tokens == published.prompt_tokens &&
                    generated.output_tokens == published.output_tokens &&
                    generated.predicted_output == published.predicted_output);
    }
    assert_int_equal(count, 5000);
    for (int i = 0; i < 3; i++) {
        mb_source_close(sources[i]);
        mb_workload_deinit(&workloads[i]);
    }
}

// ---- what is said while the answer comes

static uint32_t refined(const mb_predictor *p, uint64_t noise, uint32_t output, uint32_t generated) {
    const mb_refinement of = {.noise = noise, .output = output, .generated = generated};
    return mb_predictor_refine(p, &of, MB_SAYS_OUTPUT, 0);
}

static void test_refined(void **unused) {
    (void)unused;
    mb_predictor p = {.kind = MB_PREDICT_REFINED, .every = 1};
    mb_error error;
    assert_int_equal(mb_predictor_prepare(&p, &error), MB_OK);
    for (uint32_t generated = 0; generated <= 77; generated++) // sigma 0: the truth
        assert_int_equal(refined(&p, 5, 77, generated), 77);
    p.sigma = 0.5;
    // Of the first look: ln(prediction / output) is normal with this deviation.
    const int requests = 100000;
    const uint32_t output = 1000000;
    double logs = 0, squares = 0;
    int below = 0;
    for (int i = 0; i < requests; i++) {
        const mb_refinement of = {.noise = (uint64_t)i * 2654435761u, .output = output};
        const double log_ratio = log(refined(&p, of.noise, output, 0) / (double)output);
        logs += log_ratio;
        squares += log_ratio * log_ratio;
        below += output <= mb_predictor_refine(&p, &of, MB_SAYS_QUANTILE, 0.9);
    }
    check_near(sqrt(squares / requests), 0.5, 0.005, "the deviation of the logarithm");
    check_near(logs / requests, 0, 5 * 0.5 / sqrt(requests), "the mean logarithm");
    check_near(below / (double)requests, 0.9, 5 * sqrt(0.09 / requests), "outputs within the quantile 0.9");
    // Half way with a quarter of the deviation left over: sigma = max(floor, 0.5 x 0.5).
    squares = 0;
    for (int i = 0; i < requests; i++) {
        const double rest = refined(&p, (uint64_t)i * 2654435761u, output, output / 2) - output / 2.0;
        squares += pow(log(rest / (output / 2.0)), 2);
    }
    check_near(sqrt(squares / requests), 0.25, 0.0025, "the deviation half way");
    p.floor = 0.4;
    squares = 0;
    for (int i = 0; i < requests; i++) {
        const double rest = refined(&p, (uint64_t)i * 2654435761u, output, output / 2) - output / 2.0;
        squares += pow(log(rest / (output / 2.0)), 2);
    }
    check_near(sqrt(squares / requests), 0.4, 0.004, "the deviation half way, with a floor");
}

// Between two looks it says the same, if that was not too little; and the same again.
static void test_looks(void **unused) {
    (void)unused;
    mb_predictor p = {.kind = MB_PREDICT_REFINED, .every = 10, .sigma = 2};
    int changes = 0;
    for (uint64_t noise = 0; noise < 50; noise++) {
        for (uint32_t generated = 0; generated < 100; generated++) {
            const uint32_t said = refined(&p, noise, 100, generated - generated % 10);
            const uint32_t now = refined(&p, noise, 100, generated);
            assert_int_equal(now, said > generated ? said : generated + 1);
            assert_int_equal(now, refined(&p, noise, 100, generated));
            if (generated % 10 == 0 && generated) changes += now != refined(&p, noise, 100, generated - 1);
        }
        assert_int_equal(refined(&p, noise, 100, 100), 100);
    }
    assert_true(changes > 300); // of 450
}

static void test_bounds(void **unused) {
    (void)unused;
    const double edges[] = {10, 50};
    mb_predictor p = {
        .kind = MB_PREDICT_BINS, .edges = copy_of(edges, 2), .bins = 3, .lowest = 2, .highest = 200};
    mb_error error;
    assert_int_equal(mb_predictor_prepare(&p, &error), MB_OK);
    mb_refinement of = {.output = 30};
    assert_int_equal(mb_predictor_refine(&p, &of, MB_SAYS_LOW, 0), 10);
    assert_int_equal(mb_predictor_refine(&p, &of, MB_SAYS_HIGH, 0), 49);
    assert_int_equal(mb_predictor_refine(&p, &of, MB_SAYS_OUTPUT, 0), 30);      // 29.5
    assert_int_equal(mb_predictor_refine(&p, &of, MB_SAYS_QUANTILE, 0.25), 20); // 19.75
    of.generated = 19;                                                          // it is at least 20 then
    assert_int_equal(mb_predictor_refine(&p, &of, MB_SAYS_LOW, 0), 20);
    assert_int_equal(mb_predictor_refine(&p, &of, MB_SAYS_HIGH, 0), 49);
    assert_int_equal(mb_predictor_refine(&p, &of, MB_SAYS_OUTPUT, 0), 35); // 34.5
    of.generated = 30;
    assert_int_equal(mb_predictor_refine(&p, &of, MB_SAYS_LOW, 0), 30);
    assert_int_equal(mb_predictor_check(&p, 200, &error), MB_OK);
    assert_int_equal(mb_predictor_check(&p, 201, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message,
                           "an output of 201 tokens; expected all of them to be between lowest "
                           "(2) and highest (200)"));
    assert_int_equal(mb_predictor_check(&p, 1, &error), MB_BAD_INPUT);
    mb_predictor_deinit(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mt19937),
        cmocka_unit_test(test_origin_requests),
        cmocka_unit_test(test_simple_predictors),
        cmocka_unit_test(test_bin_predictors),
        cmocka_unit_test(test_bad_predictors),
        cmocka_unit_test(test_origin_predictor),
        cmocka_unit_test(test_origin_trace),
        cmocka_unit_test(test_refined),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests_name("predictor", tests, NULL, NULL);
}
