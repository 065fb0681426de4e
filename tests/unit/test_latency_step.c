// SPDX-License-Identifier: MIT
// The time of a step against hand-worked numbers, and static batches against the sum of their steps.
#include "model/latency.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const mb_latency LAW = {
    .kind = MB_LATENCY_STEP,
    .step = {.base_s = 0.01, .per_token_s = 40e-6, .per_context_s = 70e-9, .per_request_s = 5e-6},
    .host_s = 0.001,
    .scheduling_s_per_request = 2e-6};

static const uint32_t SIZES[] = {1, 2, 4, 8};

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.17g, want %.17g", got, want);
}

static double step_time(const mb_latency *latency, const mb_step_shape *shape) {
    double seconds = NAN;
    bool extrapolated = false;
    mb_error error;
    if (mb_latency_step(latency, shape, NULL, &seconds, &extrapolated, &error)) fail_msg("%s", error.message);
    return seconds;
}

static mb_step_shape decodes(uint32_t rows, uint64_t context) {
    return (mb_step_shape){.decode_requests = rows, .decode_context = context};
}

static void the_law(void **state) {
    (void)state;
    static const mb_chunk chunks[] = {{60, 0}, {40, 200}};
    const mb_step_shape mixed = {.prefill_tokens = 100,
                                 .prefill_requests = 2,
                                 .decode_requests = 8,
                                 .decode_context = 4000,
                                 .chunks = chunks};
    // 10 ms + 108 x 40 us + 4000 x 70 ns + 10 x 5 us + 1 ms + 10 x 2 us
    assert_near(step_time(&LAW, &mixed), 0.01567, 1e-16);
    const mb_step_shape three = decodes(3, 600);
    assert_near(step_time(&LAW, &three), 0.01 + 120e-6 + 42e-6 + 15e-6 + 0.001 + 6e-6, 1e-16);
}

// Two regimes: steps with a prompt have coefficients of their own, those of decodes stay as they are.
static void the_split_law(void **state) {
    (void)state;
    mb_latency split = LAW;
    split.step.split = true;
    split.step.prompts = (mb_step_coefficients){.base_s = 0.02, .per_token_s = 50e-6, .per_context_s = 90e-9};
    static const mb_chunk chunk = {60, 0};
    const mb_step_shape mixed = {.prefill_tokens = 60,
                                 .prefill_requests = 1,
                                 .decode_requests = 8,
                                 .decode_context = 4000,
                                 .chunks = &chunk};
    // 20 ms + 68 x 50 us + 4000 x 90 ns + 1 ms of host + 9 x 2 us of scheduling
    assert_near(step_time(&split, &mixed), 0.02 + 0.0034 + 0.00036 + 0.001 + 18e-6, 1e-16);
    const mb_step_shape three = decodes(3, 600);
    assert_near(step_time(&split, &three), step_time(&LAW, &three), 0);
    // A static batch of 3 rows, prompts of 40, one step of prefill: the first token by the one, the rest by
    // the other.
    mb_batch_time one, two;
    mb_error error;
    assert_int_equal(mb_latency_barrier(&LAW, 3, 40, 5, UINT64_MAX, NULL, &one, &error), MB_OK);
    assert_int_equal(mb_latency_barrier(&split, 3, 40, 5, UINT64_MAX, NULL, &two, &error), MB_OK);
    assert_near(two.first_token_s, 0.02 + 120 * 50e-6 + 0.001 + 3 * 2e-6, 1e-15);
    assert_near(two.duration_s - two.first_token_s, one.duration_s - one.first_token_s, 1e-15);
    split.step.prompts.per_token_s = -1;
    assert_int_equal(mb_latency_check(&split, &error), MB_BAD_INPUT);
}

static void graphs_pad(void **state) {
    (void)state;
    mb_latency graphs = LAW;
    graphs.graph_sizes = SIZES;
    graphs.graph_size_count = 4;
    static const uint32_t costs_as[][2] = {{1, 1}, {2, 2}, {3, 4}, {4, 4}, {5, 8}, {7, 8}, {8, 8}, {9, 9}};
    for (size_t i = 0; i < sizeof costs_as / sizeof *costs_as; i++) {
        const mb_step_shape shape = decodes(costs_as[i][0], 1000);
        const double extra = costs_as[i][1] - costs_as[i][0]; // rows that cost, but need no scheduling
        assert_near(step_time(&graphs, &shape) - step_time(&LAW, &shape), extra * 45e-6, 1e-16);
    }
    static const mb_chunk chunk = {10, 0};
    const mb_step_shape mixed = {.prefill_tokens = 10,
                                 .prefill_requests = 1,
                                 .decode_requests = 3,
                                 .decode_context = 100,
                                 .chunks = &chunk};
    assert_true(step_time(&graphs, &mixed) == step_time(&LAW, &mixed));
    graphs.graph_size_count = 1; // a single size
    graphs.graph_sizes = SIZES + 3;
    const mb_step_shape one = decodes(1, 0);
    assert_near(step_time(&graphs, &one), 0.011 + 8 * 45e-6 + 2e-6, 1e-16);
}

static void repetitions_are_a_series(void **state) {
    (void)state;
    mb_latency graphs = LAW;
    graphs.graph_sizes = SIZES;
    graphs.graph_size_count = 4;
    assert_true(mb_latency_is_affine(&graphs));
    for (uint32_t rows = 1; rows < 12; rows++) {
        const mb_step_shape first = decodes(rows, 500);
        for (uint32_t i = 1; i < 200; i *= 3) {
            const mb_step_shape later = decodes(rows, 500 + (uint64_t)i * rows);
            assert_near(step_time(&graphs, &later),
                        step_time(&graphs, &first) + i * mb_latency_step_slope(&graphs, rows), 1e-15);
        }
    }
}

static void the_range(void **state) {
    (void)state;
    mb_latency latency = LAW;
    latency.step.max_tokens = 4;
    latency.step.max_context = 1000;
    static const struct {
        uint32_t rows;
        uint64_t context;
        bool outside;
    } cases[] = {{4, 1000, false}, {5, 1000, true}, {4, 1001, true}};
    for (size_t i = 0; i < 3; i++) {
        const mb_step_shape shape = decodes(cases[i].rows, cases[i].context);
        double seconds;
        bool extrapolated = false;
        assert_int_equal(mb_latency_step(&latency, &shape, NULL, &seconds, &extrapolated, NULL), MB_OK);
        assert_true(extrapolated == cases[i].outside);
        extrapolated = true; // never cleared
        assert_int_equal(mb_latency_step(&latency, &shape, NULL, &seconds, &extrapolated, NULL), MB_OK);
        assert_true(extrapolated);
    }
    mb_batch_time time;
    assert_int_equal(mb_latency_barrier(&latency, 2, 2, 498, UINT64_MAX, NULL, &time, NULL), MB_OK);
    assert_false(time.extrapolated); // 4 tokens at first, context 2 (2 + 497) in the end
    assert_int_equal(mb_latency_barrier(&latency, 2, 3, 3, UINT64_MAX, NULL, &time, NULL), MB_OK);
    assert_true(time.extrapolated);
    assert_int_equal(mb_latency_barrier(&latency, 2, 3, 3, 3, NULL, &time, NULL), MB_OK);
    assert_false(time.extrapolated); // in two steps of 3
    assert_int_equal(mb_latency_barrier(&latency, 2, 2, 500, UINT64_MAX, NULL, &time, NULL), MB_OK);
    assert_true(time.extrapolated);
}

static void noise_has_mean_one(void **state) {
    (void)state;
    mb_latency noisy = LAW;
    noisy.noise = 0.3;
    assert_false(mb_latency_is_affine(&noisy));
    mb_rng rng;
    mb_rng_init(&rng, 5, 0, "latency");
    const mb_step_shape shape = decodes(16, 16000);
    const double exact = step_time(&LAW, &shape);
    double sum = 0;
    const int n = 200000;
    bool extrapolated = false;
    for (int i = 0; i < n; i++) {
        double seconds;
        assert_int_equal(mb_latency_step(&noisy, &shape, &rng, &seconds, &extrapolated, NULL), MB_OK);
        sum += seconds / exact;
    }
    assert_near(sum / n, 1, 4 * 0.31 / sqrt(n)); // four standard errors
    mb_rng before = rng;
    double seconds;
    assert_int_equal(mb_latency_step(&LAW, &shape, &rng, &seconds, &extrapolated, NULL), MB_OK);
    assert_memory_equal(&rng, &before, sizeof rng);
}

// --- functions

static double custom_answer;

static mb_status answer(void *self, const mb_step_shape *shape, double *seconds, mb_error *error) {
    (void)shape;
    if (self) return mb_fail(error, MB_FAILED, "no");
    *seconds = custom_answer;
    return MB_OK;
}

static void custom(void **state) {
    (void)state;
    mb_latency latency = {.kind = MB_LATENCY_CUSTOM, .custom = answer, .host_s = 1};
    latency.scheduling_s_per_request = 0.25;
    assert_false(mb_latency_is_affine(&latency));
    assert_int_equal(mb_latency_check(&latency, NULL), MB_OK);
    const mb_step_shape shape = decodes(2, 10);
    custom_answer = 0.5;
    assert_near(step_time(&latency, &shape), 2, 0);
    static const double wrong[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < 4; i++) {
        mb_error error;
        double seconds;
        bool extrapolated = false;
        char want[200];
        custom_answer = wrong[i];
        snprintf(want, sizeof want,
                 "latency.custom: the function must return the seconds of a step, a positive number, but "
                 "returned %g",
                 wrong[i]);
        assert_int_equal(mb_latency_step(&latency, &shape, NULL, &seconds, &extrapolated, &error), MB_FAILED);
        assert_string_equal(error.message, want);
    }
    latency.custom_self = &latency; // its own failure is passed on, from a batch too
    mb_error error;
    mb_batch_time time;
    assert_int_equal(mb_latency_barrier(&latency, 2, 3, 4, UINT64_MAX, NULL, &time, &error), MB_FAILED);
    assert_string_equal(error.message, "no");
}

// The law as somebody's function, which also looks at what it is asked.
typedef struct witness {
    uint64_t prefill_tokens, steps;
    uint32_t rows, longest_chunk, shortest_chunk, prefix;
} witness;

static mb_status law_function(void *self, const mb_step_shape *shape, double *seconds, mb_error *error) {
    (void)error;
    witness *seen = self;
    const mb_step_law *law = &LAW.step;
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < shape->prefill_requests; i++) {
        assert_true(shape->chunks[i].prefix == seen->prefix);
        assert_true(shape->chunks[i].tokens == shape->chunks[0].tokens);
        tokens += shape->chunks[i].tokens;
    }
    assert_true(tokens == shape->prefill_tokens);
    if (shape->prefill_requests > 0) {
        const uint32_t chunk = shape->chunks[0].tokens;
        assert_true(shape->prefill_requests == seen->rows && shape->decode_requests == 0);
        if (chunk > seen->longest_chunk) seen->longest_chunk = chunk;
        if (chunk < seen->shortest_chunk) seen->shortest_chunk = chunk;
        seen->prefix += chunk;
    }
    seen->prefill_tokens += tokens;
    seen->steps++;
    const double rows = (double)shape->prefill_requests + shape->decode_requests;
    *seconds = law->base_s + law->per_token_s * (double)(tokens + shape->decode_requests) +
               law->per_context_s * (double)shape->decode_context + law->per_request_s * rows;
    return MB_OK;
}

static mb_latency as_function(witness *seen) {
    mb_latency latency = LAW;
    latency.kind = MB_LATENCY_CUSTOM;
    latency.step = (mb_step_law){0};
    latency.custom = law_function;
    latency.custom_self = seen;
    return latency;
}

static uint32_t below(mb_rng *rng, uint32_t limit) {
    return (uint32_t)(mb_rng_uniform(rng) * limit);
}

// The closed form, the steps asked one by one, and the formula of docs/continuous-batching.md.
static void static_batches(void **state) {
    (void)state;
    mb_rng rng;
    mb_rng_init(&rng, 11, 0, "batches");
    for (int i = 0; i < 2000; i++) {
        const uint32_t rows = 1 + below(&rng, 40), prompt = below(&rng, 300), output = below(&rng, 60);
        const uint64_t budget = i % 3 ? 1 + below(&rng, 4000) : UINT64_MAX;
        witness seen = {.rows = rows, .shortest_chunk = UINT32_MAX};
        const mb_latency function = as_function(&seen);
        mb_batch_time closed, summed;
        assert_int_equal(mb_latency_barrier(&LAW, rows, prompt, output, budget, NULL, &closed, NULL), MB_OK);
        assert_int_equal(mb_latency_barrier(&function, rows, prompt, output, budget, NULL, &summed, NULL),
                         MB_OK);
        const double answers = output > 1 ? output : 1, b = rows;
        double chunks = budget == UINT64_MAX ? 1 : ceil(b * prompt / (double)budget), context = 0;
        if (chunks < 1) chunks = 1;
        for (double j = 1; j < answers; j++)
            context += prompt + j;
        const double want = (answers + chunks - 1) * (0.011 + 7e-6 * b) + 40e-6 * b * (prompt + answers - 1) +
                            70e-9 * b * context;
        assert_near(closed.duration_s, want, 1e-12 * want);
        assert_near(summed.duration_s, want, 1e-12 * want);
        assert_near(closed.first_token_s, chunks * (0.011 + 7e-6 * b) + 40e-6 * b * prompt, 1e-12 * want);
        assert_near(summed.first_token_s, closed.first_token_s, 1e-12 * want);
        assert_near(summed.tbt_s, closed.tbt_s, 1e-12 * want);
        if (output <= 1)
            assert_true(closed.tbt_s == 0 && closed.duration_s == closed.first_token_s);
        else
            assert_near(closed.tbt_s * (answers - 1), closed.duration_s - closed.first_token_s, 1e-12 * want);
        assert_true(seen.steps == (uint64_t)(chunks + answers - 1));
        assert_true(seen.prefill_tokens == (uint64_t)rows * prompt);
        assert_true(seen.longest_chunk - seen.shortest_chunk <= 1); // evenly
    }
}

static void static_batches_by_hand(void **state) {
    (void)state;
    mb_batch_time time;
    // 3 rows of 100 + 4 under a budget of 200: 2 steps of prefill, 3 of decodes that read 303, 306 and 309.
    assert_int_equal(mb_latency_barrier(&LAW, 3, 100, 4, 200, NULL, &time, NULL), MB_OK);
    const double prefill = 2 * (0.011 + 3 * 7e-6) + 300 * 40e-6;
    const double rest = 3 * (0.011 + 3 * 47e-6) + 918 * 70e-9;
    assert_near(time.first_token_s, prefill, 1e-15);
    assert_near(time.duration_s, prefill + rest, 1e-15);
    assert_near(time.tbt_s, rest / 3, 1e-15);
    mb_latency graphs = LAW; // the decodes cost as 4 rows each, the prefill as it is
    graphs.graph_sizes = SIZES;
    graphs.graph_size_count = 4;
    mb_batch_time padded;
    assert_int_equal(mb_latency_barrier(&graphs, 3, 100, 4, 200, NULL, &padded, NULL), MB_OK);
    assert_near(padded.first_token_s, prefill, 1e-15);
    assert_near(padded.duration_s, prefill + rest + 3 * 45e-6, 1e-15);
    // The same, step by step: noise so small that it changes nothing.
    graphs.noise = 1e-300;
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "latency");
    assert_int_equal(mb_latency_barrier(&graphs, 3, 100, 4, 200, &rng, &time, NULL), MB_OK);
    assert_near(time.duration_s, padded.duration_s, 1e-15);
    assert_near(time.first_token_s, padded.first_token_s, 1e-15);
}

static void rejected(const mb_latency *latency, const char *sentence) {
    mb_error error;
    assert_int_equal(mb_latency_check(latency, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, sentence);
}

static void checks(void **state) {
    (void)state;
    assert_int_equal(mb_latency_check(&LAW, NULL), MB_OK);
    mb_latency latency = LAW;
    latency.step.base_s = -1;
    rejected(&latency, "latency: base must be a number of seconds that is not negative, not -1");
    latency = LAW;
    latency.step.per_token_s = INFINITY;
    rejected(&latency,
             "latency: per_token must be a number of seconds per token that is not negative, not inf");
    latency = LAW;
    latency.step.per_context_s = NAN;
    assert_int_equal(mb_latency_check(&latency, NULL), MB_BAD_INPUT);
    latency = LAW;
    latency.step.per_request_s = -0.5;
    rejected(&latency,
             "latency: per_request must be a number of seconds per request that is not negative, not -0.5");
    latency = LAW;
    latency.host_s = -2;
    rejected(&latency, "latency: host must be a number of seconds that is not negative, not -2");
    latency = LAW;
    latency.scheduling_s_per_request = -2;
    rejected(&latency,
             "latency: scheduling must be a number of seconds per request that is not negative, not -2");
    latency = LAW;
    latency.step = (mb_step_law){.per_context_s = 1, .per_request_s = 1};
    assert_int_equal(mb_latency_check(&latency, NULL), MB_OK); // the host takes time
    latency.host_s = 0;
    rejected(&latency,
             "latency: base, host and per_token are all 0, so a step could take no time; set one of them");
    latency = LAW;
    static const uint32_t falling[] = {1, 4, 4}, zero[] = {0};
    latency.graph_sizes = falling;
    latency.graph_size_count = 3;
    rejected(&latency,
             "latency: graph_sizes must be whole numbers from 1 on, each larger than the one before; "
             "number 3 is 4");
    latency.graph_sizes = zero;
    latency.graph_size_count = 1;
    rejected(&latency,
             "latency: graph_sizes must be whole numbers from 1 on, each larger than the one before; "
             "number 1 is 0");
    latency = (mb_latency){.kind = MB_LATENCY_CUSTOM};
    rejected(&latency, "latency.custom: no function has been given");
    latency.kind = MB_LATENCY_PROFILE;
    rejected(&latency, "latency.profile: no tables have been read");
    latency = LAW;
    latency.step.max_tokens = -1;
    rejected(&latency, "latency: max_tokens and max_context must not be negative (0: not known)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_law),
        cmocka_unit_test(the_split_law),
        cmocka_unit_test(graphs_pad),
        cmocka_unit_test(repetitions_are_a_series),
        cmocka_unit_test(the_range),
        cmocka_unit_test(noise_has_mean_one),
        cmocka_unit_test(custom),
        cmocka_unit_test(static_batches),
        cmocka_unit_test(static_batches_by_hand),
        cmocka_unit_test(checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
