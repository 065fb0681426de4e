// SPDX-License-Identifier: MIT
// Fit a batch law to a measured grid, and say how well it fits.
#pragma once
#include "model/latency.h"

typedef struct mb_fit {
    mb_batch_law law;
    double r_squared; // 1 - residual / total sum of squares, in seconds
    double mape;      // mean absolute relative error over cells, a fraction
    double worst;     // signed relative error of the worst cell
    double worst_batch, worst_length;
    double held_out_mape; // each length column (at most 64) in turn left out, fitted on the rest, predicted;
                          // NAN where no rest determines the law (two lengths)
    size_t cells;
    double max_batch, max_length; // the grid's range
} mb_fit;

// How errors weigh: relative least squares (each cell's error divided by its value; the default), or absolute
// seconds (the origin's). Both are linear in (alpha, beta, beta gamma), so the solution is exact;
// coefficients that come out negative are fixed at zero and the rest refitted (the combination with the least
// error wins; beta 0 implies gamma 0).
typedef enum mb_fit_weight { MB_FIT_RELATIVE, MB_FIT_ABSOLUTE } mb_fit_weight;

// Needs at least 3 cells with at least two batch sizes and two lengths; else MB_BAD_INPUT with a sentence.
// The law's floor is 0.
mb_status mb_fit_batch_law(const mb_grid *grid, mb_fit_weight weight, mb_fit *fit, mb_error *error);

// The law's time for one batch, seconds. (What mb_latency_batch computes, without the rest.)
double mb_fit_predict(const mb_batch_law *law, double batch, double length);
