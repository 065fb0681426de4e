// SPDX-License-Identifier: MIT
#include "fit/batch.h"

#include "fit/least_squares.h"

#include <math.h>
#include <stdlib.h>

// Columns of the linear problem T = alpha 1 + beta L + (beta gamma) L (b - 1) / b.
enum { ALPHA, BETA, BETA_GAMMA, TERMS };

// Each costs a fit; on a grid with more lengths than this, that many evenly spaced ones are held out.
enum { MOST_HELD_OUT = 64 };

typedef struct cell {
    double batch, length, time_s;
} cell;

typedef struct cells {
    cell *at;
    size_t count;
    double *work; // room for TERMS + 1 columns of `count`
} cells;

double mb_fit_predict(const mb_batch_law *law, double batch, double length) {
    const double time =
        law->alpha_s + length * (law->beta_s_per_token * (1 + law->gamma * (batch - 1) / batch));
    return time < law->floor_s ? law->floor_s : time;
}

static void fill_columns(const cells *data, mb_fit_weight weight, double *columns) {
    const size_t n = data->count;
    for (size_t i = 0; i < n; i++) {
        const cell *c = &data->at[i];
        const double w = weight == MB_FIT_RELATIVE ? 1 / c->time_s : 1;
        columns[ALPHA * n + i] = w;
        columns[BETA * n + i] = w * c->length;
        columns[BETA_GAMMA * n + i] = w * c->length * (c->batch - 1) / c->batch;
        columns[TERMS * n + i] = w * c->time_s;
    }
}

// The best law with non-negative coefficients: with three terms it is quicker to try the five meaningful
// combinations than to search. False where the cells do not determine all three terms.
static bool solve(const cells *data, mb_fit_weight weight, mb_batch_law *law) {
    static const bool choices[][TERMS] = {{true, true, true},
                                          {true, true, false},
                                          {false, true, true},
                                          {false, true, false},
                                          {true, false, false}};
    double best = INFINITY;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        double x[TERMS], residual = 0;
        fill_columns(data, weight, data->work);
        const bool solved = mb_least_squares(data->work, data->count, TERMS, choices[i], x, &residual);
        if (!solved && i == 0) return false;
        if (!solved || x[ALPHA] < 0 || x[BETA] < 0 || x[BETA_GAMMA] < 0) continue;
        if (choices[i][BETA] && x[BETA] == 0) continue;
        if (residual >= best) continue;
        best = residual;
        *law = (mb_batch_law){.alpha_s = x[ALPHA],
                              .beta_s_per_token = x[BETA],
                              .gamma = choices[i][BETA] ? x[BETA_GAMMA] / x[BETA] : 0};
        if (i == 0) break; // the unconstrained optimum is feasible
    }
    return isfinite(best);
}

static bool varies(const cells *data, bool lengths) {
    for (size_t i = 1; i < data->count; i++)
        if (lengths ? data->at[i].length != data->at[0].length : data->at[i].batch != data->at[0].batch)
            return true;
    return false;
}

// Fit without each length in turn, and predict its cells.
static double held_out_error(const cells *data, const mb_grid *grid, mb_fit_weight weight, cell *room) {
    double sum = 0;
    size_t predicted = 0;
    const size_t stride = (grid->length_count + MOST_HELD_OUT - 1) / MOST_HELD_OUT;
    for (size_t j = 0; j < grid->length_count; j += stride) {
        cells rest = {.at = room, .count = 0, .work = data->work};
        for (size_t i = 0; i < data->count; i++)
            if (data->at[i].length != grid->lengths[j]) room[rest.count++] = data->at[i];
        if (rest.count < TERMS || rest.count == data->count || !varies(&rest, true) || !varies(&rest, false))
            continue;
        mb_batch_law law;
        if (!solve(&rest, weight, &law)) continue;
        for (size_t i = 0; i < data->count; i++) {
            const cell *c = &data->at[i];
            if (c->length != grid->lengths[j]) continue;
            sum += fabs(mb_fit_predict(&law, c->batch, c->length) / c->time_s - 1);
            predicted++;
        }
    }
    return predicted ? sum / (double)predicted : NAN;
}

static void judge(const cells *data, mb_fit *fit) {
    const double n = (double)data->count;
    double mean = 0, residual = 0, total = 0, relative = 0;
    for (size_t i = 0; i < data->count; i++)
        mean += data->at[i].time_s / n;
    for (size_t i = 0; i < data->count; i++) {
        const cell *c = &data->at[i];
        const double difference = mb_fit_predict(&fit->law, c->batch, c->length) - c->time_s;
        const double error = difference / c->time_s;
        residual += difference * difference;
        total += (c->time_s - mean) * (c->time_s - mean);
        relative += fabs(error);
        if (i == 0 || fabs(error) > fabs(fit->worst)) {
            fit->worst = error;
            fit->worst_batch = c->batch;
            fit->worst_length = c->length;
        }
        fit->max_batch = fmax(fit->max_batch, c->batch);
        fit->max_length = fmax(fit->max_length, c->length);
    }
    // Equal times everywhere: alpha alone explains all that there is.
    fit->r_squared = total > 0 ? 1 - residual / total : 1;
    fit->mape = relative / n;
    fit->cells = data->count;
}

static mb_status fit_cells(const cells *data, const mb_grid *grid, mb_fit_weight weight, cell *room,
                           mb_fit *fit, mb_error *error) {
    const char *path = grid->path ? grid->path : "grid";
    if (data->count < TERMS)
        return mb_fail(error, MB_BAD_INPUT, "%s: a fit needs 3 cells at least, this grid has %zu", path,
                       data->count);
    if (!varies(data, false))
        return mb_fail(error, MB_BAD_INPUT, "%s: a fit needs two batch sizes at least, this grid has only %g",
                       path, data->at[0].batch);
    if (!varies(data, true))
        return mb_fail(error, MB_BAD_INPUT, "%s: a fit needs two lengths at least, this grid has only %g",
                       path, data->at[0].length);
    if (!solve(data, weight, &fit->law))
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: these cells do not determine alpha, beta and gamma; add some where batch size and length "
            "vary independently",
            path);
    judge(data, fit);
    fit->held_out_mape = held_out_error(data, grid, weight, room);
    return MB_OK;
}

mb_status mb_fit_batch_law(const mb_grid *grid, mb_fit_weight weight, mb_fit *fit, mb_error *error) {
    *fit = (mb_fit){0};
    const size_t most = grid->batch_count * grid->length_count;
    cell *at = malloc(2 * most * sizeof *at);
    double *work = malloc((TERMS + 1) * most * sizeof *work);
    mb_status status = MB_OK;
    if (!at || !work) {
        status = mb_fail_memory(error);
    } else {
        cells data = {.at = at, .work = work};
        for (size_t i = 0; i < grid->batch_count; i++)
            for (size_t j = 0; j < grid->length_count; j++)
                if (!isnan(grid->mean_s[i * grid->length_count + j]))
                    at[data.count++] = (cell){grid->batch_sizes[i], grid->lengths[j],
                                              grid->mean_s[i * grid->length_count + j]};
        status = fit_cells(&data, grid, weight, at + most, fit, error);
    }
    free(at);
    free(work);
    return status;
}
