// SPDX-License-Identifier: MIT
// Reading a measured grid.
#include "base/strbuf.h"
#include "model/latency.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MOST_COLUMNS = 256,
    MOST_FIELD_BYTES = 4096, // so that a file of zeros does not become one field of a gigabyte
    MOST_CELLS = 4000000,    // of the dense grid: 64 MB
};

typedef enum column { BATCH, LENGTH, MEAN, STD, COLUMNS } column;

static const char *const NAMES[COLUMNS] = {"batch_size", "max_seq_len", "mean_latency_sec",
                                           "std_latency_sec"};

typedef struct row {
    double value[COLUMNS];
    unsigned long line;
} row;

typedef struct reader {
    const char *path;
    unsigned long line;
    mb_error *error;
    mb_status status; // the first error; nothing is done after it
    size_t field;     // index of the next field in this line
    size_t header_fields;
    int where[COLUMNS]; // index of each column in the header, or -1
    bool has_header;
    mb_strbuf found; // the header's names, for the error message
    row now;
    row *rows;
    size_t count, capacity;
} reader;

// A decimal number and nothing else: strtod alone also takes "inf", "nan" and "0x1p3".
static bool parse_number(const char *text, size_t length, double *value) {
    if (length == 0 || strspn(text, "+-.0123456789eE") != length) return false;
    char *end;
    *value = strtod(text, &end);
    return end == text + length && isfinite(*value);
}

static void read_name(reader *r, const char *text, size_t length) {
    if (r->field) mb_strbuf_add(&r->found, ", ");
    mb_strbuf_add_bytes(&r->found, text, length < 60 ? length : 60);
    for (int c = 0; c < COLUMNS; c++) {
        if (strcasecmp(text, NAMES[c]) != 0) continue;
        if (r->where[c] >= 0)
            r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "the column %s is there twice",
                                   NAMES[c]);
        r->where[c] = (int)r->field;
    }
}

static void read_value(reader *r, column c, const char *text, size_t length) {
    double value = 0;
    if (c == STD && length == 0) {
        r->now.value[c] = 0; // not given
        return;
    }
    if (length == 0) {
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "%s is empty", NAMES[c]);
        return;
    }
    if (!parse_number(text, length, &value)) {
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line,
                               "%s is '%.60s', which is not a finite number", NAMES[c], text);
        return;
    }
    const char *rule = NULL;
    if (c == BATCH && (value < 1 || value > 1e6 || value != floor(value)))
        rule = "a whole number from 1 to 1000000";
    if (c == LENGTH && (value <= 0 || value > 1e9)) rule = "greater than 0 (tokens), at most 1e9";
    if (c == MEAN && (value <= 0 || value > 1e9)) rule = "greater than 0 (seconds), at most 1e9";
    if (c == STD && value < 0) rule = "0 or more (seconds)";
    if (rule)
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "%s is %.60s, but must be %s",
                               NAMES[c], text, rule);
    r->now.value[c] = value;
}

// libcsv calls this at the end of each field, with the field's text NUL-terminated.
static void on_field(void *field, size_t length, void *data) {
    reader *r = data;
    const char *text = field;
    if (r->status) return;
    if (!r->has_header) {
        read_name(r, text, length);
    } else {
        for (int c = 0; c < COLUMNS; c++)
            if (r->where[c] == (int)r->field && !r->status) read_value(r, (column)c, text, length);
    }
    if (++r->field > MOST_COLUMNS)
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line,
                               "more than %d columns; is this a latency grid?", MOST_COLUMNS);
}

static void end_header(reader *r) {
    r->has_header = true;
    r->header_fields = r->field;
    for (int c = 0; c < STD; c++) {
        if (r->where[c] >= 0) continue;
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line,
                               "no column %s; a latency grid has the columns %s, %s, %s, this header has: %s",
                               NAMES[c], NAMES[BATCH], NAMES[LENGTH], NAMES[MEAN],
                               r->found.text ? r->found.text : "nothing");
        return;
    }
}

static void end_row(reader *r) {
    if (r->field != r->header_fields) {
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "%zu fields, but the header has %zu",
                               r->field, r->header_fields);
        return;
    }
    if (r->count == r->capacity) {
        const size_t capacity = r->capacity ? 2 * r->capacity : 64;
        row *rows = realloc(r->rows, capacity * sizeof *rows);
        if (!rows) {
            r->status = mb_fail_memory(r->error);
            return;
        }
        r->rows = rows;
        r->capacity = capacity;
    }
    r->now.line = r->line;
    r->rows[r->count++] = r->now;
    if (r->count > MOST_CELLS)
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "more than %d rows", MOST_CELLS);
}

static void on_row(int terminator, void *data) {
    (void)terminator;
    reader *r = data;
    if (r->status) return;
    if (!r->has_header)
        end_header(r);
    else
        end_row(r);
    r->field = 0;
}

static void syntax_error(reader *r, struct csv_parser *csv) {
    if (r->status) return;
    if (csv_error(csv) == CSV_ENOMEM)
        r->status = mb_fail_memory(r->error);
    else
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "a quotation mark is out of place");
}

// One byte at a time, so that the callbacks know the line: a grid is a few kilobytes.
static void feed(reader *r, struct csv_parser *csv, FILE *file) {
    static const int mark[] = {0xef, 0xbb, 0xbf};
    size_t marks = 0, field_bytes = 0;
    int c, before = 0;
    while (!r->status && (c = getc(file)) != EOF) {
        if (marks < 3 && c == mark[marks] &&
            r->line == 1) { // a byte order mark, where the file starts with one
            marks++;
            continue;
        }
        marks = 3;
        if (before == '\n' || (before == '\r' && c != '\n')) r->line++;
        before = c;
        const unsigned char byte = (unsigned char)c;
        if (csv_parse(csv, &byte, 1, on_field, on_row, r) != 1) syntax_error(r, csv);
        field_bytes = c == ',' || c == '\n' || c == '\r' ? 0 : field_bytes + 1;
        if (field_bytes > MOST_FIELD_BYTES && !r->status)
            r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line,
                                   "a field longer than %d bytes; is this a CSV?", MOST_FIELD_BYTES);
    }
    if (!r->status && ferror(file))
        r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: cannot be read: %s", r->path, strerror(errno));
    if (!r->status && csv_fini(csv, on_field, on_row, r) != 0) syntax_error(r, csv);
}

static void read_rows(reader *r) {
    FILE *file = fopen(r->path, "r");
    if (!file) {
        r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: cannot be opened: %s", r->path, strerror(errno));
        return;
    }
    struct csv_parser csv;
    if (csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0) {
        r->status = mb_fail_memory(r->error);
    } else {
        feed(r, &csv, file);
        csv_free(&csv);
    }
    fclose(file);
    if (r->status) return;
    if (!r->has_header)
        r->status =
            mb_fail(r->error, MB_BAD_INPUT,
                    "%s: is empty; a latency grid starts with a line that names its columns: %s,%s,%s",
                    r->path, NAMES[BATCH], NAMES[LENGTH], NAMES[MEAN]);
    else if (r->count == 0)
        r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: has a header, but no rows", r->path);
}

static int by_cell(const void *a, const void *b) {
    const row *x = a, *y = b;
    for (int c = BATCH; c <= LENGTH; c++)
        if (x->value[c] != y->value[c]) return x->value[c] < y->value[c] ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The distinct values of a column, ascending. NULL when out of memory.
static double *axis(const reader *r, column c, size_t *count) {
    double *values = malloc(r->count * sizeof *values);
    if (!values) return NULL;
    for (size_t i = 0; i < r->count; i++)
        values[i] = r->rows[i].value[c];
    qsort(values, r->count, sizeof *values, ascending);
    size_t kept = 1;
    for (size_t i = 1; i < r->count; i++)
        if (values[i] != values[kept - 1]) values[kept++] = values[i];
    *count = kept;
    return values;
}

// Rows are sorted by cell.
static mb_status reject_duplicates(const reader *r) {
    for (size_t i = 1; i < r->count; i++) {
        const row *a = &r->rows[i - 1], *b = &r->rows[i];
        if (a->value[BATCH] != b->value[BATCH] || a->value[LENGTH] != b->value[LENGTH]) continue;
        return mb_fail_at(r->error, MB_BAD_INPUT, r->path, b->line,
                          "batch_size %g, max_seq_len %g was given before, in line %lu", b->value[BATCH],
                          b->value[LENGTH], a->line);
    }
    return MB_OK;
}

static mb_status fill_grid(const reader *r, mb_grid *grid) {
    grid->path = mb_strdup(r->path);
    grid->batch_sizes = axis(r, BATCH, &grid->batch_count);
    grid->lengths = axis(r, LENGTH, &grid->length_count);
    if (!grid->path || !grid->batch_sizes || !grid->lengths) return mb_fail_memory(r->error);
    if (grid->batch_count > MOST_CELLS / grid->length_count)
        return mb_fail(r->error, MB_BAD_INPUT,
                       "%s: %zu batch sizes times %zu lengths; a grid has at most %d cells", r->path,
                       grid->batch_count, grid->length_count, MOST_CELLS);
    const size_t cells = grid->batch_count * grid->length_count;
    grid->mean_s = malloc(cells * sizeof *grid->mean_s);
    grid->std_s = calloc(cells, sizeof *grid->std_s);
    if (!grid->mean_s || !grid->std_s) return mb_fail_memory(r->error);
    for (size_t i = 0; i < cells; i++)
        grid->mean_s[i] = NAN;
    size_t i = 0, j = 0;
    for (size_t k = 0; k < r->count; k++) { // rows are sorted, so both walks go forward
        const row *cell = &r->rows[k];
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

mb_status mb_grid_read(const char *path, mb_grid **grid, mb_error *error) {
    *grid = NULL;
    reader r = {.path = path, .line = 1, .error = error, .where = {-1, -1, -1, -1}};
    read_rows(&r);
    if (!r.status) {
        qsort(r.rows, r.count, sizeof *r.rows, by_cell);
        r.status = reject_duplicates(&r);
    }
    mb_grid *made = r.status ? NULL : calloc(1, sizeof *made);
    if (!r.status && !made) r.status = mb_fail_memory(error);
    if (!r.status) r.status = fill_grid(&r, made);
    mb_strbuf_deinit(&r.found);
    free(r.rows);
    if (r.status)
        mb_grid_free(made);
    else
        *grid = made;
    return r.status;
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
