// SPDX-License-Identifier: MIT
// Piecewise linear functions through measured points.
#pragma once
#include "model/number_csv.h"

typedef struct mb_curve {
    double *x, *y; // x ascending; at least one point
    size_t count;
} mb_curve;

// Index i of the piece [x[i], x[i + 1]] that holds `at`, of `count` >= 2 values; the first or last piece
// beyond the ends.
size_t mb_curve_piece(const double *x, size_t count, double at);
// Below the first point its value; beyond the last one, where *extrapolated is set (never cleared), along the
// line from half the range to it: the last two points may be so close that their difference is noise.
double mb_curve_at(const mb_curve *curve, double at, bool *extrapolated);
// Room for `count` points, y all 0.
mb_status mb_curve_make(mb_curve *curve, size_t count, mb_error *error);
// The curve of the rows of a file whose columns are x, y and, where the file has it, one that must be
// `which`. Two rows for one x are an error that names the line. *count is 0 where no row is `which`.
mb_status mb_curve_of_rows(const mb_number_csv *csv, double which, mb_curve *curve, mb_error *error);
void mb_curve_deinit(mb_curve *curve);
