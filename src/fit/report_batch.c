// SPDX-License-Identifier: MIT
// What mbsand fit says of a grid, and what both reports share.
#include "fit/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Errors up to the first are called a fit, beyond the second a miss. (The origin's grid is within 4 %;
// measured grids of GPUs, where batching costs more at longer lengths, are off by 20 to 50 %.)
static const double GOOD = 0.05, MISS = 0.15;

enum { TABLE_COLUMNS = 12 }; // lengths side by side before the table goes on below

mb_number_text mb_exact(double value) {
    mb_number_text n;
    if (value == floor(value) && fabs(value) < 1e15) {
        snprintf(n.text, sizeof n.text, "%.0f", value);
        return n;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(n.text, sizeof n.text, "%.*g", digits, value);
        if (strtod(n.text, NULL) == value) break;
    }
    return n;
}

void mb_add_json(mb_strbuf *out, json_t *root) {
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (!text) {
        out->failed = true;
        return;
    }
    mb_strbuf_add(out, text);
    mb_strbuf_add(out, "\n");
    free(text);
}

void mb_add_comment(mb_strbuf *out, mb_strbuf *text) {
    for (size_t i = 0; i < text->length; i++)
        if ((unsigned char)text->text[i] < ' ') text->text[i] = '?';
    mb_strbuf_add_bytes(out, text->text ? text->text : "", text->length);
    out->failed |= text->failed;
    mb_strbuf_deinit(text);
}

static double cell_time(const mb_grid *grid, size_t i, size_t j) {
    return grid->mean_s[i * grid->length_count + j];
}

// Signed relative error of the law in a cell; NAN in a hole.
static double cell_error(const mb_grid *grid, const mb_batch_law *law, size_t i, size_t j) {
    return mb_fit_predict(law, grid->batch_sizes[i], grid->lengths[j]) / cell_time(grid, i, j) - 1;
}

static void add_verdict(mb_strbuf *out, const mb_grid *grid, const mb_fit *fit) {
    const double worst = 100 * fabs(fit->worst);
    if (fit->cells == 3) {
        mb_strbuf_add(
            out, "Three cells say nothing of how good the law is: it has three coefficients. Measure more.");
    } else if (fabs(fit->worst) <= GOOD) {
        mb_strbuf_printf(out, "The law is within %.1f %% everywhere.", worst);
    } else if (fabs(fit->worst) <= MISS) {
        mb_strbuf_printf(out, "The law is within %.1f %% everywhere, farthest off at batch %g, length %g.",
                         worst, fit->worst_batch, fit->worst_length);
    } else {
        const bool whole = fit->cells == grid->batch_count * grid->length_count;
        mb_strbuf_printf(
            out, "The law misses the (%g, %g) cell by %.0f %% (it is too %s): use %s, or a step model.",
            fit->worst_batch, fit->worst_length, worst, fit->worst < 0 ? "fast" : "slow",
            whole ? "latency.table" : "latency.table once the grid has no holes");
    }
    const mb_batch_law *law = &fit->law;
    if (law->beta_s_per_token == 0)
        mb_strbuf_add(out, " These times do not grow with length: beta is held at 0.");
    else if (law->gamma == 0)
        mb_strbuf_add(out, " These times do not grow with batch size: gamma is held at 0.");
    if (law->alpha_s == 0) mb_strbuf_add(out, " Alpha is held at 0: a negative one would fit better.");
}

static void add_paste_line(mb_strbuf *out, const mb_batch_law *law) {
    mb_strbuf_printf(out, "latency = latency.batch{ alpha = %s, beta = %s, gamma = %s }",
                     mb_exact(law->alpha_s).text, mb_exact(law->beta_s_per_token).text,
                     mb_exact(law->gamma).text);
}

// Names and values of the report's upper part, which table and Markdown share.
typedef struct fact {
    const char *name, *note;
    char value[48];
} fact;

enum { FACTS = 7 };

static void gather(const mb_fit *fit, fact facts[FACTS]) {
    const mb_batch_law *law = &fit->law;
    static const char *const NAMES[FACTS][2] = {
        {"alpha", "fixed part of a batch, and its time to first token"},
        {"beta", "time between tokens of a batch of one"},
        {"gamma", "how much slower a very large batch is per token: 1 + gamma times"},
        {"R2", "share of the variance explained, in seconds"},
        {"MAPE", "mean error of a cell"},
        {"held out", "mean error where each length is predicted from the others"},
        {"worst", ""},
    };
    for (int i = 0; i < FACTS; i++)
        facts[i] = (fact){.name = NAMES[i][0], .note = NAMES[i][1]};
    const size_t size = sizeof facts->value;
    snprintf(facts[0].value, size, "%.5g ms", 1000 * law->alpha_s);
    snprintf(facts[1].value, size, "%.5g ms per token", 1000 * law->beta_s_per_token);
    snprintf(facts[2].value, size, "%.4f", law->gamma);
    snprintf(facts[3].value, size, "%.5f", fit->r_squared);
    snprintf(facts[4].value, size, "%.2f %%", 100 * fit->mape);
    if (isnan(fit->held_out_mape))
        snprintf(facts[5].value, size, "too few lengths");
    else
        snprintf(facts[5].value, size, "%.2f %%", 100 * fit->held_out_mape);
    snprintf(facts[6].value, size, "%+.1f %% at (%g, %g)", 100 * fit->worst, fit->worst_batch,
             fit->worst_length);
}

static void add_source(mb_strbuf *out, const mb_grid *grid, const mb_fit *fit, mb_fit_weight weight) {
    mb_strbuf_printf(out, "%s: %zu cells, batch %g to %g, length %g to %g tokens; least squares on %s",
                     grid->path, fit->cells, grid->batch_sizes[0], fit->max_batch, grid->lengths[0],
                     fit->max_length, weight == MB_FIT_RELATIVE ? "relative errors" : "seconds");
}

static void add_table_residuals(mb_strbuf *out, const mb_grid *grid, const mb_batch_law *law) {
    for (size_t first = 0; first < grid->length_count; first += TABLE_COLUMNS) {
        const size_t past =
            first + TABLE_COLUMNS < grid->length_count ? first + TABLE_COLUMNS : grid->length_count;
        mb_strbuf_printf(out, "%8s", "b \\ L");
        for (size_t j = first; j < past; j++)
            mb_strbuf_printf(out, " %7g", grid->lengths[j]);
        mb_strbuf_add(out, "\n");
        for (size_t i = 0; i < grid->batch_count; i++) {
            mb_strbuf_printf(out, "%8g", grid->batch_sizes[i]);
            for (size_t j = first; j < past; j++) {
                const double error = 100 * cell_error(grid, law, i, j);
                if (isnan(error))
                    mb_strbuf_printf(out, " %7s", "-");
                else
                    mb_strbuf_printf(out, " %+7.1f", error);
            }
            mb_strbuf_add(out, "\n");
        }
        mb_strbuf_add(out, "\n");
    }
}

static void add_table(mb_strbuf *out, const mb_grid *grid, const mb_fit *fit, mb_fit_weight weight) {
    fact facts[FACTS];
    gather(fit, facts);
    add_source(out, grid, fit, weight);
    mb_strbuf_add(out, "\n\nT(b, L) = alpha + beta L (1 + gamma (b - 1) / b)\n\n");
    for (int i = 0; i < FACTS; i++) {
        if (*facts[i].note)
            mb_strbuf_printf(out, "  %-9s %-22s  %s\n", facts[i].name, facts[i].value, facts[i].note);
        else
            mb_strbuf_printf(out, "  %-9s %s\n", facts[i].name, facts[i].value);
    }
    mb_strbuf_add(out, "\nError of the law in each cell, % (+: slower than measured)\n\n");
    add_table_residuals(out, grid, &fit->law);
    add_verdict(out, grid, fit);
    mb_strbuf_add(out, "\n\n");
    add_paste_line(out, &fit->law);
    mb_strbuf_add(out, "\n");
}

static void add_md(mb_strbuf *out, const mb_grid *grid, const mb_fit *fit, mb_fit_weight weight) {
    fact facts[FACTS];
    gather(fit, facts);
    add_source(out, grid, fit, weight);
    mb_strbuf_add(out, "\n\n| | value | |\n| --- | --- | --- |\n");
    for (int i = 0; i < FACTS; i++)
        mb_strbuf_printf(out, "| %s | %s | %s |\n", facts[i].name, facts[i].value, facts[i].note);
    mb_strbuf_add(out, "\nError of the law in each cell, % (+: slower than measured):\n\n| b \\ L |");
    for (size_t j = 0; j < grid->length_count; j++)
        mb_strbuf_printf(out, " %g |", grid->lengths[j]);
    mb_strbuf_add(out, "\n| ---: |");
    for (size_t j = 0; j < grid->length_count; j++)
        mb_strbuf_add(out, " ---: |");
    for (size_t i = 0; i < grid->batch_count; i++) {
        mb_strbuf_printf(out, "\n| %g |", grid->batch_sizes[i]);
        for (size_t j = 0; j < grid->length_count; j++) {
            const double error = 100 * cell_error(grid, &fit->law, i, j);
            if (isnan(error))
                mb_strbuf_add(out, " |");
            else
                mb_strbuf_printf(out, " %+.1f |", error);
        }
    }
    mb_strbuf_add(out, "\n\n");
    add_verdict(out, grid, fit);
    mb_strbuf_add(out, "\n\n```lua\n");
    add_paste_line(out, &fit->law);
    mb_strbuf_add(out, "\n```\n");
}

static void add_csv(mb_strbuf *out, const mb_grid *grid, const mb_fit *fit) {
    mb_strbuf_add(out, "batch_size,max_seq_len,mean_latency_sec,law_sec,relative_error\n");
    for (size_t i = 0; i < grid->batch_count; i++)
        for (size_t j = 0; j < grid->length_count; j++) {
            if (isnan(cell_time(grid, i, j))) continue;
            const double law = mb_fit_predict(&fit->law, grid->batch_sizes[i], grid->lengths[j]);
            mb_strbuf_printf(out, "%s,%s,%s,%s,%.6g\n", mb_exact(grid->batch_sizes[i]).text,
                             mb_exact(grid->lengths[j]).text, mb_exact(cell_time(grid, i, j)).text,
                             mb_exact(law).text, cell_error(grid, &fit->law, i, j));
        }
}

static json_t *residuals(const mb_grid *grid, const mb_batch_law *law) {
    json_t *list = json_array();
    for (size_t i = 0; i < grid->batch_count; i++)
        for (size_t j = 0; j < grid->length_count; j++) {
            if (isnan(cell_time(grid, i, j))) continue;
            json_t *cell =
                json_pack("{s:I, s:f, s:f, s:f, s:f}", "batch_size", (json_int_t)grid->batch_sizes[i],
                          "max_seq_len", grid->lengths[j], "mean_latency_sec", cell_time(grid, i, j),
                          "law_sec", mb_fit_predict(law, grid->batch_sizes[i], grid->lengths[j]),
                          "relative_error", cell_error(grid, law, i, j));
            if (!cell || json_array_append_new(list, cell)) {
                json_decref(list);
                return NULL;
            }
        }
    return list;
}

static json_t *to_json(const mb_grid *grid, const mb_fit *fit, mb_fit_weight weight) {
    mb_strbuf verdict = {0}, lua = {0};
    add_verdict(&verdict, grid, fit);
    add_paste_line(&lua, &fit->law);
    json_t *path = json_string(grid->path);
    if (!path) path = json_null(); // a file name that is not UTF-8
    json_t *held_out = isnan(fit->held_out_mape) ? json_null() : json_real(fit->held_out_mape);
    json_t *cells = residuals(grid, &fit->law);
    json_t *root = NULL;
    if (verdict.failed || lua.failed || !held_out || !cells) {
        json_decref(path);
        json_decref(held_out);
        json_decref(cells);
    } else {
        root = json_pack(
            "{s:o, s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:{s:I, s:f, s:f}, s:s, s:s, s:o}",
            "grid", path, "weight", weight == MB_FIT_RELATIVE ? "relative" : "absolute", "cells",
            (json_int_t)fit->cells, "max_batch", (json_int_t)fit->max_batch, "max_length", fit->max_length,
            "alpha_s", fit->law.alpha_s, "beta_s_per_token", fit->law.beta_s_per_token, "gamma",
            fit->law.gamma, "r_squared", fit->r_squared, "mape", fit->mape, "held_out_mape", held_out,
            "worst", "batch_size", (json_int_t)fit->worst_batch, "max_seq_len", fit->worst_length,
            "relative_error", fit->worst, "verdict", verdict.text, "lua", lua.text, "residuals", cells);
    }
    mb_strbuf_deinit(&verdict);
    mb_strbuf_deinit(&lua);
    return root;
}

static void add_json(mb_strbuf *out, const mb_grid *grid, const mb_fit *fit, mb_fit_weight weight) {
    mb_add_json(out, to_json(grid, fit, weight));
}

void mb_grid_fit_lua(mb_strbuf *out, const mb_grid *grid, const mb_fit *fit, mb_fit_weight weight) {
    mb_strbuf_add(out, "-- Batch law fitted by mbsand fit. In a scenario: latency = latency.batch(dofile "
                       "\"THIS FILE\")\n-- ");
    mb_strbuf source = {0};
    add_source(&source, grid, fit, weight);
    mb_add_comment(out, &source);
    mb_strbuf_printf(out, ".\n-- R2 %.5f, MAPE %.2f %%, worst cell %+.1f %% at (%g, %g).\n", fit->r_squared,
                     100 * fit->mape, 100 * fit->worst, fit->worst_batch, fit->worst_length);
    mb_strbuf_printf(out, "return { alpha = %s, beta = %s, gamma = %s, max_batch = %s, max_length = %s }\n",
                     mb_exact(fit->law.alpha_s).text, mb_exact(fit->law.beta_s_per_token).text,
                     mb_exact(fit->law.gamma).text, mb_exact(fit->max_batch).text,
                     mb_exact(fit->max_length).text);
}

void mb_grid_fit_report(mb_strbuf *out, mb_fit_format format, const mb_grid *grid, const mb_fit *fit,
                        mb_fit_weight weight) {
    switch (format) {
    case MB_FIT_AS_JSON:
        add_json(out, grid, fit, weight);
        break;
    case MB_FIT_AS_CSV:
        add_csv(out, grid, fit);
        break;
    case MB_FIT_AS_MD:
        add_md(out, grid, fit, weight);
        break;
    default:
        add_table(out, grid, fit, weight);
        break;
    }
}
