// SPDX-License-Identifier: MIT
// Synthetic workloads: distributions, arrival processes, and the independence of their streams.
// Statistical tolerances are five standard errors of the estimate, so a wrong formula fails and chance does
// not.
#include "workload/arrivals.h"
#include "workload/distribution.h"
#include "workload/source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DRAWS 1000000

// ---- distributions

typedef struct moments {
    double mean, variance, lowest, highest;
} moments;

static void check_near(double value, double expected, double tolerance, const char *what) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%s is %.9g, not %.9g", what, value, expected);
}

static void prepare(mb_distribution *distribution) {
    mb_error error;
    if (mb_distribution_prepare(distribution, "test", &error)) fail_msg("%s", error.message);
}

static moments sample(const mb_distribution *distribution, bool tokens) {
    mb_rng rng;
    mb_rng_init(&rng, 7, 0, "test");
    moments m = {.lowest = INFINITY, .highest = -INFINITY};
    double sum = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        const double x = tokens ? mb_distribution_draw_tokens(distribution, &rng)
                                : mb_distribution_draw(distribution, &rng);
        sum += x;
        squares += x * x;
        m.lowest = fmin(m.lowest, x);
        m.highest = fmax(m.highest, x);
    }
    m.mean = sum / DRAWS;
    m.variance = squares / DRAWS - m.mean * m.mean;
    return m;
}

static void check_moments(const mb_distribution *distribution, bool tokens, double mean, double variance,
                          double kurtosis) {
    const moments m = sample(distribution, tokens);
    check_near(m.mean, mean, 5 * sqrt(variance / DRAWS) + 1e-12, "the mean");
    check_near(m.variance, variance, 5 * variance * sqrt((kurtosis - 1) / DRAWS) + 1e-9, "the variance");
}

static void test_moments(void **unused) {
    (void)unused;
    mb_distribution d = {.kind = MB_DIST_UNIFORM, .a = 3, .b = 9};
    prepare(&d);
    check_moments(&d, false, 6, 3, 1.8);
    check_moments(&d, true, 6, 4, 1.75); // seven integers: (7^2 - 1) / 12
    d = (mb_distribution){.kind = MB_DIST_NORMAL, .a = 100, .b = 10};
    prepare(&d);
    check_moments(&d, false, 100, 100, 3);
    check_moments(&d, true, 100, 100 + 1.0 / 12, 3); // rounding adds a twelfth
    d = (mb_distribution){.kind = MB_DIST_LOGNORMAL, .a = 5, .b = 0.5};
    prepare(&d);
    const double w = exp(0.25); // kurtosis of a log-normal: w^4 + 2 w^3 + 3 w^2 - 3
    check_moments(&d, false, exp(5.125), (w - 1) * exp(10.25), w * w * w * w + 2 * w * w * w + 3 * w * w - 3);
    d = (mb_distribution){.kind = MB_DIST_EXPONENTIAL, .a = 0.25};
    prepare(&d);
    check_moments(&d, false, 0.25, 0.0625, 9);
    double *values = malloc(4 * sizeof *values);
    assert_non_null(values);
    memcpy(values, (double[]){1, 2, 2, 7}, 4 * sizeof *values);
    d = (mb_distribution){.kind = MB_DIST_EMPIRICAL, .values = values, .value_count = 4};
    prepare(&d);
    check_moments(&d, false, 3, 5.5, 2.2);
    mb_distribution_deinit(&d);
}

static void test_uniform_tokens(void **unused) {
    (void)unused;
    mb_distribution d = {.kind = MB_DIST_UNIFORM, .a = 1, .b = 4};
    prepare(&d);
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "test");
    int counts[6] = {0};
    for (int i = 0; i < 400000; i++) {
        const uint32_t n = mb_distribution_draw_tokens(&d, &rng);
        assert_true(n >= 1 && n <= 4);
        counts[n]++;
    }
    for (int n = 1; n <= 4; n++)
        check_near(counts[n], 100000, 5 * sqrt(75000), "the count of an integer");
    d.a = 2.2; // no integer within: the nearest to the middle
    d.b = 2.4;
    assert_int_equal(mb_distribution_draw_tokens(&d, &rng), 2);
}

static void test_fixed_tokens(void **unused) {
    (void)unused;
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "test");
    const struct {
        double value;
        uint32_t tokens;
    } cases[] = {{0, 0}, {0.4, 0}, {0.5, 1}, {7, 7}, {7.5, 8}, {1e9, MB_MAX_TOKENS}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_distribution d = {.kind = MB_DIST_FIXED, .a = cases[i].value};
        prepare(&d);
        assert_int_equal(mb_distribution_draw_tokens(&d, &rng), cases[i].tokens);
        assert_true(mb_distribution_draw(&d, &rng) == cases[i].value);
    }
}

static void test_clamping(void **unused) {
    (void)unused;
    mb_distribution d = {.kind = MB_DIST_LOGNORMAL, .a = 5, .b = 2, .min = 20, .max = 300};
    prepare(&d);
    const moments m = sample(&d, true);
    assert_true(m.lowest == 20 && m.highest == 300);
    d = (mb_distribution){.kind = MB_DIST_NORMAL, .a = 0, .b = 5, .min = -INFINITY};
    prepare(&d);
    assert_true(sample(&d, false).lowest == 0); // times are never negative,
    assert_true(sample(&d, true).lowest == 1);  // and lengths at least 1
    d = (mb_distribution){.kind = MB_DIST_LOGNORMAL, .a = 700, .b = 0};
    prepare(&d);
    assert_true(sample(&d, true).highest == MB_MAX_TOKENS);
}

static void test_zipf(void **unused) {
    (void)unused;
    mb_distribution d = {.kind = MB_DIST_ZIPF, .a = 1.1, .min = 5, .max = 14};
    prepare(&d);
    prepare(&d); // a second time does no harm
    mb_rng rng;
    mb_rng_init(&rng, 3, 0, "test");
    double counts[15] = {0}, sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        const uint32_t n = mb_distribution_draw_tokens(&d, &rng);
        assert_true(n >= 5 && n <= 14);
        counts[n]++;
    }
    for (int n = 5; n <= 14; n++)
        sum += pow(n, -1.1);
    for (int n = 5; n <= 14; n++) {
        const double p = pow(n, -1.1) / sum;
        check_near(counts[n] / DRAWS, p, 5 * sqrt(p * (1 - p) / DRAWS), "a Zipf probability");
    }
    mb_distribution_deinit(&d);
    d = (mb_distribution){.kind = MB_DIST_ZIPF, .a = 1e6, .min = 100, .max = 200}; // does not underflow
    prepare(&d);
    assert_int_equal(mb_distribution_draw_tokens(&d, &rng), 100);
    mb_distribution_deinit(&d);
}

static void test_bad_distributions(void **unused) {
    (void)unused;
    const struct {
        mb_distribution distribution;
        const char *sentence;
    } cases[] = {
        {{.kind = MB_DIST_FIXED, .a = -1}, "p: the value is -1; expected a number of at least 0"},
        {{.kind = MB_DIST_FIXED, .a = NAN}, "p: the value is nan; expected a number of at least 0"},
        {{.kind = MB_DIST_UNIFORM, .a = 3, .b = 2}, "p: uniform from 3 to 2; expected 0 <= from <= to"},
        {{.kind = MB_DIST_NORMAL, .a = INFINITY}, "p: the mean is inf; expected a finite number"},
        {{.kind = MB_DIST_NORMAL, .b = -2},
         "p: the standard deviation is -2; expected a number of at least 0"},
        {{.kind = MB_DIST_LOGNORMAL, .a = NAN}, "p: mu is nan; expected a finite number"},
        {{.kind = MB_DIST_LOGNORMAL, .b = -1}, "p: sigma is -1; expected a number of at least 0"},
        {{.kind = MB_DIST_EXPONENTIAL}, "p: the mean is 0; expected a positive number"},
        {{.kind = MB_DIST_ZIPF, .a = 1, .min = 1},
         "p: a Zipf distribution from 1 to inf; expected 1 <= min <= max, and at most 4194304 values"},
        {{.kind = MB_DIST_ZIPF, .a = -1, .min = 1, .max = 9},
         "p: the Zipf exponent is -1; expected a number of at least 0"},
        {{.kind = MB_DIST_EMPIRICAL}, "p: an empirical distribution without values; expected at least one"},
        {{.kind = MB_DIST_FIXED, .min = 9, .max = 3}, "p: min is 9 and max is 3; expected min <= max"},
        {{.kind = MB_DIST_FIXED, .min = NAN, .max = 3}, "p: min is nan and max is 3; expected min <= max"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_distribution d = cases[i].distribution;
        mb_error error = {0};
        assert_int_equal(mb_distribution_prepare(&d, "p", &error), MB_BAD_INPUT);
        assert_string_equal(error.message, cases[i].sentence);
    }
}

// ---- arrivals

static void check_arrivals(const mb_arrivals *arrivals) {
    mb_error error;
    mb_arrivals prepared = *arrivals; // of kinds that nothing is made for
    if (mb_arrivals_prepare(&prepared, &error)) fail_msg("%s", error.message);
}

// Rate and coefficient of variation of the gaps.
static void check_gaps(mb_arrivals arrivals, double cv) {
    check_arrivals(&arrivals);
    mb_arrivals_state state;
    mb_arrivals_open(&arrivals, 5, 0, &state);
    double previous = 0, squares = 0, time_s = 0;
    for (int i = 0; i < DRAWS; i++) {
        assert_true(mb_arrivals_next(&state, &time_s));
        assert_true(time_s >= previous);
        squares += (time_s - previous) * (time_s - previous);
        previous = time_s;
    }
    const double mean = time_s / DRAWS, expected = 1 / arrivals.rate;
    check_near(mean, expected, 5 * cv * expected / sqrt(DRAWS), "the mean gap");
    check_near(sqrt(squares / DRAWS - mean * mean) / mean, cv, 0.01 * cv, "the CV of the gaps");
}

static void test_renewal_arrivals(void **unused) {
    (void)unused;
    check_gaps((mb_arrivals){.kind = MB_ARRIVALS_POISSON, .rate = 3}, 1);
    check_gaps((mb_arrivals){.kind = MB_ARRIVALS_GAMMA, .rate = 0.2, .shape = 0.5}, sqrt(2));
    check_gaps((mb_arrivals){.kind = MB_ARRIVALS_GAMMA, .rate = 40, .shape = 4}, 0.5);
    check_gaps((mb_arrivals){.kind = MB_ARRIVALS_WEIBULL, .rate = 2, .shape = 1}, 1);
    check_gaps((mb_arrivals){.kind = MB_ARRIVALS_WEIBULL, .rate = 2, .shape = 2}, sqrt(4 / acos(-1) - 1));
}

static void test_constant_arrivals(void **unused) {
    (void)unused;
    mb_arrivals arrivals = {.kind = MB_ARRIVALS_CONSTANT, .rate = 10};
    check_arrivals(&arrivals);
    mb_arrivals_state state;
    mb_arrivals_open(&arrivals, 1, 0, &state);
    double time_s = -1;
    for (int i = 0; i < 1000; i++) {
        assert_true(mb_arrivals_next(&state, &time_s));
        assert_true(time_s == i / 10.0); // no sum of rounding errors
    }
    arrivals.rate = INFINITY;
    check_arrivals(&arrivals);
    mb_arrivals_open(&arrivals, 1, 0, &state);
    for (int i = 0; i < 10; i++)
        assert_true(mb_arrivals_next(&state, &time_s) && time_s == 0);
}

// Counts in windows of ten seconds: mean and index of dispersion of a Markov-modulated Poisson process.
static void test_on_off(void **unused) {
    (void)unused;
    const mb_arrivals a = {
        .kind = MB_ARRIVALS_ON_OFF, .rate = 20, .off_rate = 2, .on_mean_s = 3, .off_mean_s = 6};
    check_arrivals(&a);
    mb_arrivals_state state;
    mb_arrivals_open(&a, 5, 0, &state);
    const double window = 10, on = 1.0 / 3, mean_rate = 20 * on + 2 * (1 - on), decay = 1.0 / 3 + 1.0 / 6;
    // Var N(t) = m t + 2 (difference)^2 p (1 - p) / decay (t - (1 - exp(-decay t)) / decay)
    const double variance = mean_rate * window + 2 * 18 * 18 * on * (1 - on) / decay *
                                                     (window - (1 - exp(-decay * window)) / decay);
    const int windows = 100000;
    double sum = 0, squares = 0, time_s = 0;
    assert_true(mb_arrivals_next(&state, &time_s));
    for (int i = 0; i < windows; i++) {
        double count = 0;
        for (; time_s < (i + 1) * window; count++)
            assert_true(mb_arrivals_next(&state, &time_s));
        sum += count;
        squares += count * count;
    }
    const double mean = sum / windows;
    check_near(mean, mean_rate * window, 0.02 * mean_rate * window, "the mean count");
    check_near(squares / windows - mean * mean, variance, 0.03 * variance, "the variance of the counts");
}

static void test_piecewise(void **unused) {
    (void)unused;
    mb_rate_segment segments[] = {{10, 5}, {20, 0}, {5, 40}, {1, 0.5}};
    mb_arrivals a = {.kind = MB_ARRIVALS_PIECEWISE, .segments = segments, .segment_count = 4, .repeat = true};
    check_arrivals(&a);
    mb_arrivals_state state;
    mb_arrivals_open(&a, 5, 0, &state);
    const double cycle = 36, cycles = 20000;
    double counts[4] = {0}, time_s = 0, previous = 0;
    for (;;) {
        assert_true(mb_arrivals_next(&state, &time_s));
        assert_true(time_s >= previous);
        previous = time_s;
        if (time_s >= cycles * cycle) break;
        const double within = fmod(time_s, cycle);
        counts[within < 10 ? 0 : within < 30 ? 1 : within < 35 ? 2 : 3]++;
    }
    check_near(counts[0], 50 * cycles, 5 * sqrt(50 * cycles), "the first segment's count");
    check_near(counts[1], 0, 2, "the silent segment's count"); // 2: rounding of fmod at its edges
    check_near(counts[2], 200 * cycles, 5 * sqrt(200 * cycles), "the third segment's count");
    check_near(counts[3], 0.5 * cycles, 5 * sqrt(0.5 * cycles), "the last segment's count");

    a.repeat = false;
    segments[3] = (mb_rate_segment){INFINITY, 0};
    check_arrivals(&a);
    mb_arrivals_open(&a, 5, 0, &state);
    int count = 0;
    while (mb_arrivals_next(&state, &time_s))
        count++;
    assert_true(time_s <= 35 && count > 150 && count < 350);
    assert_false(mb_arrivals_next(&state, &time_s)); // and stays at its end

    segments[0] = (mb_rate_segment){1e-6, 0.1}; // 10^7 passes to one arrival take no time
    a.segment_count = 1;
    a.repeat = true;
    check_arrivals(&a);
    mb_arrivals_open(&a, 5, 0, &state);
    for (int i = 0; i < 100000; i++)
        assert_true(mb_arrivals_next(&state, &time_s));
    check_near(time_s, 1e6, 5 * 10 * sqrt(1e5), "the time of the last");
}

static void test_bad_arrivals(void **unused) {
    (void)unused;
    mb_rate_segment segments[] = {{1, 1}, {0, 5}};
    struct {
        mb_arrivals arrivals;
        const char *sentence;
    } cases[] = {
        {{.kind = MB_ARRIVALS_POISSON}, "arrivals: the rate is 0; expected positive requests per second"},
        {{.kind = MB_ARRIVALS_POISSON, .rate = INFINITY},
         "arrivals: the rate is inf; expected positive requests per second"},
        {{.kind = MB_ARRIVALS_CONSTANT, .rate = NAN},
         "arrivals: the rate is nan; expected positive requests per second"},
        {{.kind = MB_ARRIVALS_GAMMA, .rate = 1},
         "arrivals: the shape is 0; expected a number from 0.01 to 1e6"},
        {{.kind = MB_ARRIVALS_ON_OFF, .rate = 1, .on_mean_s = 1},
         "arrivals: the mean off time is 0; expected positive seconds"},
        {{.kind = MB_ARRIVALS_ON_OFF, .on_mean_s = 1, .off_mean_s = 1},
         "arrivals: the mean number of requests in an on and an off period is 0; expected at least one in a "
         "million"},
        {{.kind = MB_ARRIVALS_PIECEWISE}, "arrivals: no rate segments; expected at least one"},
        {{.kind = MB_ARRIVALS_PIECEWISE, .segments = segments, .segment_count = 2},
         "arrivals: the duration of segment 2 is 0; expected positive seconds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_error error = {0};
        assert_int_equal(mb_arrivals_prepare(&cases[i].arrivals, &error), MB_BAD_INPUT);
        assert_string_equal(error.message, cases[i].sentence);
    }
}

// ---- sources

static mb_workload synthetic(void) {
    return (mb_workload){
        .kind = MB_WORKLOAD_SYNTHETIC,
        .arrivals = {.kind = MB_ARRIVALS_POISSON, .rate = 10},
        .prompt = {.kind = MB_DIST_LOGNORMAL, .a = 5, .b = 1, .min = 1, .max = 4096},
        .output = {.kind = MB_DIST_LOGNORMAL, .a = 4, .b = 1, .min = 1, .max = 4096},
        .predictor = {.kind = MB_PREDICT_LOGNORMAL, .sigma = 0.2},
        .clients = 7,
        .limit = 1000,
        .until_s = INFINITY,
    };
}

#define MOST 2000

static size_t draw_source(mb_workload workload, uint64_t seed, uint64_t replication,
                          mb_arrival arrivals[MOST]) {
    mb_error error;
    mb_source *source;
    if (mb_workload_prepare(&workload, &error)) fail_msg("%s", error.message);
    assert_int_equal(mb_source_open(&workload, seed, replication, &source, &error), MB_OK);
    size_t count = 0;
    for (bool end = false;;) {
        mb_arrival arrival;
        assert_int_equal(mb_source_next(source, &arrival, &end, &error), MB_OK);
        if (end) break;
        assert_true(count < MOST);
        if (workload.clients > 1) {
            char name[32];
            snprintf(name, sizeof name, "client-%u", arrival.client);
            assert_string_equal(mb_source_client_name(source, arrival.client), name);
        }
        arrivals[count++] = arrival;
    }
    assert_int_equal(mb_source_get_counts(source).rows, count);
    mb_source_close(source);
    return count;
}

// Which of the six streams differ between two runs?
static unsigned differences(const mb_arrival *x, const mb_arrival *y, size_t count) {
    unsigned differ = 0;
    for (size_t i = 0; i < count; i++) {
        differ |= x[i].time_s != y[i].time_s ? 1u : 0;
        differ |= x[i].prompt_tokens != y[i].prompt_tokens ? 2u : 0;
        differ |= x[i].output_tokens != y[i].output_tokens ? 4u : 0;
        differ |= x[i].predicted_output != y[i].predicted_output ? 8u : 0;
        differ |= x[i].client != y[i].client ? 16u : 0;
        differ |= x[i].service_s != y[i].service_s ? 32u : 0;
    }
    return differ;
}

static void test_streams(void **unused) {
    (void)unused;
    static mb_arrival first[MOST], other[MOST];
    mb_workload workload = synthetic();
    assert_int_equal(draw_source(workload, 1, 0, first), 1000);
    assert_int_equal(draw_source(workload, 1, 0, other), 1000);
    assert_int_equal(differences(first, other, 1000), 0);
    draw_source(workload, 2, 0, other);
    assert_int_equal(differences(first, other, 1000), 31);
    draw_source(workload, 1, 1, other);
    assert_int_equal(differences(first, other, 1000), 31);
    // Changing one thing leaves the streams of the others alone.
    workload.arrivals.kind = MB_ARRIVALS_GAMMA;
    workload.arrivals.shape = 0.3;
    draw_source(workload, 1, 0, other);
    assert_int_equal(differences(first, other, 1000), 1);
    workload = synthetic();
    workload.prompt.kind = MB_DIST_UNIFORM;
    workload.prompt.b = 100;
    draw_source(workload, 1, 0, other);
    assert_int_equal(differences(first, other, 1000), 2);
    workload = synthetic();
    workload.predictor.kind = MB_PREDICT_EXACT;
    workload.clients = 0;
    workload.has_service = true;
    workload.service = (mb_distribution){.kind = MB_DIST_EXPONENTIAL, .a = 2};
    draw_source(workload, 1, 0, other);
    assert_int_equal(differences(first, other, 1000), 8 | 16 | 32);
}

// Prompt and output come from different streams, so they are uncorrelated even with equal parameters.
static void test_independence(void **unused) {
    (void)unused;
    mb_workload workload = synthetic();
    workload.output = workload.prompt;
    workload.limit = 200000;
    mb_error error;
    mb_source *source;
    assert_int_equal(mb_workload_prepare(&workload, &error), MB_OK);
    assert_int_equal(mb_source_open(&workload, 1, 0, &source, &error), MB_OK);
    double products = 0, clients[7] = {0}, n = 0;
    for (;; n++) {
        mb_arrival arrival;
        bool end;
        assert_int_equal(mb_source_next(source, &arrival, &end, &error), MB_OK);
        if (end) break;
        products += (log(arrival.prompt_tokens) - 5) * (log(arrival.output_tokens) - 5);
        clients[arrival.client]++;
    }
    check_near(products / n, 0, 5 / sqrt(n), "the correlation of prompt and output");
    for (int i = 0; i < 7; i++)
        check_near(clients[i] / n, 1.0 / 7, 5 * sqrt(6.0 / 49 / n), "a client's share");
    mb_source_close(source);
}

static void test_bounds(void **unused) {
    (void)unused;
    static mb_arrival arrivals[MOST];
    mb_workload workload = synthetic();
    workload.limit = 0;
    workload.until_s = 50;
    const size_t count = draw_source(workload, 1, 0, arrivals);
    check_near((double)count, 500, 5 * sqrt(500), "the number of requests in 50 s");
    assert_true(arrivals[count - 1].time_s <= 50);
    workload.limit = 20;
    assert_int_equal(draw_source(workload, 1, 0, arrivals), 20);
    workload = synthetic();
    workload.arrivals = (mb_arrivals){.kind = MB_ARRIVALS_CONSTANT, .rate = INFINITY};
    assert_int_equal(draw_source(workload, 1, 0, arrivals), 1000);
    assert_true(arrivals[999].time_s == 0);
}

static void expect_bad_workload(mb_workload workload, const char *sentence) {
    mb_error error = {0};
    assert_int_equal(mb_workload_prepare(&workload, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, sentence);
}

static void test_bad_workloads(void **unused) {
    (void)unused;
    mb_workload workload = synthetic();
    workload.limit = 0;
    expect_bad_workload(workload,
                        "workload: synthetic requests without end; expected limit = number of requests, or "
                        "a last arrival time");
    workload.until_s = 10;
    workload.arrivals = (mb_arrivals){.kind = MB_ARRIVALS_CONSTANT, .rate = INFINITY};
    expect_bad_workload(workload,
                        "workload: synthetic requests without end; expected limit = number of requests");
    workload = synthetic();
    workload.predictor.kind = MB_PREDICT_COLUMN;
    expect_bad_workload(
        workload, "workload: synthetic requests have no column of predictions; expected another predictor");
    workload = synthetic();
    workload.until_s = 0;
    expect_bad_workload(workload, "workload: the last arrival time is 0 s; expected positive seconds");
    workload = synthetic();
    workload.clients = 2000000;
    expect_bad_workload(workload, "workload: 2000000 clients; expected at most 1000000");
    workload = synthetic();
    workload.output = (mb_distribution){.kind = MB_DIST_FIXED, .a = 2e9};
    expect_bad_workload(workload, "workload.output: the value is 2e+09; expected at most 1000000000 tokens");
    workload = synthetic();
    workload.prompt.b = -1;
    expect_bad_workload(workload, "workload.prompt: sigma is -1; expected a number of at least 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_uniform_tokens),
        cmocka_unit_test(test_fixed_tokens),
        cmocka_unit_test(test_clamping),
        cmocka_unit_test(test_zipf),
        cmocka_unit_test(test_bad_distributions),
        cmocka_unit_test(test_renewal_arrivals),
        cmocka_unit_test(test_constant_arrivals),
        cmocka_unit_test(test_on_off),
        cmocka_unit_test(test_piecewise),
        cmocka_unit_test(test_bad_arrivals),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_independence),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bad_workloads),
    };
    return cmocka_run_group_tests_name("workload", tests, NULL, NULL);
}
