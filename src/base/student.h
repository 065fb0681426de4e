// SPDX-License-Identifier: MIT
// Critical values for confidence intervals, and p values.
#pragma once

// x with P(Z <= x) = p for a standard normal Z; p in (0, 1), else NAN (or an infinity at 0 and 1).
double mb_normal_quantile(double p);

// t with P(|T| <= t) = confidence for Student's T with `degrees` >= 1 degrees of freedom; confidence in [0,
// 1). NAN for anything else. Accurate to 1e-9 relative for confidence up to 0.9999.
double mb_student_t(double confidence, unsigned degrees);

// P(|T| >= |t|): the two-sided p value of a t test; absolute error below 1e-9. NAN below one degree.
double mb_student_p(double t, unsigned degrees);
