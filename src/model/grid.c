// SPDX-License-Identifier: MIT
// Reading a measured grid.
#include "model/grid.h"

#include "base/strbuf.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH, LENGTH, MEAN, STD };

enum { MOST_CELLS = MB_CSV_MOST_ROWS }; // of the dense grid: 64 MB

static const char *batch_rule(double value) {
    return value < 1 || value > 1e6 || value != floor(value) ? "a whole number from 1 to 1000000" : NULL;
}

static const char *length_rule(double value) {
    return value <= 0 || value > 1e9 ? "greater than 0 (tokens), at most 1e9" : NULL;
}

static const char *mean_rule(double value) {
    return value <= 0 || value > 1e9 ? "greater than 0 (seconds), at most 1e9" : NULL;
}

static const char *std_rule(double value) {
    return value < 0 ? "0 or more (seconds)" : NULL;
}

const mb_csv_kind mb_grid_kind = {.name = "a latency grid",
                                  .columns = {{"batch_size", false, batch_rule},
                                              {"max_seq_len", false, length_rule},
                                              {"mean_latency_sec", false, mean_rule},
                                              {"std_latency_sec", true, std_rule}},
                                  .column_count = 4,
                                  .required = 3};

static int by_cell(const void *a, const void *b) {
    const mb_csv_row *x = a, *y = b;
    for (int c = BATCH; c <= LENGTH; c++)
        if (x->value[c] != y->value[c]) return x->value[c] < y->value[c] ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The distinct values of a column, ascending. NULL when out of memory.
static double *axis(const mb_number_csv *csv, int c, size_t *count) {
    double *values = malloc(csv->count * sizeof *values);
    if (!values) return NULL;
    for (size_t i = 0; i < csv->count; i++)
        values[i] = csv->rows[i].value[c];
    qsort(values, csv->count, sizeof *values, ascending);
    size_t kept = 1;
    for (size_t i = 1; i < csv->count; i++)
        if (values[i] != values[kept - 1]) values[kept++] = values[i];
    *count = kept;
    return values;
}

// Rows are sorted by cell.
static mb_status reject_duplicates(const mb_number_csv *csv, mb_error *error) {
    for (size_t i = 1; i < csv->count; i++) {
        const mb_csv_row *a = &csv->rows[i - 1], *b = &csv->rows[i];
        if (a->value[BATCH] != b->value[BATCH] || a->value[LENGTH] != b->value[LENGTH]) continue;
        return mb_fail_at(error, MB_BAD_INPUT, csv->path, b->line,
                          "batch_size %g, max_seq_len %g was given before, in line %lu", b->value[BATCH],
                          b->value[LENGTH], a->line);
    }
    return MB_OK;
}

static mb_status fill_grid(const mb_number_csv *csv, mb_grid *grid, mb_error *error) {
    grid->path = mb_strdup(csv->path);
    grid->batch_sizes = axis(csv, BATCH, &grid->batch_count);
    grid->lengths = axis(csv, LENGTH, &grid->length_count);
    if (!grid->path || !grid->batch_sizes || !grid->lengths) return mb_fail_memory(error);
    if (grid->batch_count > MOST_CELLS / grid->length_count)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: %zu batch sizes times %zu lengths; a grid has at most %d cells", csv->path,
                       grid->batch_count, grid->length_count, MOST_CELLS);
    const size_t cells = grid->batch_count * grid->length_count;
    grid->mean_s = malloc(cells * sizeof *grid->mean_s);
    grid->std_s = calloc(cells, sizeof *grid->std_s);
    if (!grid->mean_s || !grid->std_s) return mb_fail_memory(error);
    for (size_t i = 0; i < cells; i++)
        grid->mean_s[i] = NAN;
    size_t i = 0, j = 0;
    for (size_t k = 0; k < csv->count; k++) { // rows are sorted, so both walks go forward
        const mb_csv_row *cell = &csv->rows[k];
        while (grid->batch_sizes[i] != cell->value[BATCH])
            i++, j = 0;
        while (grid->lengths[j] != cell->value[LENGTH])
            j++;
        const size_t at = i * grid->length_count + j;
        grid->mean_s[at] = cell->value[MEAN];
        grid->std_s[at] = cell->value[STD];
    }
    return MB_OK;
}

mb_status mb_grid_from(mb_number_csv *csv, mb_grid **grid, mb_error *error) {
    *grid = NULL;
    qsort(csv->rows, csv->count, sizeof *csv->rows, by_cell);
    mb_status status = reject_duplicates(csv, error);
    mb_grid *made = status ? NULL : calloc(1, sizeof *made);
    if (!status && !made) status = mb_fail_memory(error);
    if (!status) status = fill_grid(csv, made, error);
    if (status)
        mb_grid_free(made);
    else
        *grid = made;
    return status;
}

mb_status mb_grid_read(const char *path, mb_grid **grid, mb_error *error) {
    *grid = NULL;
    const mb_csv_kind *const kinds[] = {&mb_grid_kind};
    mb_number_csv csv;
    mb_status status = mb_number_csv_read(path, kinds, 1, &csv, error);
    if (!status) status = mb_grid_from(&csv, grid, error);
    mb_number_csv_deinit(&csv);
    return status;
}

void mb_grid_free(mb_grid *grid) {
    if (!grid) return;
    free(grid->batch_sizes);
    free(grid->lengths);
    free(grid->mean_s);
    free(grid->std_s);
    free(grid->path);
    free(grid);
}
