// SPDX-License-Identifier: MIT
#include "workload/distribution.h"

#include "workload/csv_reader.h"

#include <math.h>
#include <stdlib.h>

#define MAX_ZIPF_VALUES 4194304.0 // a table of 32 MiB

static mb_status fail_parameter(const char *what, const char *name, double value, const char *expected,
                                mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT, "%s: %s is %g; expected %s", what, name, value, expected);
}

static bool is_positive(double x) {
    return x > 0 && isfinite(x);
}

static bool is_not_negative(double x) {
    return x >= 0 && isfinite(x);
}

// values[i] becomes P(n <= min + i).
static mb_status make_zipf_table(mb_distribution *d, const char *what, mb_error *error) {
    if (!is_not_negative(d->a))
        return fail_parameter(what, "the Zipf exponent", d->a, "a number of at least 0", error);
    d->min = d->min < 1 ? 1 : ceil(d->min);
    d->max = floor(d->max);
    if (!(d->max >= d->min) || d->max - d->min >= MAX_ZIPF_VALUES)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: a Zipf distribution from %g to %g; expected 1 <= min <= max, and at most %.0f values", what,
            d->min, d->max, MAX_ZIPF_VALUES);
    const size_t count = (size_t)(d->max - d->min) + 1;
    double *table = malloc(count * sizeof *table);
    if (!table) return mb_fail_memory(error);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        // Relative to the first, so that a large exponent does not underflow to an empty table.
        sum += pow((d->min + (double)i) / d->min, -d->a);
        table[i] = sum;
    }
    for (size_t i = 0; i < count; i++)
        table[i] /= sum;
    free(d->values);
    d->values = table;
    d->value_count = count;
    return MB_OK;
}

static mb_status check_values(const mb_distribution *d, const char *what, mb_error *error) {
    if (d->value_count == 0 || !d->values)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: an empirical distribution without values; expected at least one", what);
    for (size_t i = 0; i < d->value_count; i++)
        if (!is_not_negative(d->values[i]))
            return mb_fail(error, MB_BAD_INPUT, "%s: value %zu is %g; expected a number of at least 0", what,
                           i + 1, d->values[i]);
    return MB_OK;
}

static mb_status prepare_parts(mb_distribution *d, const char *what, mb_error *error) {
    const bool is_mixture = d->kind == MB_DIST_MIXTURE;
    const size_t least = d->kind == MB_DIST_OF_PROMPT ? 2 : 1;
    if (d->part_count < least || (least == 1 && d->value_count != d->part_count))
        return mb_fail(error, MB_BAD_INPUT, "%s: %zu parts and %zu numbers; expected one of each, or more",
                       what, d->part_count, d->value_count);
    for (size_t i = 0; i < d->value_count; i++) {
        const double value = d->values[i];
        if (is_mixture ? !is_positive(value) : !(value > (i ? d->values[i - 1] : 0)))
            return mb_fail(error, MB_BAD_INPUT, "%s: %s %zu is %g; expected %s", what,
                           is_mixture ? "share" : "limit", i + 1, value,
                           is_mixture ? "a positive number" : "limits that ascend");
    }
    for (size_t i = 0; i < d->part_count; i++) {
        const mb_status status = mb_distribution_prepare(&d->parts[i], what, error);
        if (status) return status;
    }
    return MB_OK;
}

mb_status mb_distribution_prepare(mb_distribution *d, const char *what, mb_error *error) {
    if (d->max == 0) d->max = INFINITY;
    if (d->min < 0) d->min = 0;
    if (!(d->min <= d->max) || !isfinite(d->min))
        return mb_fail(error, MB_BAD_INPUT, "%s: min is %g and max is %g; expected min <= max", what, d->min,
                       d->max);
    switch (d->kind) {
    case MB_DIST_FIXED:
        if (!is_not_negative(d->a))
            return fail_parameter(what, "the value", d->a, "a number of at least 0", error);
        return MB_OK;
    case MB_DIST_UNIFORM:
        if (!is_not_negative(d->a) || !is_not_negative(d->b) || d->a > d->b)
            return mb_fail(error, MB_BAD_INPUT, "%s: uniform from %g to %g; expected 0 <= from <= to", what,
                           d->a, d->b);
        return MB_OK;
    case MB_DIST_NORMAL:
        if (!isfinite(d->a)) return fail_parameter(what, "the mean", d->a, "a finite number", error);
        if (!is_not_negative(d->b))
            return fail_parameter(what, "the standard deviation", d->b, "a number of at least 0", error);
        return MB_OK;
    case MB_DIST_LOGNORMAL:
        if (!isfinite(d->a)) return fail_parameter(what, "mu", d->a, "a finite number", error);
        if (!is_not_negative(d->b))
            return fail_parameter(what, "sigma", d->b, "a number of at least 0", error);
        return MB_OK;
    case MB_DIST_EXPONENTIAL:
        if (!is_positive(d->a)) return fail_parameter(what, "the mean", d->a, "a positive number", error);
        return MB_OK;
    case MB_DIST_ZIPF:
        return make_zipf_table(d, what, error);
    case MB_DIST_EMPIRICAL:
        return check_values(d, what, error);
    case MB_DIST_GAMMA:
        if (!is_positive(d->a)) return fail_parameter(what, "the shape", d->a, "a positive number", error);
        if (!is_positive(d->b)) return fail_parameter(what, "the scale", d->b, "a positive number", error);
        return MB_OK;
    case MB_DIST_PARETO:
        if (!is_positive(d->a)) return fail_parameter(what, "the shape", d->a, "a positive number", error);
        if (!is_positive(d->b))
            return fail_parameter(what, "the least value", d->b, "a positive number", error);
        return MB_OK;
    case MB_DIST_MIXTURE:
    case MB_DIST_BY_PROMPT:
    case MB_DIST_OF_PROMPT:
        return prepare_parts(d, what, error);
    }
    return mb_fail(error, MB_BAD_INPUT, "%s: unknown kind of distribution", what);
}

void mb_distribution_deinit(mb_distribution *distribution) {
    free(distribution->values);
    for (size_t i = 0; i < distribution->part_count; i++)
        mb_distribution_deinit(&distribution->parts[i]);
    free(distribution->parts);
    *distribution = (mb_distribution){0};
}

// The first value whose cumulative probability exceeds a uniform draw.
static double draw_zipf(const mb_distribution *d, mb_rng *rng) {
    const double u = mb_rng_uniform(rng);
    size_t low = 0, high = d->value_count - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (d->values[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return d->min + (double)low;
}

static const mb_distribution *choose_part(const mb_distribution *d, uint32_t prompt, mb_rng *rng) {
    const size_t last = d->part_count - 1;
    size_t part = 0;
    if (d->kind == MB_DIST_BY_PROMPT) {
        while (part < last && d->values[part] < prompt)
            part++;
        return &d->parts[part];
    }
    double sum = 0;
    for (size_t i = 0; i <= last; i++)
        sum += d->values[i];
    double u = mb_rng_uniform(rng) * sum;
    for (; part < last && u >= d->values[part]; part++)
        u -= d->values[part];
    return &d->parts[part];
}

static double clamp(const mb_distribution *d, double x) {
    if (d->kind == MB_DIST_FIXED) return x;
    if (x < d->min) return d->min;
    return x > d->max ? d->max : x;
}

static double draw(const mb_distribution *d, uint32_t prompt, mb_rng *rng);

static double draw_unclamped(const mb_distribution *d, uint32_t prompt, mb_rng *rng) {
    switch (d->kind) {
    case MB_DIST_FIXED:
        return d->a;
    case MB_DIST_UNIFORM:
        return d->a + (d->b - d->a) * mb_rng_uniform(rng);
    case MB_DIST_NORMAL:
        return d->a + d->b * mb_rng_normal(rng);
    case MB_DIST_LOGNORMAL:
        return exp(d->a + d->b * mb_rng_normal(rng));
    case MB_DIST_EXPONENTIAL:
        return d->a * mb_rng_exponential(rng);
    case MB_DIST_ZIPF:
        return draw_zipf(d, rng);
    case MB_DIST_EMPIRICAL:
        return d->values[mb_rng_below(rng, d->value_count)];
    case MB_DIST_GAMMA:
        return d->b * mb_rng_gamma(rng, d->a);
    case MB_DIST_PARETO:
        return d->b * pow(mb_rng_uniform_positive(rng), -1 / d->a);
    case MB_DIST_MIXTURE:
    case MB_DIST_BY_PROMPT:
        return draw(choose_part(d, prompt, rng), prompt, rng);
    case MB_DIST_OF_PROMPT: {
        const double base = draw(&d->parts[0], prompt, rng);
        return base + draw(&d->parts[1], prompt, rng) * prompt;
    }
    }
    return 0;
}

static double draw(const mb_distribution *d, uint32_t prompt, mb_rng *rng) {
    return clamp(d, draw_unclamped(d, prompt, rng));
}

double mb_distribution_draw(const mb_distribution *d, mb_rng *rng) {
    return draw(d, 0, rng);
}

static uint32_t to_tokens(double x) {
    if (!(x >= 1)) return 1;
    return x >= MB_MAX_TOKENS ? MB_MAX_TOKENS : (uint32_t)(x + 0.5);
}

uint32_t mb_distribution_draw_output(const mb_distribution *d, uint32_t prompt, mb_rng *rng) {
    if (d->kind == MB_DIST_FIXED) return d->a < 0.5 ? 0 : to_tokens(d->a);
    if (d->kind == MB_DIST_UNIFORM) {
        // Integers within both a..b and min..max; where there is none, the nearest to the middle.
        const double from = ceil(fmax(d->a, d->min)), to = floor(fmin(d->b, fmin(d->max, MB_MAX_TOKENS)));
        if (!(from <= to)) return to_tokens(fmin(fmax((d->a + d->b) / 2, d->min), d->max));
        return to_tokens(from + (double)mb_rng_below(rng, (uint64_t)(to - from) + 1));
    }
    if (d->kind == MB_DIST_MIXTURE || d->kind == MB_DIST_BY_PROMPT)
        return to_tokens(clamp(d, mb_distribution_draw_output(choose_part(d, prompt, rng), prompt, rng)));
    return to_tokens(draw(d, prompt, rng));
}

uint32_t mb_distribution_draw_tokens(const mb_distribution *d, mb_rng *rng) {
    return mb_distribution_draw_output(d, 0, rng);
}

static mb_status append_value(mb_distribution *d, size_t *capacity, double value, mb_error *error) {
    if (d->value_count == *capacity) {
        const size_t larger = *capacity ? *capacity * 2 : 1024;
        double *values = realloc(d->values, larger * sizeof *values);
        if (!values) return mb_fail_memory(error);
        d->values = values;
        *capacity = larger;
    }
    d->values[d->value_count++] = value;
    return MB_OK;
}

mb_status mb_distribution_read_column(const char *path, const char *name, mb_distribution *distribution,
                                      mb_error *error) {
    *distribution = (mb_distribution){.kind = MB_DIST_EMPIRICAL, .max = INFINITY};
    mb_csv_reader *reader;
    mb_status status = mb_csv_open(path, &reader, error);
    if (status) return status;
    size_t column = 0, capacity = 0;
    status = mb_csv_require_column(reader, name, &column, error);
    if (!status) mb_csv_keep(reader, column);
    bool end = false;
    while (!status && !end) {
        double value;
        status = mb_csv_next(reader, &end, error);
        if (status || end) break;
        status = mb_csv_number(reader, column, "a number of at least 0", &value, error);
        if (!status) status = append_value(distribution, &capacity, value, error);
    }
    mb_csv_close(reader);
    if (!status && distribution->value_count == 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: no rows after the header; expected at least one", path);
    if (status) mb_distribution_deinit(distribution);
    return status;
}
