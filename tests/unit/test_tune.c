// SPDX-License-Identifier: MIT
// What --tune reads and what its search asks for: known minima over ranges, logarithms, lists and words.
#include "sweep/pattern.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static mb_axis axis(const char *text) {
    mb_axis result;
    mb_error error;
    if (mb_axis_parse(text, &result, &error) != MB_OK) fail_msg("%s", error.message);
    return result;
}

static void values_of_axes(void **state) {
    (void)state;
    static const struct {
        const char *text, *first, *second, *last;
        size_t levels;
    } rows[] = {
        {"params.x=1..32", "1", "2", "32", 32},
        {"params.x=-3..3", "-3", "-2", "3", 7},
        {"params.x=0.0..1", "0", "0.001", "1", 1001},
        {"params.x=1..100:log", "1", "2", "100", 100},
        {"params.x=0.01..100:log", "0.01", "0.0100925", "100", 1001},
        {"params.x=1..32:x2", "1", "2", "32", 6},
        {"params.x=0.1..0.5:0.1", "0.1", "0.2", "0.5", 5},
        {"params.x=8,4,1", "8", "4", "1", 3},
        {"params.x=a,b,c", "a", "b", "c", 3},
        {"cluster.gpus=2..4", "2", "3", "4", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mb_axis one = axis(rows[i].text);
        char text[MB_AXIS_TEXT];
        assert_int_equal(one.levels, rows[i].levels);
        const char *const expected[] = {rows[i].first, rows[i].second, rows[i].last};
        const size_t at[] = {0, 1, one.levels - 1};
        for (size_t k = 0; k < 3; k++) {
            size_t level;
            mb_axis_text(&one, at[k], text);
            assert_string_equal(text, expected[k]);
            assert_true(mb_axis_find(&one, text, &level) && level == at[k]);
            if (one.kind != MB_AXIS_WORDS)
                assert_int_equal(mb_axis_nearest(&one, mb_axis_position(&one, at[k])), at[k]);
        }
        mb_axis_deinit(&one);
    }
    mb_axis fractions = axis("params.x=0..1");
    mb_axis_take_fractions(&fractions);
    size_t level;
    assert_true(mb_axis_find(&fractions, "0.25", &level) && level == 250);
    assert_false(mb_axis_find(&fractions, "1.5", &level));
    mb_axis words = axis("params.x=3,1,2"); // in no order: none is next to another, none at the edge
    assert_true(words.kind == MB_AXIS_WORDS && !mb_axis_at_edge(&words, 0));
    mb_axis_deinit(&words);
}

static void mistakes(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "params.x",
        "params.x=",
        "=1..2",
        "params.x=1",
        "params.x=2..1",
        "params.x=1..1",
        "params.x=0..1:log",
        "params.x=1..9:x1",
        "params.x=1..9:0",
        "params.x=1..9:lin",
        "params.x=a,,b",
        "params.x=a,b,a",
        "params.x=1..nan",
        "params.x=1..inf",
        "params.=1..2",
        "workload.limit=1..9",
        "seeds=1..3",
        "params.x=1...3",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        mb_axis one;
        mb_error error = {0};
        if (mb_axis_parse(wrong[i], &one, &error) != MB_BAD_INPUT) fail_msg("%s was read", wrong[i]);
        assert_non_null(strstr(error.message, "--tune"));
        mb_axis_deinit(&one);
    }
}

static double number(const mb_axis *one, size_t level) {
    char text[MB_AXIS_TEXT];
    mb_axis_text(one, level, text);
    return strtod(text, NULL);
}

// A narrow valley that turns between two keys, one of them in logarithms, and a word that matters.
static double valley(const mb_axis *const *axes, const size_t *levels) {
    const double x = number(axes[0], levels[0]), y = log10(number(axes[1], levels[1]));
    return pow(x - 37 + 8 * (y - 1), 2) / 100 + pow(y - 1, 2) + (levels[2] == 2 ? 0 : 0.5);
}

typedef double (*cost_of)(const mb_axis *const *axes, const size_t *levels);

static size_t search(mb_pattern *s, cost_of cost) {
    size_t rounds = 0;
    while (mb_pattern_ask(s) > 0) {
        rounds++;
        assert_true(s->count <= s->most);
        for (size_t i = s->told; i < s->count; i++) {
            if (mb_pattern_find(s, &s->levels[i * s->axis_count]) != i)
                fail_msg("trial %zu is tried again", i);
            s->costs[i] = cost(s->axes, &s->levels[i * s->axis_count]);
        }
        mb_pattern_tell(s);
    }
    assert_false(s->failed);
    return rounds;
}

static void minimum_of_a_valley(void **state) {
    (void)state;
    mb_axis a = axis("params.x=1..64"), b = axis("params.y=0.1..1000:log"), c = axis("params.w=p,q,r");
    const mb_axis *const axes[] = {&a, &b, &c};
    mb_pattern s, again;
    assert_true(mb_pattern_init(&s, axes, 3, 200, NULL) && mb_pattern_init(&again, axes, 3, 200, NULL));
    search(&s, valley);
    search(&again, valley);
    const size_t best = mb_pattern_best(&s), *levels = &s.levels[3 * best];
    assert_int_equal(s.count, 200);
    assert_int_equal(levels[2], 2);
    if (!(s.costs[best] < 0.01)) fail_msg("%g", s.costs[best]);
    assert_memory_equal(s.levels, again.levels, s.count * 3 * sizeof *s.levels);
    mb_pattern_deinit(&s);
    mb_pattern_deinit(&again);
    mb_axis_deinit(&c);
}

static double two_basins(const mb_axis *const *axes, const size_t *levels) {
    const double x = number(axes[0], levels[0]);
    return fmin(fabs(x - 100) / 100 + 0.2, fabs(x - 903) / 20); // the wide one is not the deep one
}

static double nothing_of_use(const mb_axis *const *axes, const size_t *levels) {
    (void)axes, (void)levels;
    return INFINITY;
}

static void other_searches(void **state) {
    (void)state;
    mb_axis wide = axis("params.x=1..1000"), few = axis("params.x=1..7"), list = axis("params.y=1,2,4");
    const mb_axis *const one[] = {&wide}, *const two[] = {&few, &list};
    mb_pattern s;
    const size_t first[] = {99};
    assert_true(mb_pattern_init(&s, one, 1, 100, first)); // begins at the wrong one's bottom
    search(&s, two_basins);
    assert_int_equal(s.levels[0], 99);
    assert_int_equal(s.levels[mb_pattern_best(&s)], 902);
    mb_pattern_deinit(&s);
    assert_true(mb_pattern_init(&s, two, 2, 21, NULL)); // all can be tried, and are, in one round
    assert_int_equal(search(&s, nothing_of_use), 1);
    assert_int_equal(s.count, 21);
    assert_true(s.whole && mb_pattern_best(&s) == SIZE_MAX);
    mb_pattern_deinit(&s);
    assert_true(mb_pattern_init(&s, two, 2, 20, NULL)); // not quite all
    search(&s, nothing_of_use);
    assert_true(!s.whole && s.count == 20);
    mb_pattern_deinit(&s);
    mb_axis_deinit(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_axes),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(minimum_of_a_valley),
        cmocka_unit_test(other_searches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
