// SPDX-License-Identifier: MIT
// Whether a JSON text is sound, against jansson; and what paths lead to.
#include "workload/json_text.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char sample[] = "{\"ids\": [10, 0,7 ,46], \"a\":{\"b\" :-1.5e3,\"c\":[]}, \"t\":\"x\\\"y\", "
                             "\"w\":[true,null,{}], \"n\":12}";
static const char *const paths[] = {"ids", NULL, "a.b", "w.1", "n", "ids.3", "a.z"};
enum { PATHS = sizeof paths / sizeof *paths };

static bool is_sound(const char *text, size_t length, mb_json_place *places) {
    // Exactly as long as it is, so that nothing reads beyond its end unseen.
    char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    const bool sound = mb_json_read(copy, length, paths, PATHS, places);
    free(copy);
    return sound;
}

static void compare(const char *text, size_t length, size_t counts[2]) {
    mb_json_place places[PATHS];
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    const bool sound = value != NULL;
    json_decref(value);
    if (is_sound(text, length, places) != sound)
        fail_msg("%.*s is %ssound", (int)length, text, sound ? "" : "not ");
    counts[sound]++;
}

static void test_soundness(void **unused) {
    (void)unused;
    static const char others[] = "019-+.eE,:[]{}\"\\ntu aA\x01";
    char text[sizeof sample + 1];
    size_t counts[2] = {0};
    for (size_t i = 0; i < sizeof sample; i++) {
        compare(sample, i, counts);     // cut short
        compare(sample + i, 1, counts); // one character alone
        for (const char *c = others; *c && i + 1 < sizeof sample; c++) {
            memcpy(text, sample, sizeof sample);
            text[i] = *c; // another character
            compare(text, strlen(sample), counts);
            memcpy(text + i + 1, sample + i, sizeof sample - i); // one more
            compare(text, strlen(sample) + 1, counts);
        }
    }
    assert_true(counts[0] > 1000 && counts[1] > 100);
}

static void test_depth(void **unused) {
    (void)unused;
    static char text[8192];
    mb_json_place places[PATHS];
    for (size_t depth = 2040; depth < 2056; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(is_sound(text, 2 * depth, places), depth <= 2048);
    }
}

static void expect_place(const mb_json_place *place, const char *text) {
    assert_non_null(place->text);
    assert_int_equal(place->end - place->text, strlen(text));
    assert_memory_equal(place->text, text, strlen(text));
    assert_false(place->doubled);
}

static void test_places(void **unused) {
    (void)unused;
    mb_json_place places[PATHS];
    assert_true(mb_json_read(sample, strlen(sample), paths, PATHS, places));
    expect_place(&places[0], "[10, 0,7 ,46]");
    assert_null(places[1].text);
    expect_place(&places[2], "-1.5e3");
    expect_place(&places[3], "null");
    expect_place(&places[4], "12");
    expect_place(&places[5], "46");
    assert_null(places[6].text);
    const char doubled[] = "{\"n\": 1, \"a.b\": 2, \"n\": [3], \"a\": {\"b\": null}}";
    assert_true(mb_json_read(doubled, strlen(doubled), paths, PATHS, places));
    assert_true(places[4].doubled && places[2].doubled && !places[0].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_soundness),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
