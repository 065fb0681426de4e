// SPDX-License-Identifier: MIT
// Which measured times do not belong to the others: a row that a clock, a cold start or a clerk spoilt must
// not bend a fit to the rest.
//
// A law is sought that most rows agree with: fits through a few rows, drawn at random, are scored by the sum
// of bounded errors over all (least trimmed squares by elemental starts, Rousseeuw & Van Driessen 2006;
// bounded loss, Huber 1981), and the best is refined by least squares on the rows that it describes. A row
// stands out if its time is further from that law than by the factor 1.5 and by six standard deviations
// (1.4826 x the median deviation). It is an outlier unless it has company: where half of the rows of its
// shape stand out to the same side, it is the law that is wrong there. So rows are left out whose times have
// no like; where none is, the fit is plain least squares.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct mb_rows {
    size_t count;
    const double *measured; // > 0
    size_t terms;           // rows that determine a law
    // Fit the rows with use[i] and predict all; false where they do not determine the law.
    bool (*fit)(const void *context, const bool *use, double *predicted);
    bool (*alike)(const void *context, size_t a, size_t b); // rows of one shape
    const void *context;
} mb_rows;

// use[i]: the row is no outlier. All true where the rows do not determine a law.
mb_status mb_outliers_find(const mb_rows *rows, bool *use, mb_error *error);
