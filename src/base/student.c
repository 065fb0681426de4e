// SPDX-License-Identifier: MIT
#include "base/student.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

double mb_normal_quantile(double p) {
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0 || p == 1) return p == 0 ? -INFINITY : INFINITY;
    if (p > 0.5) return -mb_normal_quantile(1 - p);
    // Abramowitz & Stegun 26.2.23, good to 4.5e-4 ...
    const double t = sqrt(-2 * log(p));
    double x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                         (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
    // ... and Halley's method on the distribution function, which triples the digits each time.
    for (int i = 0; i < 3; i++) {
        const double error = 0.5 * erfc(-x / sqrt(2)) - p;
        const double step = error * sqrt(2 * PI) * exp(x * x / 2);
        x -= step / (1 + x * step / 2);
    }
    return x;
}

// P(|T| <= t), by the finite sums of Abramowitz & Stegun 26.7.3 and 26.7.4. (lgamma, which the incomplete
// beta function needs, writes a global.)
static double within(double t, unsigned degrees) {
    if (isinf(t)) return 1;
    const double v = degrees;
    const double cos2 = v / (v + t * t);
    const double sine = t / sqrt(v + t * t);
    double term = 1, sum = 0;
    if (degrees % 2 == 0) {
        for (unsigned k = 0; k < degrees / 2; k++) {
            sum += term;
            term *= cos2 * (2 * k + 1) / (2 * k + 2);
        }
        return sine * sum;
    }
    for (unsigned k = 0; k < degrees / 2; k++) {
        sum += term;
        term *= cos2 * (2 * k + 2) / (2 * k + 3);
    }
    return 2 / PI * (atan(t / sqrt(v)) + sine * sqrt(cos2) * sum);
}

// Expansion around the normal value, Abramowitz & Stegun 26.7.5: at 200 degrees the fifth term is below
// 1e-10.
static double expansion(double x, double v) {
    const double s = x * x;
    const double g1 = x * (s + 1) / 4;
    const double g2 = x * ((5 * s + 16) * s + 3) / 96;
    const double g3 = x * (((3 * s + 19) * s + 17) * s - 15) / 384;
    const double g4 = x * ((((79 * s + 776) * s + 1482) * s - 1920) * s - 945) / 92160;
    return x + (g1 + (g2 + (g3 + g4 / v) / v) / v) / v;
}

double mb_student_t(double confidence, unsigned degrees) {
    if (degrees < 1 || !(confidence >= 0 && confidence < 1)) return NAN;
    if (confidence == 0) return 0;
    if (degrees > 200) return expansion(-mb_normal_quantile((1 - confidence) / 2), degrees);
    double low = 0, high = 1;
    while (within(high, degrees) < confidence && high < 1e300) {
        low = high;
        high *= 2;
    }
    for (int i = 0; i < 60; i++) {
        const double middle = low + (high - low) / 2;
        if (within(middle, degrees) < confidence)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}

double mb_student_p(double t, unsigned degrees) {
    if (degrees < 1 || isnan(t)) return NAN;
    const double p = 1 - within(fabs(t), degrees);
    return p > 0 ? p : 0;
}
