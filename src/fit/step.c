// SPDX-License-Identifier: MIT
#include "fit/step.h"

#include "fit/least_squares.h"
#include "fit/outliers.h"

#include <math.h>
#include <stdlib.h>

// Columns of the linear problem t = base 1 + per_token T + per_context K + per_request B.
enum { BASE, PER_TOKEN, PER_CONTEXT, PER_REQUEST, TERMS };

// Parts into which the steps are dealt, each held out in turn; and the fewest steps.
enum { FOLDS = 5 };

typedef struct steps {
    const mb_logged_step *at;
    size_t count;
    const bool *use; // NULL: all but outliers
    size_t left_out; // steps left_out, left_out + FOLDS, ... are not looked at; FOLDS: none
    double *work;    // room for TERMS + 1 columns of `count`
    mb_fit_weight weight;
} steps;

double mb_step_law_predict(const mb_step_law *law, double tokens, double context, double requests) {
    if (law->split && tokens > requests)
        return law->prompts.base_s + law->prompts.per_token_s * tokens +
               law->prompts.per_context_s * context + law->prompts.per_request_s * requests;
    return law->base_s + law->per_token_s * tokens + law->per_context_s * context +
           law->per_request_s * requests;
}

static double predict(const mb_step_law *law, const mb_logged_step *step) {
    return mb_step_law_predict(law, step->tokens, step->context, step->requests);
}

static bool looked_at(const steps *data, size_t i) {
    return i % FOLDS != data->left_out && (data->use ? data->use[i] : !data->at[i].outlier);
}

static size_t fill_columns(const steps *data) {
    size_t n = 0, row = 0;
    for (size_t i = 0; i < data->count; i++)
        n += looked_at(data, i);
    for (size_t i = 0; i < data->count; i++) {
        if (!looked_at(data, i)) continue;
        const mb_logged_step *step = &data->at[i];
        const double w = data->weight == MB_FIT_RELATIVE ? 1 / step->time_s : 1;
        const double values[TERMS + 1] = {1, step->tokens, step->context, step->requests, step->time_s};
        for (size_t k = 0; k <= TERMS; k++)
            data->work[k * n + row] = w * values[k];
        row++;
    }
    return n;
}

static bool try_terms(const steps *data, const bool used[TERMS], double x[TERMS], double *residual) {
    const size_t n = fill_columns(data);
    return n > 0 && mb_least_squares(data->work, n, TERMS, used, x, residual);
}

// The best law with non-negative coefficients out of these terms: with four it is quicker to try the
// combinations than to search. False where the steps do not determine all of `terms`. A step takes time, so
// base or per_token is among them.
static bool solve(const steps *data, const bool terms[TERMS], mb_step_law *law) {
    double best = INFINITY;
    for (unsigned without = 0; without < 1u << TERMS; without++) {
        bool used[TERMS], known = true;
        for (int k = 0; k < TERMS; k++) {
            const bool dropped = (without >> k & 1) != 0;
            used[k] = terms[k] && !dropped;
            known &= terms[k] || !dropped; // a term that is not there is not dropped as well
        }
        if (!known || (!used[BASE] && !used[PER_TOKEN])) continue;
        double x[TERMS], residual = 0;
        const bool solved = try_terms(data, used, x, &residual);
        if (!solved && without == 0) return false;
        if (!solved || x[BASE] < 0 || x[PER_TOKEN] < 0 || x[PER_CONTEXT] < 0 || x[PER_REQUEST] < 0) continue;
        if (residual >= best) continue;
        best = residual;
        *law = (mb_step_law){.base_s = x[BASE],
                             .per_token_s = x[PER_TOKEN],
                             .per_context_s = x[PER_CONTEXT],
                             .per_request_s = x[PER_REQUEST]};
        if (without == 0) break; // the unconstrained optimum is feasible
    }
    return isfinite(best);
}

static double held_out_error(steps data, const bool terms[TERMS]) {
    double sum = 0;
    size_t predicted = 0;
    for (data.left_out = 0; data.left_out < FOLDS; data.left_out++) {
        mb_step_law law;
        if (!solve(&data, terms, &law)) continue;
        for (size_t i = data.left_out; i < data.count; i += FOLDS) {
            if (data.at[i].outlier) continue;
            sum += fabs(predict(&law, &data.at[i]) / data.at[i].time_s - 1);
            predicted++;
        }
    }
    return predicted ? sum / (double)predicted : NAN;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The 95th percentile of the values, which are sorted by this.
static double p95_of(double *values, size_t count) {
    qsort(values, count, sizeof *values, ascending);
    const double rank = 0.95 * ((double)count - 1);
    const size_t below = (size_t)rank;
    const size_t above = below + 1 < count ? below + 1 : below;
    return values[below] + (rank - (double)below) * (values[above] - values[below]);
}

static void judge(const steps *data, mb_step_fit *fit) {
    double sum = 0, residual = 0, total = 0, relative = 0;
    double *errors = data->work;
    fit->steps = 0;
    for (size_t i = 0; i < data->count; i++) {
        if (data->at[i].outlier) continue;
        fit->steps++;
        sum += data->at[i].time_s;
    }
    const double mean = sum / (double)fit->steps;
    size_t k = 0;
    for (size_t i = 0; i < data->count; i++) {
        const mb_logged_step *step = &data->at[i];
        if (step->outlier) continue;
        const double difference = predict(&fit->law, step) - step->time_s;
        const double error = difference / step->time_s;
        residual += difference * difference;
        total += (step->time_s - mean) * (step->time_s - mean);
        relative += errors[k] = fabs(error);
        if (k == 0 || fabs(error) > fabs(fit->worst)) {
            fit->worst = error;
            fit->worst_step = i;
        }
        k++;
        fit->law.max_tokens = fmax(fit->law.max_tokens, step->tokens);
        fit->law.max_context = fmax(fit->law.max_context, step->context);
    }
    // Equal times everywhere: base alone explains all that there is.
    fit->r_squared = total > 0 ? 1 - residual / total : 1;
    fit->mape = relative / (double)fit->steps;
    fit->p95 = p95_of(errors, fit->steps);
    fit->outliers = data->count - fit->steps;
}

// The value that all steps have in common, or NAN.
static double common(const mb_step_log *log, bool tokens) {
    const double first = tokens ? log->steps[0].tokens : log->steps[0].context;
    for (size_t i = 1; i < log->count; i++)
        if ((tokens ? log->steps[i].tokens : log->steps[i].context) != first) return NAN;
    return first;
}

static mb_status check_variety(const mb_step_log *log, mb_error *error) {
    if (log->count < FOLDS)
        return mb_fail(error, MB_BAD_INPUT, "%s: a fit needs %d steps at least, this log has %zu", log->path,
                       FOLDS, log->count);
    const double tokens = common(log, true), context = common(log, false);
    if (!isnan(tokens))
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: a fit needs steps of different tokens, all in this log have %g", log->path,
                       tokens);
    if (!isnan(context))
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: a fit needs steps of different context, all in this log have %g", log->path,
                       context);
    return MB_OK;
}

// --- rows that are left out

typedef struct search {
    const steps *data;
    const bool *terms;
} search;

static bool fit_used(const void *context, const bool *use, double *predicted) {
    const search *s = context;
    steps part = *s->data;
    mb_step_law law;
    part.use = use;
    if (!solve(&part, s->terms, &law)) return false;
    for (size_t i = 0; i < part.count; i++)
        predicted[i] = predict(&law, &part.at[i]);
    return true;
}

static bool near(double a, double b) {
    return fmax(a, b) <= 1.5 * fmin(a, b) + 8;
}

static bool same_shape(const void *context, size_t a, size_t b) {
    const search *s = context;
    const mb_logged_step *x = &s->data->at[a], *y = &s->data->at[b];
    return near(x->tokens, y->tokens) && near(x->context, y->context) && near(x->requests, y->requests);
}

static mb_status mark_outliers(const steps *data, const bool terms[TERMS], mb_step_log *log,
                               mb_error *error) {
    double *measured = malloc(log->count * sizeof *measured);
    bool *use = malloc(log->count * sizeof *use);
    mb_status status = MB_OK;
    if (!measured || !use) {
        status = mb_fail_memory(error);
    } else {
        const search s = {data, terms};
        for (size_t i = 0; i < log->count; i++)
            measured[i] = log->steps[i].time_s;
        const mb_rows rows = {log->count, measured, TERMS, fit_used, same_shape, &s};
        status = mb_outliers_find(&rows, use, error);
        for (size_t i = 0; i < log->count && !status; i++)
            log->steps[i].outlier = !use[i];
    }
    free(use);
    free(measured);
    return status;
}

static mb_status fit_steps(const steps *data, mb_step_log *log, bool keep_all, mb_step_fit *fit,
                           mb_error *error) {
    bool terms[TERMS] = {true, true, true, log->has_requests};
    bool solved = solve(data, terms, &fit->law);
    if (!solved && log->has_requests) {
        terms[PER_REQUEST] = false;
        solved = solve(data, terms, &fit->law);
    }
    if (solved && !keep_all) {
        const mb_status status = mark_outliers(data, terms, log, error);
        if (status) return status;
        solved = solve(data, terms, &fit->law);
    }
    if (!solved)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: these steps do not determine base, per_token and per_context; add some where "
                       "tokens and context vary independently",
                       log->path);
    fit->requests_known = terms[PER_REQUEST];
    judge(data, fit);
    fit->held_out_mape = held_out_error(*data, terms);
    return MB_OK;
}

static mb_status fit_one(mb_step_log *log, const mb_step_fit_how *how, mb_step_fit *fit, mb_error *error) {
    *fit = (mb_step_fit){0};
    mb_status status = check_variety(log, error);
    if (status) return status;
    double *work = malloc((TERMS + 1) * log->count * sizeof *work);
    if (!work) return mb_fail_memory(error);
    const steps data = {
        .at = log->steps, .count = log->count, .left_out = FOLDS, .work = work, .weight = how->weight};
    status = fit_steps(&data, log, how->keep_all, fit, error);
    free(work);
    return status;
}

static bool has_prompt(const mb_logged_step *step) {
    return step->tokens > step->requests;
}

// The steps with prompts, or those without, as a log of their own. `room` has room for all.
static mb_step_log part_of(const mb_step_log *log, bool prompts, mb_logged_step *room) {
    mb_step_log part = *log;
    part.steps = room;
    part.count = 0;
    for (size_t i = 0; i < log->count; i++)
        if (has_prompt(&log->steps[i]) == prompts) room[part.count++] = log->steps[i];
    return part;
}

// Fit the steps with prompts, or those without, and carry their marks over.
static mb_status fit_part(mb_step_log *log, const mb_step_fit_how *how, bool prompts, mb_logged_step *room,
                          mb_step_fit *fit, mb_error *error) {
    const char *what = prompts ? "with prompts" : "of decodes only";
    mb_step_log part = part_of(log, prompts, room);
    if (part.count == 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: --split: no step is one %s", part.path, what);
    mb_error own;
    const mb_status status = fit_one(&part, how, fit, &own);
    if (status) return mb_fail(error, status, "%s (of the steps %s)", own.message, what);
    for (size_t i = 0, k = 0; i < log->count; i++)
        if (has_prompt(&log->steps[i]) == prompts) log->steps[i].outlier = room[k++].outlier;
    return MB_OK;
}

static mb_status fit_parts(mb_step_log *log, const mb_step_fit_how *how, mb_logged_step *room,
                           mb_step_fit *fit, mb_error *error) {
    mb_step_fit prompts;
    mb_status status = fit_part(log, how, true, room, &prompts, error);
    if (!status) status = fit_part(log, how, false, room, fit, error);
    if (status) return status;
    const double with = (double)prompts.steps, without = (double)fit->steps;
    fit->law.split = true;
    fit->law.prompts = (mb_step_coefficients){prompts.law.base_s, prompts.law.per_token_s,
                                              prompts.law.per_context_s, prompts.law.per_request_s};
    fit->requests_known = fit->requests_known || prompts.requests_known;
    fit->held_out_mape = (prompts.held_out_mape * with + fit->held_out_mape * without) / (with + without);
    return MB_OK;
}

static mb_status fit_split(mb_step_log *log, const mb_step_fit_how *how, mb_step_fit *fit, mb_error *error) {
    if (!log->has_requests)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: --split needs the column requests: it tells prompts from decodes", log->path);
    mb_logged_step *room = malloc(log->count * sizeof *room);
    double *work = malloc(log->count * sizeof *work);
    mb_status status = room && work ? fit_parts(log, how, room, fit, error) : mb_fail_memory(error);
    if (!status) {
        fit->worst = 0;
        const steps data = {
            .at = log->steps, .count = log->count, .left_out = FOLDS, .work = work, .weight = how->weight};
        judge(&data, fit);
    }
    free(work);
    free(room);
    return status;
}

mb_status mb_fit_step_law(mb_step_log *log, const mb_step_fit_how *how, mb_step_fit *fit, mb_error *error) {
    return how->split ? fit_split(log, how, fit, error) : fit_one(log, how, fit, error);
}
