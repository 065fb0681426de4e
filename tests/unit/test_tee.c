// SPDX-License-Identifier: MIT
// Several observers as one: no event gets lost between them.
#include "sim/tee.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

// The hooks stand first in the struct: each that one of the observers has, all together have.
static void every_hook_is_passed_on(void **state) {
    (void)state;
    enum { HOOKS = offsetof(mb_observer, self) / sizeof(void *) };
    mb_tee tee = {.count = 2};
    memset(&tee.all[1], 0xff, offsetof(mb_observer, self));
    const mb_observer whole = mb_tee_observer(&tee);
    void *hooks[HOOKS];
    memcpy(hooks, &whole, sizeof hooks);
    assert_true(HOOKS > 10);
    for (size_t i = 0; i < HOOKS; i++)
        assert_non_null(hooks[i]);
    tee.count = 1; // the other has none
    const mb_observer none = mb_tee_observer(&tee);
    memcpy(hooks, &none, sizeof hooks);
    for (size_t i = 0; i < HOOKS; i++)
        assert_null(hooks[i]);
}

static mb_status count(void *self, const mb_sim *sim, double next_s, mb_error *error) {
    assert_null(sim);
    *(double *)self += next_s;
    return next_s > 2 ? mb_fail(error, MB_FAILED, "too late") : MB_OK;
}

static void both_wait_until_one_fails(void **state) {
    (void)state;
    double sums[2] = {0, 0};
    mb_error error;
    mb_tee tee = {.all = {{.before = count, .self = &sums[0]}, {.before = count, .self = &sums[1]}},
                  .count = 2};
    const mb_observer whole = mb_tee_observer(&tee);
    assert_int_equal(whole.before(whole.self, NULL, 1.5, &error), MB_OK);
    assert_int_equal(whole.before(whole.self, NULL, 2.5, &error), MB_FAILED);
    assert_true(sums[0] == 4 && sums[1] == 1.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_hook_is_passed_on),
                                       cmocka_unit_test(both_wait_until_one_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
