// SPDX-License-Identifier: MIT
// What a synthetic request belongs to: classes, and prompts that begin alike. Statistical tolerances are five
// standard errors.
#include "base/strbuf.h"
#include "workload/source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static mb_distribution fixed(double value) {
    return (mb_distribution){.kind = MB_DIST_FIXED, .a = value};
}

static mb_distribution exponential(double mean) {
    return (mb_distribution){.kind = MB_DIST_EXPONENTIAL, .a = mean};
}

static mb_workload synthetic(uint64_t limit) {
    return (mb_workload){.kind = MB_WORKLOAD_SYNTHETIC,
                         .arrivals = {.kind = MB_ARRIVALS_CONSTANT, .rate = 1},
                         .prompt = fixed(100),
                         .output = fixed(20),
                         .limit = limit,
                         .until_s = INFINITY};
}

static mb_source *open_source(mb_workload *workload) {
    mb_error error;
    mb_source *source = NULL;
    if (mb_workload_prepare(workload, &error) || mb_source_open(workload, 1, 0, &source, &error))
        fail_msg("%s", error.message);
    return source;
}

static bool next(mb_source *source, mb_arrival *arrival) {
    mb_error error;
    bool end;
    if (mb_source_next(source, arrival, &end, &error)) fail_msg("%s", error.message);
    return !end;
}

static mb_class *three_classes(void) {
    mb_class *classes = calloc(3, sizeof *classes);
    assert_non_null(classes);
    static const char *const names[] = {"chat", "code", "batch"};
    static const double shares[] = {7, 2, 1};
    for (int i = 0; i < 3; i++)
        classes[i] = (mb_class){.name = mb_strdup(names[i]),
                                .share = shares[i],
                                .priority = 1 - i,
                                .slo = {1, 0.1, i < 2 ? 10 + i : (double)INFINITY, INFINITY},
                                .prompt = exponential(100 * (i + 1)),
                                .output = fixed(i + 1)};
    return classes;
}

static mb_workload with_classes(size_t count) {
    mb_workload workload = synthetic(100000);
    workload.classes = three_classes();
    workload.class_count = count;
    for (size_t i = count; i < 3; i++) // those beyond are not the workload's to release
        free(workload.classes[i].name);
    return workload;
}

static void test_classes(void **unused) {
    (void)unused;
    mb_workload workload = with_classes(3);
    mb_source *source = open_source(&workload);
    assert_false(mb_source_closed(source));
    assert_string_equal(mb_workload_class_name(&workload, 1), "code");
    assert_string_equal(mb_workload_class_name(&workload, 3), "");
    mb_arrival a;
    double count[3] = {0}, prompts[3] = {0};
    while (next(source, &a)) {
        assert_in_range(a.class_index, 0, 2);
        assert_int_equal(a.output_tokens, a.class_index + 1);
        assert_int_equal(a.priority, 1 - (int)a.class_index);
        assert_true(a.class_index == 2 ? isinf(a.deadline_s) : a.deadline_s == a.time_s + 10 + a.class_index);
        assert_true(a.user == 0);
        count[a.class_index]++;
        prompts[a.class_index] += a.prompt_tokens;
    }
    assert_true(mb_source_over(source));
    static const double shares[] = {0.7, 0.2, 0.1};
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(count[i] - 1e5 * shares[i]) < 5 * sqrt(1e5 * shares[i] * (1 - shares[i])));
        const double mean = 100 * (i + 1);
        assert_true(fabs(prompts[i] / count[i] - mean) < 5 * mean / sqrt(count[i]) + 0.1); // and rounding
    }
    mb_source_close(source);
    mb_workload_deinit(&workload);
}

// What the n-th request of a class is does not depend on which other classes there are, and how large.
static void test_class_streams(void **unused) {
    (void)unused;
    mb_workload all = with_classes(3), some = with_classes(2);
    some.classes[0].share = 1;
    mb_source *a = open_source(&all), *b = open_source(&some);
    for (int n = 0; n < 1000; n++) {
        mb_arrival x, y;
        do
            assert_true(next(a, &x));
        while (x.class_index != 1);
        do
            assert_true(next(b, &y));
        while (y.class_index != 1);
        assert_true(x.prompt_tokens == y.prompt_tokens);
    }
    mb_source_close(a);
    mb_source_close(b);
    mb_workload_deinit(&all);
    mb_workload_deinit(&some);
}

static void test_prefixes(void **unused) {
    (void)unused;
    for (int users = 0; users < 2; users++) {
        mb_workload workload = synthetic(100000);
        workload.users = users ? 10 : 0;
        workload.prefix = (mb_shared_prefix){.tokens = 1000, .groups = 4, .theta = 1};
        mb_source *source = open_source(&workload);
        double count[5] = {0};
        mb_arrival a;
        while (next(source, &a)) {
            assert_true(a.prompt_tokens == 1100 && a.prefix_count == 1 && a.prefix_unit_tokens == 1000);
            assert_in_range(a.prefix_ids[0], 1, 4);
            count[a.prefix_ids[0]]++;
            if (a.user) {
                mb_error error;
                const mb_departure answer = {.user = a.user, .time_s = a.time_s + 1};
                assert_int_equal(mb_source_finished(source, &answer, &error), MB_OK);
            }
        }
        for (int group = 1; group <= 4; group++) { // 1 : 1/2 : 1/3 : 1/4
            const double share = 1 / (group * (1 + 1 / 2.0 + 1 / 3.0 + 1 / 4.0));
            assert_true(fabs(count[group] - 1e5 * share) < 5 * sqrt(1e5 * share * (1 - share)));
        }
        mb_source_close(source);
        mb_workload_deinit(&workload);
    }
}

static void expect_sentence(mb_workload workload, const char *sentence) {
    mb_error error;
    assert_int_equal(mb_workload_prepare(&workload, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, sentence);
    mb_workload_deinit(&workload);
}

static void test_mistakes(void **unused) {
    (void)unused;
    mb_workload workload = with_classes(3);
    workload.classes[1].share = 0;
    expect_sentence(workload, "workload: the share of class \"code\" is 0; expected a positive number");
    workload = with_classes(3);
    strcpy(workload.classes[2].name, "chat");
    expect_sentence(workload, "workload: classes 1 and 3 are both named \"chat\"; expected different names");
    workload = with_classes(3);
    workload.classes[0].slo.tbt_s = 0;
    expect_sentence(workload,
                    "workload: a bound of class \"chat\" is not above 0; expected positive seconds");
    workload = synthetic(10);
    workload.prefix.tokens = 5;
    expect_sentence(workload, "workload: a prefix without groups; expected at least 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_class_streams),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
