// SPDX-License-Identifier: MIT
#pragma once
#include <stdbool.h>

// Is a span of time longer than a bound? Times are sums of many terms, so a span that equals its bound may
// come out a few last bits above it: a billionth of the bound, and a millionth of a millionth of the clock
// that the span was read off, are not held against it. All comparisons of measures with a bound use this one.
static inline bool mb_exceeds(double span_s, double bound_s, double clock_s) {
    return span_s > bound_s + (1e-9 * bound_s + 1e-12 * clock_s);
}
