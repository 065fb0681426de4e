// SPDX-License-Identifier: MIT
// Linear least squares with a handful of terms.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { MB_MOST_TERMS = 4 };

// `columns`: `terms` columns of `count` values, one after the other, then the right-hand side as one more;
// all are overwritten. `used[k]` says which terms take part; the others get 0. *residual: the sum of the
// squares that are left. False where the terms used are not independent in these rows.
bool mb_least_squares(double *columns, size_t count, int terms, const bool *used, double *solution,
                      double *residual);
