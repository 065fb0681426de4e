// SPDX-License-Identifier: MIT
// Critical values against printed tables.
#include "base/student.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.10g, want %.10g", got, want);
}

static void students_table(void **state) {
    (void)state;
    static const struct {
        double confidence;
        unsigned degrees;
        double t;
    } rows[] = {
        {0.95, 1, 12.706205}, {0.95, 2, 4.302653},  {0.95, 3, 3.182446},   {0.95, 4, 2.776445},
        {0.95, 5, 2.570582},  {0.95, 9, 2.262157},  {0.95, 10, 2.228139},  {0.95, 30, 2.042272},
        {0.95, 60, 2.000298}, {0.99, 1, 63.656741}, {0.99, 2, 9.924843},   {0.99, 4, 4.604095},
        {0.99, 9, 3.249836},  {0.99, 10, 3.169273}, {0.99, 120, 2.617421}, {0.90, 1, 6.313752},
        {0.90, 4, 2.131847},  {0.90, 29, 1.699127}, {0.50, 1, 1.0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_near(mb_student_t(rows[i].confidence, rows[i].degrees), rows[i].t, 1e-6);
}

// The expansion takes over at 200 degrees: no step there, and the normal value at the end.
static void many_degrees(void **state) {
    (void)state;
    const double levels[] = {0.5, 0.9, 0.95, 0.99, 0.999, 0.9999};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        // t is nearly linear in 1/v, so 201 is predicted from 199 and 200 to second order.
        const double t198 = mb_student_t(levels[i], 198), t199 = mb_student_t(levels[i], 199);
        const double t200 = mb_student_t(levels[i], 200), t201 = mb_student_t(levels[i], 201);
        assert_near(t201, 3 * t200 - 3 * t199 + t198, 1e-7);
        assert_near(mb_student_t(levels[i], 4000000000u), mb_normal_quantile(0.5 + levels[i] / 2), 1e-8);
    }
    for (unsigned v = 1; v < 400; v++)
        assert_true(mb_student_t(0.95, v) > mb_student_t(0.95, v + 1));
}

static void normal_table(void **state) {
    (void)state;
    assert_near(mb_normal_quantile(0.5), 0, 1e-15);
    assert_near(mb_normal_quantile(0.975), 1.959963984540054, 1e-13);
    assert_near(mb_normal_quantile(0.995), 2.575829303548901, 1e-13);
    assert_near(mb_normal_quantile(0.9), 1.2815515655446004, 1e-13);
    assert_near(mb_normal_quantile(0.025), -1.959963984540054, 1e-13);
    assert_near(mb_normal_quantile(1e-10), -6.361340902404056, 1e-12);
    for (double p = 1e-300; p < 0.5; p *= 3)
        assert_near(0.5 * erfc(-mb_normal_quantile(p) / sqrt(2)) / p, 1, 1e-11);
}

static void out_of_range(void **state) {
    (void)state;
    assert_true(isnan(mb_student_t(0.95, 0)) && isnan(mb_student_t(1, 5)) && isnan(mb_student_t(-0.1, 5)));
    assert_true(isnan(mb_student_t(NAN, 5)) && mb_student_t(0, 5) == 0);
    assert_true(isnan(mb_normal_quantile(-1)) && isnan(mb_normal_quantile(2)) &&
                isnan(mb_normal_quantile(NAN)));
    assert_true(isinf(mb_normal_quantile(0)) && isinf(mb_normal_quantile(1)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(students_table),
        cmocka_unit_test(many_degrees),
        cmocka_unit_test(normal_table),
        cmocka_unit_test(out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
