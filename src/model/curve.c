// SPDX-License-Identifier: MIT
#include "model/curve.h"

#include <stdlib.h>

enum { X, Y, WHICH };

size_t mb_curve_piece(const double *x, size_t count, double at) {
    size_t low = 0, high = count - 1; // x[low] <= at < x[high] as far as the ends allow
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (x[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static double beyond(const mb_curve *c, double at) {
    const size_t last = c->count - 1;
    size_t half = mb_curve_piece(c->x, c->count, c->x[last] / 2);
    if (half == last) half = last - 1;
    const double slope = (c->y[last] - c->y[half]) / (c->x[last] - c->x[half]);
    return c->y[last] + slope * (at - c->x[last]);
}

double mb_curve_at(const mb_curve *c, double at, bool *extrapolated) {
    if (c->count == 1 || at <= c->x[0]) {
        if (c->count == 1 && at > c->x[0]) *extrapolated = true;
        return c->y[0];
    }
    if (at > c->x[c->count - 1]) {
        *extrapolated = true;
        return beyond(c, at);
    }
    const size_t i = mb_curve_piece(c->x, c->count, at);
    return c->y[i] + (c->y[i + 1] - c->y[i]) * (at - c->x[i]) / (c->x[i + 1] - c->x[i]);
}

mb_status mb_curve_make(mb_curve *curve, size_t count, mb_error *error) {
    *curve = (mb_curve){malloc(count * sizeof *curve->x), calloc(count, sizeof *curve->y), count};
    return curve->x && curve->y ? MB_OK : mb_fail_memory(error);
}

static int by_x(const void *a, const void *b) {
    const mb_csv_row *x = a, *y = b;
    if (x->value[X] != y->value[X]) return x->value[X] < y->value[X] ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

mb_status mb_curve_of_rows(const mb_number_csv *csv, double which, mb_curve *curve, mb_error *error) {
    const mb_status status = mb_curve_make(curve, csv->count, error);
    if (status) return status;
    qsort(csv->rows, csv->count, sizeof *csv->rows, by_x);
    size_t count = 0;
    unsigned long line = 0; // of the last point
    for (size_t i = 0; i < csv->count; i++) {
        const mb_csv_row *row = &csv->rows[i];
        if (csv->has[WHICH] && row->value[WHICH] != which) continue;
        if (count > 0 && curve->x[count - 1] == row->value[X])
            return mb_fail_at(error, MB_BAD_INPUT, csv->path, row->line,
                              "%s %.17g was given before, in line %lu", csv->kind->columns[X].name,
                              row->value[X], line);
        curve->x[count] = row->value[X];
        curve->y[count++] = row->value[Y];
        line = row->line;
    }
    curve->count = count;
    return MB_OK;
}

void mb_curve_deinit(mb_curve *curve) {
    free(curve->x);
    free(curve->y);
    *curve = (mb_curve){0};
}
