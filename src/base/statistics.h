// SPDX-License-Identifier: MIT
// Levels and differences with their 95 % confidence intervals, and Holm's correction for many of them.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MB_CONFIDENCE 0.95

// What values of a measure can be, and so on which scale its intervals are made.
typedef enum mb_scale {
    MB_SCALE_POSITIVE, // times, rates, counts: at least 0, often with a heavy tail
    MB_SCALE_SHARE,    // 0 .. 1
} mb_scale;

// Welford's running mean and sum of squares: equal values give a spread of exactly zero.
typedef struct mb_moments {
    uint32_t count;
    double mean, squares;
} mb_moments;
void mb_moments_add(mb_moments *moments, double value);
// Half the width of Student's interval for the mean; NAN below two values.
double mb_moments_half_width(const mb_moments *moments);

// A level: what a measure is over independent runs. Zero-initialised but for the scale is empty.
typedef struct mb_sample {
    mb_scale scale;
    mb_moments plain, logs; // logs: ln of the value, or of the odds of a share
    bool at_edge, outside;  // any value at the edge of the range (0; of a share also 1); beyond it
} mb_sample;
void mb_sample_add(mb_sample *sample, double value);

typedef struct mb_estimate {
    uint32_t count;          // values that it rests on
    double value, low, high; // NAN: no value; low and high NAN: below two values
} mb_estimate;
// The geometric mean, exp of Student's interval of the mean logarithm; of shares that of the odds, turned
// back into a share. The interval covers the same of the distribution (of a log-normal one: the median).
// Where a value lies at the edge and has no logarithm, the mean: its half width is carried over to its
// logarithm or log odds (the delta method), so that no interval leaves the range.
mb_estimate mb_sample_level(const mb_sample *sample);
// That last interval, around any mean with its half width.
mb_estimate mb_estimate_around(double mean, double half_width, mb_scale scale);

// Pairs (a, b) of runs that saw the same requests. Zero-initialised is empty.
typedef struct mb_pairs {
    mb_moments differences, logs; // a - b; ln a - ln b
    double sum_a, sum_b;
    bool not_positive; // any of the values
} mb_pairs;
void mb_pairs_add(mb_pairs *pairs, double a, double b);

typedef struct mb_difference {
    uint32_t pairs;
    bool ratio;              // value, low and high are of a / b; else of a - b
    double value, low, high; // NAN: no pair; low and high NAN: a single one
    double p;                // two-sided, paired t test; NAN below two pairs
    double p_holm;           // after the correction; equal to p until somebody makes it
    bool worth;              // larger than rounding and than what percentiles may be off: one in a thousand
    bool a_larger;
} mb_difference;
// Positive values: the ratio, from differences of logarithms. Shares, and where there are zeros: the
// difference, of shares kept within -1 .. 1.
mb_difference mb_pairs_compare(const mb_pairs *pairs, mb_scale scale);
// Are a and b different, at 5 % after the correction?
bool mb_difference_real(const mb_difference *difference);

// Adjusted p values (Holm 1979) in the place of `p`, which may come in any order; NAN stays and does not
// count. False when out of memory.
bool mb_holm(double *p, size_t count);
