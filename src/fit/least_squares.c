// SPDX-License-Identifier: MIT
#include "fit/least_squares.h"

#include <math.h>

static double dot(const double *x, const double *y, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i] * y[i];
    return sum;
}

static void divide(double *x, size_t count, double by) {
    for (size_t i = 0; i < count; i++)
        x[i] /= by;
}

// Modified Gram-Schmidt with the right-hand side as a last column, which is as stable as Householder (Björck
// 1967). Columns are scaled to length 1 first: they differ by a factor of 1000 and more.
bool mb_least_squares(double *columns, size_t count, int terms, const bool *used, double *solution,
                      double *residual) {
    double r[MB_MOST_TERMS][MB_MOST_TERMS + 1] = {{0}}, scale[MB_MOST_TERMS] = {0};
    double *right = columns + (size_t)terms * count;
    for (int k = 0; k < terms; k++) {
        double *q = columns + (size_t)k * count;
        if (!used[k]) continue;
        scale[k] = sqrt(dot(q, q, count));
        if (!(scale[k] > 0)) return false;
        divide(q, count, scale[k]);
    }
    for (int k = 0; k < terms; k++) {
        if (!used[k]) continue;
        double *q = columns + (size_t)k * count;
        r[k][k] = sqrt(dot(q, q, count));
        if (!(r[k][k] > 1e-9)) return false; // what is left of a column of length 1
        divide(q, count, r[k][k]);
        for (int m = k + 1; m <= terms; m++) {
            if (m < terms && !used[m]) continue;
            double *other = columns + (size_t)m * count;
            r[k][m] = dot(q, other, count);
            for (size_t i = 0; i < count; i++)
                other[i] -= r[k][m] * q[i];
        }
    }
    for (int k = terms - 1; k >= 0; k--) {
        solution[k] = 0;
        if (!used[k]) continue;
        double value = r[k][terms];
        for (int m = k + 1; m < terms; m++)
            value -= r[k][m] * solution[m];
        solution[k] = value / r[k][k];
    }
    for (int k = 0; k < terms; k++)
        if (used[k]) solution[k] /= scale[k];
    *residual = dot(right, right, count);
    return true;
}
