// SPDX-License-Identifier: MIT
// Reading step logs (samples in tests/corpus/steps), and fits to generated steps whose law is known.
#include "base/rng.h"
#include "fit/step.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CORPUS "tests/corpus/steps/"

enum { STEPS = 400 };

static char name[] = "made.csv";
static const mb_step_fit_how whole = {.weight = MB_FIT_RELATIVE}, parted = {.split = true};

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.17g, want %.17g", got, want);
}

static mb_step_log *read_log(const char *file) {
    char path[200];
    snprintf(path, sizeof path, CORPUS "%s", file);
    mb_step_log *log;
    mb_error error;
    if (mb_step_log_read(path, &log, &error)) fail_msg("%s", error.message);
    assert_string_equal(log->path, path);
    return log;
}

static void good_logs(void **state) {
    (void)state;
    mb_step_log *log = read_log("good.csv");
    assert_true(log->count == 5 && log->has_requests);
    const mb_logged_step *step = &log->steps[4];
    assert_true(step->tokens == 200 && step->context == 100 && step->requests == 5 && step->time_s == 0.019);
    assert_true(step->line == 6);
    mb_step_log *other = read_log("no_requests.csv"); // other order and case, a mark, CR LF, a column more
    assert_true(other->count == 5 && !other->has_requests);
    for (size_t i = 0; i < 5; i++) {
        assert_true(other->steps[i].tokens == log->steps[i].tokens && other->steps[i].requests == 0);
        assert_true(other->steps[i].context == log->steps[i].context);
        assert_true(other->steps[i].time_s == log->steps[i].time_s);
    }
    mb_step_log_free(log);
    mb_step_log_free(other);
    mb_step_log_free(NULL);
}

static void bad_logs(void **state) {
    (void)state;
    static const struct {
        const char *file, *sentence;
    } cases[] = {
        {"empty.csv",
         ": is empty; a step log starts with a line that names its columns: tokens,context,time_s"},
        {"header_only.csv", ": has a header, but no rows"},
        {"missing_column.csv", ":1: no column context; a step log has the columns tokens, context, time_s, "
                               "this header has: tokens, time_s"},
        {"column_twice.csv", ":1: the column tokens is there twice"},
        {"short_row.csv", ":3: 2 fields, but the header has 3"},
        {"nan.csv", ":3: time_s is 'nan', which is not a finite number"},
        {"negative_time.csv", ":3: time_s is -0.5, but must be greater than 0 (seconds), at most 1e9"},
        {"no_tokens.csv", ":2: tokens is 0, but must be greater than 0, at most 1e9"},
        {"negative_context.csv", ":2: context is -2, but must be from 0 to 1e12 (tokens)"},
        {"letters.csv", ":2: requests is 'many', which is not a finite number"},
        {"empty_field.csv", ":3: tokens is empty"},
        {"no_such_file.csv", ": cannot be opened: No such file or directory"},
        {"../grid/good.csv", ":1: no column tokens; a step log has the columns tokens, context, time_s, this "
                             "header has: batch_size, max_seq_len, mean_latency_sec, std_latency_sec, "
                             "num_trials"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[200], want[400];
        snprintf(path, sizeof path, CORPUS "%s", cases[i].file);
        snprintf(want, sizeof want, "%s%s", path, cases[i].sentence);
        mb_step_log *log = (mb_step_log *)&path; // must become NULL
        mb_error error;
        assert_int_equal(mb_step_log_read(path, &log, &error), MB_BAD_INPUT);
        assert_null(log);
        assert_string_equal(error.message, want);
        assert_int_equal(mb_step_log_read(path, &log, NULL), MB_BAD_INPUT);
    }
}

static void too_little(void **state) {
    (void)state;
    static const struct {
        const char *file, *sentence;
    } cases[] = {
        {"four_steps.csv", ": a fit needs 5 steps at least, this log has 4"},
        {"same_tokens.csv", ": a fit needs steps of different tokens, all in this log have 8"},
        {"same_context.csv", ": a fit needs steps of different context, all in this log have 0"},
        {"proportional.csv", ": these steps do not determine base, per_token and per_context; add some where "
                             "tokens and context vary independently"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mb_step_log *log = read_log(cases[i].file);
        char want[300];
        snprintf(want, sizeof want, "%s%s", log->path, cases[i].sentence);
        mb_step_fit fit;
        mb_error error;
        assert_int_equal(mb_fit_step_law(log, &whole, &fit, &error), MB_BAD_INPUT);
        assert_string_equal(error.message, want);
        mb_step_log_free(log);
    }
}

// Steps as an engine makes them: decodes, and prefills beside them now and then. `noise`: standard deviation.
static mb_step_log generate(mb_logged_step *steps, const mb_step_law *law, double noise, mb_rng *rng) {
    for (size_t i = 0; i < STEPS; i++) {
        mb_logged_step *step = &steps[i];
        const double rows = 1 + floor(64 * mb_rng_uniform(rng));
        const double chunk = i % 3 == 0 ? 1 + floor(2000 * mb_rng_uniform(rng)) : 0;
        *step = (mb_logged_step){.tokens = rows + chunk,
                                 .context = floor(rows * (100 + 2000 * mb_rng_uniform(rng))),
                                 .requests = rows + (chunk > 0),
                                 .line = i + 2};
        step->time_s = mb_step_law_predict(law, step->tokens, step->context, step->requests) *
                       (1 + noise * mb_rng_normal(rng));
    }
    return (mb_step_log){.steps = steps, .count = STEPS, .has_requests = true, .path = name};
}

static void recovers_the_law(void **state) {
    (void)state;
    static const mb_step_law laws[] = {
        {.base_s = 0.0113, .per_token_s = 42e-6, .per_context_s = 72e-9, .per_request_s = 5e-6},
        {.base_s = 0.0113, .per_token_s = 42e-6, .per_context_s = 72e-9},
        {.base_s = 0.5, .per_token_s = 1e-3},
        {.per_token_s = 1e-3, .per_context_s = 1e-9},
        {.base_s = 1e-6, .per_context_s = 1e-12, .per_request_s = 1e-7},
    };
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "steps");
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++) {
        mb_logged_step steps[STEPS];
        mb_step_log log = generate(steps, &laws[k], 0, &rng);
        for (int weight = 0; weight < 2; weight++)
            for (int with = laws[k].per_request_s > 0; with < 2; with++) {
                log.has_requests = with == 1;
                mb_step_fit fit;
                mb_error error;
                if (mb_fit_step_law(&log, &(mb_step_fit_how){.weight = (mb_fit_weight)weight}, &fit, &error))
                    fail_msg("%s", error.message);
                const double scale = laws[k].base_s + laws[k].per_token_s;
                assert_near(fit.law.base_s, laws[k].base_s, 1e-9 * scale);
                assert_near(fit.law.per_token_s, laws[k].per_token_s, 1e-11 * scale);
                assert_near(fit.law.per_context_s, laws[k].per_context_s, 1e-13 * scale);
                assert_near(fit.law.per_request_s, laws[k].per_request_s, 1e-10 * scale);
                assert_near(fit.r_squared, 1, 1e-9);
                assert_true(fit.mape < 1e-9 && fit.p95 < 1e-9 && fit.held_out_mape < 1e-9);
                assert_true(fit.steps == STEPS && fit.requests_known == log.has_requests);
            }
    }
}

// A log of two laws, told apart by the requests.
static void recovers_two_regimes(void **state) {
    (void)state;
    const mb_step_law law = {.base_s = 0.010,
                             .per_token_s = 20e-6,
                             .per_context_s = 70e-9,
                             .split = true,
                             .prompts = {.base_s = 0.004, .per_token_s = 90e-6, .per_context_s = 30e-9}};
    mb_rng rng;
    mb_rng_init(&rng, 2, 0, "steps");
    mb_logged_step steps[STEPS];
    mb_step_log log = generate(steps, &law, 0, &rng);
    mb_step_fit fit;
    mb_error error;
    if (mb_fit_step_law(&log, &parted, &fit, &error)) fail_msg("%s", error.message);
    assert_true(fit.law.split && fit.mape < 1e-9 && fit.p95 < 1e-9 && fit.held_out_mape < 1e-9);
    assert_near(fit.law.base_s, law.base_s, 1e-10);
    assert_near(fit.law.per_token_s + fit.law.per_request_s, law.per_token_s,
                1e-12); // decodes: as many of one as of the other
    assert_near(fit.law.prompts.base_s, law.prompts.base_s, 1e-10);
    assert_near(fit.law.prompts.per_token_s, law.prompts.per_token_s, 1e-12);
    assert_near(fit.law.prompts.per_context_s, law.prompts.per_context_s, 1e-14);
    assert_int_equal(mb_fit_step_law(&log, &whole, &fit, &error), MB_OK);
    assert_true(fit.mape > 0.01 && !fit.law.split); // one law does not do
    log.has_requests = false;
    assert_int_equal(mb_fit_step_law(&log, &parted, &fit, &error), MB_BAD_INPUT);
    for (size_t i = 0; i < STEPS; i++)
        steps[i].requests = steps[i].tokens;
    log.has_requests = true;
    assert_int_equal(mb_fit_step_law(&log, &parted, &fit, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "--split: no step is one with prompts"));
}

static void assert_recovered(const mb_step_fit *fit, const mb_step_law *law) {
    assert_near(fit->law.base_s, law->base_s, 1e-9 * law->base_s);
    assert_near(fit->law.per_token_s, law->per_token_s, 1e-8 * law->per_token_s);
    assert_near(fit->law.per_context_s, law->per_context_s, 1e-7 * law->per_context_s);
}

// Some rows are spoilt: every `nth` takes `factor` times as long as it did. The law comes back as if they
// were not there, and they are the ones that are named.
static void spoilt_rows_are_left_out(void **state) {
    (void)state;
    static const struct {
        size_t nth;
        double factor;
    } cases[] = {{59, 1.0 / 35}, {59, 60}, {10, 2}, {10, 0.5}, {5, 100}, {5, 0.01}, {STEPS, 8}};
    const mb_step_law law = {.base_s = 0.0113, .per_token_s = 42e-6, .per_context_s = 72e-9};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        for (int split = 0; split < 2; split++) {
            mb_rng rng;
            mb_rng_init(&rng, 3, k, "steps");
            mb_logged_step steps[STEPS];
            mb_step_log log = generate(steps, &law, 0, &rng);
            for (size_t i = 0; i < STEPS; i += cases[k].nth)
                steps[i].time_s *= cases[k].factor;
            mb_step_fit fit;
            const mb_step_fit_how how = {.split = split == 1};
            assert_int_equal(mb_fit_step_law(&log, &how, &fit, NULL), MB_OK);
            for (size_t i = 0; i < STEPS; i++)
                assert_true(steps[i].outlier == (i % cases[k].nth == 0));
            assert_true(fit.outliers == (STEPS + cases[k].nth - 1) / cases[k].nth);
            assert_true(fit.steps + fit.outliers == STEPS && fit.mape < 1e-9 && fit.held_out_mape < 1e-9);
            if (!split) assert_recovered(&fit, &law);
            for (size_t i = 0; i < STEPS; i++)
                steps[i].outlier = false;
            const mb_step_fit_how all = {.split = split == 1, .keep_all = true};
            assert_int_equal(mb_fit_step_law(&log, &all, &fit, NULL), MB_OK);
            assert_true(fit.outliers == 0 && fit.steps == STEPS && fit.mape > 0.002);
        }
}

// Where all steps of one shape are slower than the law of the others, the law is wrong, not they.
static void a_shape_of_its_own_is_kept(void **state) {
    (void)state;
    const mb_step_law law = {.base_s = 0.0113, .per_token_s = 42e-6, .per_context_s = 72e-9};
    mb_rng rng;
    mb_rng_init(&rng, 4, 0, "steps");
    mb_logged_step steps[STEPS];
    mb_step_log log = generate(steps, &law, 0.01, &rng);
    for (size_t i = 0; i < STEPS; i += 20) {
        steps[i].tokens = 6000 + floor(100 * mb_rng_uniform(&rng));
        steps[i].context = 0;
        steps[i].requests = 1;
        steps[i].time_s = 3 * mb_step_law_predict(&law, steps[i].tokens, 0, 1);
    }
    mb_step_fit fit, plain;
    assert_int_equal(mb_fit_step_law(&log, &whole, &fit, NULL), MB_OK);
    const mb_step_fit_how all = {.keep_all = true};
    assert_int_equal(mb_fit_step_law(&log, &all, &plain, NULL), MB_OK);
    assert_true(fit.outliers == 0 && fit.law.base_s == plain.law.base_s && fit.mape == plain.mape);
}

static void noise_averages_out(void **state) {
    (void)state;
    static const mb_step_law law = {
        .base_s = 0.0113, .per_token_s = 42e-6, .per_context_s = 72e-9, .per_request_s = 20e-6};
    mb_rng rng;
    mb_rng_init(&rng, 2, 0, "steps");
    mb_logged_step steps[STEPS];
    mb_step_log log = generate(steps, &law, 0.05, &rng);
    mb_step_fit fit;
    assert_int_equal(mb_fit_step_law(&log, &whole, &fit, NULL), MB_OK);
    assert_near(fit.law.base_s, law.base_s, 0.03 * law.base_s);
    assert_near(fit.law.per_token_s, law.per_token_s, 0.03 * law.per_token_s);
    assert_near(fit.law.per_context_s, law.per_context_s, 0.1 * law.per_context_s);
    assert_near(fit.mape, 0.05 * sqrt(2 / 3.14159265), 0.005); // the mean of |N(0, 1)|
    assert_near(fit.p95, 0.05 * 1.96, 0.012);
    assert_true(fit.held_out_mape > fit.mape && fit.held_out_mape < 1.05 * fit.mape);
    // What is reported of the worst and of the percentile, found the long way.
    size_t beyond = 0, worst = 0;
    for (size_t i = 0; i < STEPS; i++) {
        const double predicted =
            mb_step_law_predict(&fit.law, steps[i].tokens, steps[i].context, steps[i].requests);
        const double error = fabs(predicted / steps[i].time_s - 1);
        beyond += error > fit.p95;
        worst += error > fabs(fit.worst);
    }
    assert_true(beyond == STEPS / 20 && worst == 0);
    const mb_logged_step *far = &steps[fit.worst_step];
    assert_near(mb_step_law_predict(&fit.law, far->tokens, far->context, far->requests) / far->time_s - 1,
                fit.worst, 1e-12);
    assert_true(fit.law.max_tokens > 1500 && fit.law.max_tokens <= 2064 && fit.law.max_context > 1e5);
}

// Where every step has as many rows as others, or decodes only, requests say nothing of their own.
static void requests_that_say_nothing(void **state) {
    (void)state;
    static const mb_step_law law = {.base_s = 0.0113, .per_token_s = 42e-6, .per_context_s = 72e-9};
    mb_rng rng;
    mb_rng_init(&rng, 3, 0, "steps");
    mb_logged_step steps[STEPS];
    for (int kind = 0; kind < 3; kind++) {
        mb_step_log log = generate(steps, &law, 0.01, &rng);
        for (size_t i = 0; i < STEPS; i++)
            steps[i].requests = kind == 0 ? 7 : kind == 1 ? 0 : steps[i].tokens;
        mb_step_fit fit;
        assert_int_equal(mb_fit_step_law(&log, &whole, &fit, NULL), MB_OK);
        assert_true(!fit.requests_known && fit.law.per_request_s == 0);
        assert_near(fit.law.base_s, law.base_s, 0.01 * law.base_s);
        assert_true(fit.held_out_mape < 0.01);
    }
}

static double loss(const mb_step_log *log, mb_fit_weight weight, const double x[4]) {
    const mb_step_law law = {
        .base_s = x[0], .per_token_s = x[1], .per_context_s = x[2], .per_request_s = x[3]};
    double sum = 0;
    for (size_t i = 0; i < log->count; i++) {
        const mb_logged_step *step = &log->steps[i];
        const double error =
            mb_step_law_predict(&law, step->tokens, step->context, step->requests) - step->time_s;
        sum += weight == MB_FIT_RELATIVE ? error * error / (step->time_s * step->time_s) : error * error;
    }
    return sum;
}

// On times that no law explains, where the constraints bind more often than not, no feasible step improves
// the fit.
static void nothing_better_nearby(void **state) {
    (void)state;
    mb_rng rng;
    mb_rng_init(&rng, 4, 0, "steps");
    int bound = 0;
    for (int k = 0; k < 100; k++) {
        static const mb_step_law law = {.base_s = 0.01, .per_token_s = 1e-5, .per_context_s = 1e-8};
        mb_logged_step steps[STEPS];
        mb_step_log log = generate(steps, &law, 0, &rng);
        const double bends[3] = {mb_rng_normal(&rng), mb_rng_normal(&rng), mb_rng_normal(&rng)};
        for (size_t i = 0; i < STEPS; i++)
            steps[i].time_s =
                0.01 * exp(0.5 * (bends[0] * steps[i].tokens / 2000 + bends[1] * steps[i].context / 1e5 +
                                  bends[2] * steps[i].requests / 64 + mb_rng_normal(&rng)));
        for (int weight = 0; weight < 2; weight++) {
            mb_step_fit fit;
            assert_int_equal(
                mb_fit_step_law(&log, &(mb_step_fit_how){.weight = (mb_fit_weight)weight}, &fit, NULL),
                MB_OK);
            const double at[4] = {fit.law.base_s, fit.law.per_token_s, fit.law.per_context_s,
                                  fit.law.per_request_s};
            const double best = loss(&log, (mb_fit_weight)weight, at);
            static const double sizes[4] = {1e-5, 1e-8, 1e-10, 1e-7};
            for (int m = 0; m < 81; m++) {
                double x[4];
                bool feasible = true;
                for (int c = 0, rest = m; c < 4; c++, rest /= 3) {
                    x[c] = at[c] + sizes[c] * (rest % 3 - 1);
                    feasible &= x[c] >= 0;
                }
                if (feasible) assert_true(loss(&log, (mb_fit_weight)weight, x) >= best * (1 - 1e-9));
            }
            for (int c = 0; c < 4; c++) {
                assert_true(at[c] >= 0);
                bound += at[c] == 0;
            }
        }
    }
    assert_true(bound > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_logs),
        cmocka_unit_test(bad_logs),
        cmocka_unit_test(too_little),
        cmocka_unit_test(recovers_the_law),
        cmocka_unit_test(recovers_two_regimes),
        cmocka_unit_test(spoilt_rows_are_left_out),
        cmocka_unit_test(a_shape_of_its_own_is_kept),
        cmocka_unit_test(noise_averages_out),
        cmocka_unit_test(requests_that_say_nothing),
        cmocka_unit_test(nothing_better_nearby),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
