// SPDX-License-Identifier: MIT
// mbsand fit: fit a batch law to a measured grid, and show where it is wrong.
#include "base/strbuf.h"
#include "cli/commands.h"
#include "model/fit.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HELP[] =
    "usage: mbsand fit GRID.csv [options]\n"
    "\n"
    "Fit the batch law T(b, L) = alpha + beta L (1 + gamma (b - 1) / b) to measured times,\n"
    "and show how far it is from each of them. GRID.csv has the columns batch_size,\n"
    "max_seq_len (tokens, prompt + output) and mean_latency_sec; - reads standard input.\n"
    "\n"
    "  --absolute       least squares on seconds; the default is on relative errors,\n"
    "                   so that short batches count as much as long ones\n"
    "  --format FORMAT  table (default), json, csv (one row per cell) or md\n"
    "  -o, --output FILE  also write the law as a Lua table, for latency.batch(dofile \"FILE\");\n"
    "                   - writes it to standard output in place of the report\n"
    "  --help           this text\n";

// Errors up to the first are called a fit, beyond the second a miss. (The origin's grid is within 4 %;
// measured grids of GPUs, where batching costs more at longer lengths, are off by 20 to 50 %.)
static const double GOOD = 0.05, MISS = 0.15;

enum { TABLE_COLUMNS = 12 }; // lengths side by side before the table goes on below

typedef enum format { AS_TABLE, AS_JSON, AS_CSV, AS_MD, FORMATS } format;

static const char *const FORMAT_NAMES[FORMATS] = {"table", "json", "csv", "md"};

typedef struct options {
    const char *grid, *output; // output: NULL where not asked for
    mb_fit_weight weight;
    format format;
    bool help;
} options;

static int complain(const mb_error *error) {
    fprintf(stderr, "mbsand: %s\n", error->message);
    return (int)error->status;
}

static mb_status parse_format(const char *name, format *chosen, mb_error *error) {
    for (int i = 0; i < FORMATS; i++) {
        if (strcmp(name, FORMAT_NAMES[i]) != 0) continue;
        *chosen = (format)i;
        return MB_OK;
    }
    const char *near = mb_nearest_word(name, FORMAT_NAMES, FORMATS);
    return mb_fail(error, MB_BAD_INPUT, "fit: no format '%s'; %s%s%sthere are table, json, csv and md", name,
                   near ? "did you mean " : "", near ? near : "", near ? "? " : "");
}

static mb_status parse_options(int argc, char **argv, options *o, mb_error *error) {
    static const struct option LONG[] = {{"absolute", no_argument, NULL, 'a'},
                                         {"format", required_argument, NULL, 'f'},
                                         {"output", required_argument, NULL, 'o'},
                                         {"help", no_argument, NULL, 'h'},
                                         {0}};
    *o = (options){.weight = MB_FIT_RELATIVE};
    optind = 1;
    opterr = 0;
    int c;
    while ((c = getopt_long(argc, argv, ":o:h", LONG, NULL)) != -1) {
        mb_status status = MB_OK;
        switch (c) {
        case 'a':
            o->weight = MB_FIT_ABSOLUTE;
            break;
        case 'f':
            status = parse_format(optarg, &o->format, error);
            break;
        case 'o':
            o->output = optarg;
            break;
        case 'h':
            o->help = true;
            return MB_OK;
        case ':':
            return mb_fail(error, MB_BAD_INPUT, "fit: %s needs a value; see mbsand fit --help",
                           argv[optind - 1]);
        default:
            // A short option inside a group leaves optind behind it, so it is named by its letter.
            if (optopt && strchr("afoh", optopt) == NULL)
                return mb_fail(error, MB_BAD_INPUT, "fit: no option -%c; see mbsand fit --help", optopt);
            return mb_fail(error, MB_BAD_INPUT, "fit: no option %s; see mbsand fit --help", argv[optind - 1]);
        }
        if (status) return status;
    }
    if (optind == argc) return mb_fail(error, MB_BAD_INPUT, "fit: which grid? Usage: mbsand fit GRID.csv");
    if (argc - optind > 1)
        return mb_fail(error, MB_BAD_INPUT, "fit: one grid at a time; what is '%s'?", argv[optind + 1]);
    o->grid = argv[optind];
    return MB_OK;
}

// The fewest digits that read back as the same double.
typedef struct number {
    char text[32];
} number;

static number exact(double value) {
    number n;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(n.text, sizeof n.text, "%.*g", digits, value);
        if (strtod(n.text, NULL) == value) break;
    }
    return n;
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
                     exact(law->alpha_s).text, exact(law->beta_s_per_token).text, exact(law->gamma).text);
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
            mb_strbuf_printf(out, "%s,%s,%s,%s,%.6g\n", exact(grid->batch_sizes[i]).text,
                             exact(grid->lengths[j]).text, exact(cell_time(grid, i, j)).text, exact(law).text,
                             cell_error(grid, &fit->law, i, j));
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
    json_t *root = to_json(grid, fit, weight);
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

static void add_lua_file(mb_strbuf *out, const mb_grid *grid, const mb_fit *fit, mb_fit_weight weight) {
    mb_strbuf_add(out, "-- Batch law fitted by mbsand fit. In a scenario: latency = latency.batch(dofile "
                       "\"THIS FILE\")\n-- ");
    mb_strbuf source = {0};
    add_source(&source, grid, fit, weight);
    for (size_t i = 0; i < source.length; i++) // a file name must not end the comment
        if ((unsigned char)source.text[i] < ' ') source.text[i] = '?';
    mb_strbuf_add_bytes(out, source.text ? source.text : "", source.length);
    out->failed |= source.failed;
    mb_strbuf_deinit(&source);
    mb_strbuf_printf(out, ".\n-- R2 %.5f, MAPE %.2f %%, worst cell %+.1f %% at (%g, %g).\n", fit->r_squared,
                     100 * fit->mape, 100 * fit->worst, fit->worst_batch, fit->worst_length);
    mb_strbuf_printf(out, "return { alpha = %s, beta = %s, gamma = %s, max_batch = %s, max_length = %s }\n",
                     exact(fit->law.alpha_s).text, exact(fit->law.beta_s_per_token).text,
                     exact(fit->law.gamma).text, exact(fit->max_batch).text, exact(fit->max_length).text);
}

static mb_status write_all(FILE *file, const char *name, const mb_strbuf *text, mb_error *error) {
    errno = 0;
    if (fwrite(text->text, 1, text->length, file) == text->length && fflush(file) == 0) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write %s: %s", name, strerror(errno));
}

static mb_status write_and_close(const char *path, const char *mode, const char *name, const mb_strbuf *text,
                                 mb_error *error) {
    FILE *file = fopen(path, mode);
    if (!file) return mb_fail(error, MB_FAILED, "cannot write %s: %s", name, strerror(errno));
    mb_status status = write_all(file, name, text, error);
    // What fclose reports late (a quota, a network file system) counts too.
    if (fclose(file) != 0 && !status)
        status = mb_fail(error, MB_FAILED, "cannot write %s: %s", name, strerror(errno));
    return status;
}

// Under a temporary name first, so that a file that exists is whole. A device or pipe is written as it is.
static mb_status write_file(const char *path, const mb_strbuf *text, mb_error *error) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return write_and_close(path, "w", path, text, error);
    mb_strbuf temporary = {0};
    mb_strbuf_printf(&temporary, "%s.%ld.tmp", path, (long)getpid());
    if (temporary.failed) {
        mb_strbuf_deinit(&temporary);
        return mb_fail_memory(error);
    }
    mb_status status = write_and_close(temporary.text, "wx", path, text, error);
    if (!status && rename(temporary.text, path) != 0)
        status = mb_fail(error, MB_FAILED, "cannot write %s: %s", path, strerror(errno));
    if (status) remove(temporary.text);
    mb_strbuf_deinit(&temporary);
    return status;
}

static void add_report(mb_strbuf *out, const options *o, const mb_grid *grid, const mb_fit *fit) {
    switch (o->format) {
    case AS_JSON:
        add_json(out, grid, fit, o->weight);
        break;
    case AS_CSV:
        add_csv(out, grid, fit);
        break;
    case AS_MD:
        add_md(out, grid, fit, o->weight);
        break;
    default:
        add_table(out, grid, fit, o->weight);
        break;
    }
}

static mb_status deliver(const options *o, const mb_grid *grid, const mb_fit *fit, mb_error *error) {
    mb_strbuf report = {0}, lua = {0};
    const bool lua_to_stdout = o->output && strcmp(o->output, "-") == 0;
    add_lua_file(&lua, grid, fit, o->weight);
    add_report(&report, o, grid, fit);
    mb_status status = report.failed || lua.failed ? mb_fail_memory(error) : MB_OK;
    if (!status && o->output && !lua_to_stdout) status = write_file(o->output, &lua, error);
    if (!status) status = write_all(stdout, "to standard output", lua_to_stdout ? &lua : &report, error);
    mb_strbuf_deinit(&report);
    mb_strbuf_deinit(&lua);
    return status;
}

int mb_cmd_fit(int argc, char **argv) {
    options o;
    mb_error error;
    if (parse_options(argc, argv, &o, &error)) return complain(&error);
    if (o.help) {
        fputs(HELP, stdout);
        if (fflush(stdout) == 0) return MB_OK;
        mb_fail(&error, MB_FAILED, "cannot write to standard output: %s", strerror(errno));
        return complain(&error);
    }
    mb_grid *grid;
    mb_fit fit;
    mb_status status = mb_grid_read(strcmp(o.grid, "-") == 0 ? "/dev/stdin" : o.grid, &grid, &error);
    if (!status) status = mb_fit_batch_law(grid, o.weight, &fit, &error);
    if (!status) status = deliver(&o, grid, &fit, &error);
    mb_grid_free(grid);
    return status ? complain(&error) : MB_OK;
}
