// SPDX-License-Identifier: MIT
// The peak of what requests hold, against its definition: every end against every request.
#include "base/rng.h"
#include "engine/peak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t held_after(const mb_place *list, size_t count, uint64_t steps) {
    uint64_t held = 0;
    for (size_t i = 0; i < count; i++)
        held += list[i].left >= steps ? list[i].held + steps : 0;
    return held;
}

static uint64_t by_definition(const mb_place *list, size_t count) {
    uint64_t peak = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t held = held_after(list, count, list[i].left);
        if (held > peak) peak = held;
    }
    return peak;
}

static void add(mb_places *places, uint32_t prompt, uint32_t generated, uint32_t left) {
    mb_request_rest rest = {0};
    const mb_request request = {
        .prompt_tokens = prompt, .generated = generated, .predicted_output = generated + left, .rest = &rest};
    assert_true(mb_peak_add(places, &request));
}

static void test_by_hand(void **state) {
    (void)state;
    mb_places places = {0};
    assert_int_equal(mb_peak(&places), 0);
    add(&places, 5, 0, 10);
    add(&places, 6, 2, 4);
    add(&places, 20, 0, 1);
    assert_int_equal(mb_peak(&places), 36); // 5 + 10, 13 + 2 x 4, 33 + 3 x 1
    add(&places, 3, 0, 6);
    assert_int_equal(mb_peak(&places), 40);
    free(places.list);
}

// Few and many, which are sorted in other ways; lengths of one digit to all of 31 bits; many alike.
static void test_by_definition(void **state) {
    (void)state;
    mb_rng rng;
    mb_rng_init(&rng, 11, 0, "peak");
    mb_places places = {0};
    for (size_t count = 1; count < 400; count += count < 40 ? 1 : 37)
        for (unsigned bits = 1; bits <= 31; bits += 3) {
            places.count = 0;
            for (size_t i = 0; i < count; i++)
                add(&places, 1 + (uint32_t)(1000 * mb_rng_uniform(&rng)),
                    (uint32_t)(50 * mb_rng_uniform(&rng)),
                    1 + (uint32_t)((double)((UINT32_C(1) << bits) - 1) * mb_rng_uniform(&rng)));
            const uint64_t wanted = by_definition(places.list, count); // before they are put in order
            assert_int_equal(mb_peak(&places), wanted);
            assert_int_equal(mb_peak(&places), wanted); // and after
        }
    free(places.list);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_by_definition)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
