// SPDX-License-Identifier: MIT
#include "base/statistics.h"

#include "base/student.h"

#include <math.h>
#include <stdlib.h>

// Percentiles come from a sketch that may be off by this much; a smaller difference is not worth a word.
#define WORTH_MENTIONING 1e-3
// Sums of times end in rounding errors: a difference of nanoseconds is none.
#define ROUNDING 1e-9

void mb_moments_add(mb_moments *moments, double value) {
    const double before = value - moments->mean;
    moments->mean += before / ++moments->count;
    moments->squares += before * (value - moments->mean);
}

static double standard_error(const mb_moments *moments) {
    return sqrt(moments->squares / (moments->count - 1.0) / moments->count);
}

double mb_moments_half_width(const mb_moments *moments) {
    if (moments->count < 2) return NAN;
    return mb_student_t(MB_CONFIDENCE, moments->count - 1) * standard_error(moments);
}

void mb_sample_add(mb_sample *sample, double value) {
    const bool share = sample->scale == MB_SCALE_SHARE;
    mb_moments_add(&sample->plain, value);
    sample->outside = sample->outside || value < 0 || (share && value > 1);
    sample->at_edge = sample->at_edge || !(value > 0) || (share && !(value < 1));
    if (!sample->at_edge) mb_moments_add(&sample->logs, log(share ? value / (1 - value) : value));
}

static double inverse_logit(double x) {
    return 1 / (1 + exp(-x));
}

mb_estimate mb_estimate_around(double mean, double half_width, mb_scale scale) {
    mb_estimate estimate = {.value = mean, .low = mean - half_width, .high = mean + half_width};
    if (!(half_width > 0)) return estimate; // none, or values that are all equal
    if (scale == MB_SCALE_SHARE && mean > 0 && mean < 1) {
        const double logit = log(mean / (1 - mean)), half = half_width / (mean * (1 - mean));
        estimate.low = inverse_logit(logit - half);
        estimate.high = inverse_logit(logit + half);
    } else if (scale == MB_SCALE_POSITIVE && mean > 0) {
        estimate.low = mean * exp(-half_width / mean);
        estimate.high = mean * exp(half_width / mean);
    }
    return estimate;
}

mb_estimate mb_sample_level(const mb_sample *sample) {
    const mb_moments *plain = &sample->plain;
    const double half_width = mb_moments_half_width(plain);
    mb_estimate estimate;
    if (!plain->count)
        estimate = (mb_estimate){.value = NAN, .low = NAN, .high = NAN};
    else if (sample->outside) // in no range that we know
        estimate = (mb_estimate){
            .value = plain->mean, .low = plain->mean - half_width, .high = plain->mean + half_width};
    else if (sample->at_edge || !(plain->squares > 0))
        estimate = mb_estimate_around(plain->mean, half_width, sample->scale);
    else {
        double (*const back)(double) = sample->scale == MB_SCALE_SHARE ? inverse_logit : exp;
        const double mean = sample->logs.mean, half = mb_moments_half_width(&sample->logs);
        estimate = (mb_estimate){.value = back(mean), .low = back(mean - half), .high = back(mean + half)};
    }
    estimate.count = plain->count;
    return estimate;
}

void mb_pairs_add(mb_pairs *pairs, double a, double b) {
    mb_moments_add(&pairs->differences, a - b);
    pairs->sum_a += a;
    pairs->sum_b += b;
    pairs->not_positive = pairs->not_positive || !(a > 0) || !(b > 0);
    if (!pairs->not_positive) mb_moments_add(&pairs->logs, log(a / b));
}

static double p_of(const mb_moments *moments) {
    if (moments->count < 2) return NAN;
    if (!(moments->squares > 0)) return moments->mean == 0 ? 1 : 0;
    return mb_student_p(moments->mean / standard_error(moments), moments->count - 1);
}

mb_difference mb_pairs_compare(const mb_pairs *pairs, mb_scale scale) {
    mb_difference result = {.pairs = pairs->differences.count,
                            .ratio = scale == MB_SCALE_POSITIVE && !pairs->not_positive};
    const mb_moments *moments = result.ratio ? &pairs->logs : &pairs->differences;
    const double half_width = mb_moments_half_width(moments), mean = result.pairs ? moments->mean : NAN;
    result.value = mean;
    result.low = mean - half_width;
    result.high = mean + half_width;
    result.p = result.p_holm = p_of(moments);
    result.a_larger = mean > 0;
    if (result.ratio) {
        result.value = exp(mean);
        result.low = exp(result.low);
        result.high = exp(result.high);
    } else if (scale == MB_SCALE_SHARE) {
        result.low = result.low < -1 ? -1 : result.low;
        result.high = result.high > 1 ? 1 : result.high;
    }
    const double a = fabs(pairs->sum_a / result.pairs), b = fabs(pairs->sum_b / result.pairs);
    result.worth = fabs(pairs->differences.mean) > ROUNDING &&
                   (result.ratio ? fabs(result.value - 1) > WORTH_MENTIONING
                                 : fabs(result.value) > WORTH_MENTIONING * (a > b ? a : b));
    return result;
}

bool mb_difference_real(const mb_difference *difference) {
    return difference->worth && difference->p_holm <= 1 - MB_CONFIDENCE; // false for NAN
}

static int by_value(const void *a, const void *b) {
    const double x = **(double *const *)a, y = **(double *const *)b;
    return (x > y) - (x < y);
}

bool mb_holm(double *p, size_t count) {
    double **order = malloc((count + 1) * sizeof *order);
    if (!order) return false;
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(p[i])) order[used++] = &p[i];
    qsort(order, used, sizeof *order, by_value);
    double largest = 0;
    for (size_t i = 0; i < used; i++) {
        const double adjusted = (double)(used - i) * *order[i];
        if (adjusted > largest) largest = adjusted;
        *order[i] = largest < 1 ? largest : 1;
    }
    free(order);
    return true;
}
