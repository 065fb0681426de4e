// SPDX-License-Identifier: MIT
#include "fit/outliers.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// With a fifth of the rows spoilt, five rows are all sound in one draw of three; that 60 draws all fail has a
// chance of 2e-11. More rows than MOST_SCORED are judged by evenly spaced ones.
enum { STARTS = 60, REFINEMENTS = 10, MOST_SCORED = 2000, SPARE_ROWS = 1 };
// Of fewer rows a law can agree with half by chance.
enum { ROWS_PER_TERM = 4, FEWEST_ALIKE = 5 };

static const double FACTOR = 1.5, DEVIATIONS = 6;
static const double LEAST_SPREAD = 1e-9; // rounding of an exact law

typedef struct work {
    const mb_rows *rows;
    double *predicted, *errors; // errors: |log(predicted / measured)|, sorted where needed
    bool *use;
    size_t stride;
} work;

// Symmetric in too fast and too slow, which relative errors are not. A law that gives no time is infinitely
// wrong.
static double error_of(const work *w, size_t i) {
    return w->predicted[i] > 0 ? log(w->predicted[i] / w->rows->measured[i]) : -INFINITY;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The median deviation over the scored rows.
static double median_deviation(const work *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->rows->count; i += w->stride)
        w->errors[n++] = fabs(error_of(w, i));
    qsort(w->errors, n, sizeof *w->errors, ascending);
    return w->errors[n / 2];
}

static double limit_of(const work *w) {
    return fmax(log(FACTOR), DEVIATIONS * fmax(1.4826 * median_deviation(w), LEAST_SPREAD));
}

// The sum of errors, none of which counts for more than the factor that makes a row stand out.
static double score(const work *w) {
    double sum = 0;
    for (size_t i = 0; i < w->rows->count; i += w->stride)
        sum += fmin(fabs(error_of(w, i)), log(FACTOR));
    return sum;
}

static bool fit(const work *w) {
    return w->rows->fit(w->rows->context, w->use, w->predicted);
}

// The law that most rows agree with, in w->predicted; false where no draw determines one.
static bool seek(work *w, double *best_predicted) {
    const size_t n = w->rows->count, drawn = w->rows->terms + SPARE_ROWS;
    mb_rng rng;
    mb_rng_init(&rng, 1, 0, "outliers");
    double best = INFINITY;
    for (size_t i = 0; i < n; i++)
        w->use[i] = true;
    for (int start = 0; start <= STARTS; start++) { // the first is of all rows
        if (fit(w)) {
            const double sum = score(w);
            if (sum < best) {
                best = sum;
                memcpy(best_predicted, w->predicted, n * sizeof *best_predicted);
            }
        } else if (start == 0) {
            return false;
        }
        memset(w->use, 0, n * sizeof *w->use);
        for (size_t k = 0; k < drawn; k++)
            w->use[mb_rng_below(&rng, n)] = true;
    }
    memcpy(w->predicted, best_predicted, n * sizeof *best_predicted);
    return true;
}

static void refine(work *w) {
    for (int round = 0; round < REFINEMENTS; round++) {
        const double limit = limit_of(w);
        bool changed = round == 0;
        for (size_t i = 0; i < w->rows->count; i++) {
            const bool use = fabs(error_of(w, i)) <= limit;
            changed |= use != w->use[i];
            w->use[i] = use;
        }
        if (!changed || !fit(w)) return;
    }
}

// Whether nearly all of the other rows of this shape stand out to the same side: of one row in five spoilt,
// five alike are all spoilt once in 3,000.
static bool has_company(const work *w, size_t row, double limit) {
    size_t alike = 0, company = 0;
    const bool slow = error_of(w, row) > 0;
    for (size_t i = 0; i < w->rows->count; i += w->stride) {
        if (i == row || !w->rows->alike(w->rows->context, row, i)) continue;
        alike++;
        company += slow ? error_of(w, i) > limit : error_of(w, i) < -limit;
    }
    return alike >= FEWEST_ALIKE && 10 * company >= 9 * alike;
}

static void mark(work *w, bool *use) {
    const double limit = limit_of(w);
    for (size_t i = 0; i < w->rows->count; i++)
        use[i] = fabs(error_of(w, i)) <= limit || has_company(w, i, limit);
}

mb_status mb_outliers_find(const mb_rows *rows, bool *use, mb_error *error) {
    const size_t n = rows->count;
    for (size_t i = 0; i < n; i++)
        use[i] = true;
    if (n < ROWS_PER_TERM * (rows->terms + SPARE_ROWS)) return MB_OK;
    double *numbers = malloc(3 * n * sizeof *numbers);
    bool *room = malloc(n * sizeof *room);
    mb_status status = MB_OK;
    if (!numbers || !room) {
        status = mb_fail_memory(error);
    } else {
        work w = {rows, numbers, numbers + n, room, n / MOST_SCORED + 1};
        if (seek(&w, numbers + 2 * n)) {
            refine(&w);
            mark(&w, use);
        }
    }
    free(numbers);
    free(room);
    return status;
}
