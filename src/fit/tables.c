// SPDX-License-Identifier: MIT
#include "fit/tables.h"

#include "model/curve.h"

#include <math.h>
#include <stdlib.h>

enum {
    CHUNK = MB_PROBE_LOG_CHUNK,
    PREFIX = MB_PROBE_LOG_PREFIX,
    DECODES = MB_PROBE_LOG_DECODES,
    CONTEXT = MB_PROBE_LOG_CONTEXT,
    TIME = MB_PROBE_LOG_TIME
};

static const char *count_rule(double value) {
    return value < 0 || value > 1e9 || value != floor(value) ? "a whole number from 0 to 1e9" : NULL;
}

static const char *time_rule(double value) {
    return value <= 0 || value > 1e3 ? "greater than 0 (seconds), at most 1000" : NULL;
}

const mb_csv_kind mb_probe_log_kind = {.name = "a probe's log of steps",
                                       .columns = {{"chunk", false, count_rule},
                                                   {"prefix", false, count_rule},
                                                   {"decodes", false, count_rule},
                                                   {"decode_context", false, count_rule},
                                                   {"time_s", false, time_rule}},
                                       .column_count = 5,
                                       .required = 5};

static bool is_start(const double *v) {
    return v[DECODES] == 0 && v[PREFIX] == 0 && v[CHUNK] > 0;
}

static int by_chunk(const void *a, const void *b) {
    const double x = ((const mb_csv_row *)a)->value[CHUNK], y = ((const mb_csv_row *)b)->value[CHUNK];
    return (x > y) - (x < y);
}

// Microseconds of a chunk alone at the start of a prompt, over its tokens, beyond the smallest.
static mb_status dense_of(const mb_number_csv *csv, mb_curve *dense, mb_error *error) {
    mb_status status = mb_curve_make(dense, csv->count, error);
    dense->count = 0;
    for (size_t i = 0; i < csv->count && !status; i++) {
        const double *v = csv->rows[i].value;
        if (!is_start(v)) continue;
        if (dense->count && dense->x[dense->count - 1] == v[CHUNK])
            return mb_fail_at(error, MB_BAD_INPUT, csv->path, csv->rows[i].line,
                              "a chunk of %.0f tokens at the start of a prompt was given before", v[CHUNK]);
        dense->x[dense->count] = v[CHUNK];
        dense->y[dense->count++] = 1e6 * v[TIME];
    }
    if (status) return status;
    if (dense->count < 2)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: tables need chunks of two sizes alone at the start of a prompt (prefix 0, decodes 0)",
            csv->path);
    const double smallest = dense->y[0];
    for (size_t i = 0; i < dense->count; i++)
        dense->y[i] = fmax(0, dense->y[i] - smallest);
    return MB_OK;
}

// Chunks that were not measured beside decodes say nothing of what these take there.
static bool is_beside_decodes(const mb_number_csv *csv, double chunk) {
    for (size_t i = 0; i < csv->count; i++)
        if (csv->rows[i].value[CHUNK] == chunk && csv->rows[i].value[DECODES] > 0) return true;
    return false;
}

static void add_attention(mb_strbuf *text, const double *v, const mb_curve *dense) {
    bool ignored = false;
    const double rest = 1e6 * v[TIME] - mb_curve_at(dense, v[CHUNK] + v[DECODES], &ignored);
    mb_strbuf_printf(text, "%.0f,%.0f,%.0f,%.0f,%.6g\n", v[CHUNK], v[PREFIX], v[DECODES],
                     v[DECODES] > 0 ? v[CONTEXT] + 1 : 0, fmax(0, rest));
}

static mb_status make(const mb_number_csv *csv, const mb_curve *dense, mb_step_tables *t, mb_error *error) {
    double rows = 2, with_decodes = 0, mixed = 0;
    mb_strbuf_add(&t->attention, "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n");
    for (size_t i = 0; i < csv->count; i++)
        mixed += csv->rows[i].value[CHUNK] > 0 && csv->rows[i].value[DECODES] > 0;
    for (size_t i = 0; i < csv->count; i++) {
        const double *v = csv->rows[i].value;
        rows = fmax(rows, v[DECODES] + (v[CHUNK] > 0));
        with_decodes += v[CHUNK] == 0;
        if (v[CHUNK] == 0 || mixed == 0 || is_beside_decodes(csv, v[CHUNK]))
            add_attention(&t->attention, v, dense);
    }
    if (with_decodes == 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: tables need steps of decodes alone (chunk 0)", csv->path);
    mb_strbuf_add(&t->dense, "layer,tokens,time_us\n");
    for (size_t i = 0; i < dense->count; i++)
        mb_strbuf_printf(&t->dense, "step,%.0f,%.6g\n", dense->x[i], dense->y[i]);
    // Heads are in the steps.
    mb_strbuf_printf(&t->sequence, "layer,sequences,time_us\nrow,1,0\nrow,%.0f,0\n", rows);
    t->steps = csv->count;
    return t->dense.failed || t->sequence.failed || t->attention.failed ? mb_fail_memory(error) : MB_OK;
}

mb_status mb_step_tables_read(const char *path, mb_step_tables *tables, mb_error *error) {
    static const mb_csv_kind *const KINDS[] = {&mb_probe_log_kind};
    *tables = (mb_step_tables){0};
    mb_number_csv csv;
    mb_curve dense = {0};
    mb_status status = mb_number_csv_read(path, KINDS, 1, &csv, error);
    if (!status) {
        qsort(csv.rows, csv.count, sizeof *csv.rows, by_chunk);
        status = dense_of(&csv, &dense, error);
    }
    if (!status) status = make(&csv, &dense, tables, error);
    mb_curve_deinit(&dense);
    mb_number_csv_deinit(&csv);
    return status;
}

void mb_step_tables_deinit(mb_step_tables *tables) {
    mb_strbuf_deinit(&tables->dense);
    mb_strbuf_deinit(&tables->sequence);
    mb_strbuf_deinit(&tables->attention);
}
