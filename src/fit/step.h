// SPDX-License-Identifier: MIT
// Fit a step law to measured steps, and say how well it fits.
#pragma once
#include "fit/batch.h"
#include "fit/step_log.h"

typedef struct mb_step_fit {
    mb_step_law law; // with max_tokens and max_context: the log's range
    // Whether the steps tell the cost of a request from the others'; if not, per_request_s is held at 0.
    bool requests_known;
    double r_squared;     // 1 - residual / total sum of squares, in seconds
    double mape;          // mean absolute relative error of a step, a fraction
    double p95;           // 95th percentile of the absolute relative errors
    double worst;         // signed relative error of the worst step
    size_t worst_step;    // its index
    double held_out_mape; // each fifth step (five times, each begun at another one) left out, fitted on the
                          // rest, predicted; NAN where the rest never determines the law
    size_t steps;         // fitted; all of the above is of these
    size_t outliers;      // left out
} mb_step_fit;

// split: steps with a prompt (more tokens than requests; the log must have that column) and steps of decodes
// are fitted apart, each as below.
//
// Least squares as in mb_fit_batch_law, with the same weights; coefficients are not negative, and base or
// per_token is above 0. Needs at least 5 steps, which determine base, per_token and per_context; else
// MB_BAD_INPUT with a sentence.
//
// Unless keep_all, steps whose times do not belong to the others (fit/outliers.h) are marked in the log and
// left out.
typedef struct mb_step_fit_how {
    mb_fit_weight weight;
    bool split, keep_all;
} mb_step_fit_how;

mb_status mb_fit_step_law(mb_step_log *log, const mb_step_fit_how *how, mb_step_fit *fit, mb_error *error);

// The law's time for one step, seconds. (What mb_latency_step computes, without the rest.)
double mb_step_law_predict(const mb_step_law *law, double tokens, double context, double requests);
