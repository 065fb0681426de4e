// SPDX-License-Identifier: MIT
#include "model/number_csv.h"

#include "base/paths.h"
#include "base/strbuf.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MOST_FIELDS = 256,
    MOST_FIELD_BYTES = 4096, // so that a file of zeros does not become one field of a gigabyte
    MOST_KINDS = 4,
};

typedef struct reader {
    const char *path;
    const mb_csv_kind *const *kinds;
    size_t kind_count;
    mb_number_csv *csv; // csv->kind: NULL until the header has been read
    unsigned long line;
    mb_error *error;
    mb_status status; // the first error; nothing is done after it
    size_t field;     // index of the next field in this line
    size_t header_fields;
    // Index of each kind's columns in the header, from 1; 0: not there.
    size_t where[MOST_KINDS][MB_CSV_MOST_COLUMNS];
    const char *twice[MOST_KINDS]; // a column that the header has twice
    mb_strbuf found;               // the header's names, for the error message
    mb_csv_row now;
    size_t capacity;
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
    for (size_t k = 0; k < r->kind_count; k++)
        for (size_t c = 0; c < r->kinds[k]->column_count; c++) {
            if (strcasecmp(text, r->kinds[k]->columns[c].name) != 0) continue;
            if (r->where[k][c]) r->twice[k] = r->kinds[k]->columns[c].name;
            r->where[k][c] = r->field + 1;
        }
}

static void read_value(reader *r, size_t c, const char *text, size_t length) {
    const mb_csv_column *column = &r->csv->kind->columns[c];
    double value = 0;
    r->now.value[c] = 0;
    if (column->optional && length == 0) return;
    if (length == 0) {
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "%s is empty", column->name);
        return;
    }
    if (!parse_number(text, length, &value)) {
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line,
                               "%s is '%.60s', which is not a finite number", column->name, text);
        return;
    }
    const char *rule = column->broken_rule(value);
    if (rule)
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "%s is %.60s, but must be %s",
                               column->name, text, rule);
    r->now.value[c] = value;
}

static size_t kind_index(const reader *r) {
    size_t k = 0;
    while (r->kinds[k] != r->csv->kind)
        k++;
    return k;
}

// libcsv calls this at the end of each field, with the field's text NUL-terminated.
static void on_field(void *field, size_t length, void *data) {
    reader *r = data;
    const char *text = field;
    if (r->status) return;
    if (!r->csv->kind) {
        read_name(r, text, length);
    } else {
        const size_t k = kind_index(r);
        for (size_t c = 0; c < r->csv->kind->column_count; c++)
            if (r->where[k][c] == r->field + 1 && !r->status) read_value(r, c, text, length);
    }
    if (++r->field > MOST_FIELDS)
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "more than %d columns; is this %s?",
                               MOST_FIELDS, r->kinds[0]->name);
}

static void add_columns(mb_strbuf *text, const mb_csv_kind *kind, const char *between) {
    for (size_t c = 0; c < kind->required; c++)
        mb_strbuf_printf(text, "%s%s", c ? between : "", kind->columns[c].name);
}

static void no_kind(reader *r) {
    mb_strbuf kinds = {0};
    for (size_t k = 0; k < r->kind_count; k++) {
        mb_strbuf_printf(&kinds, "%s%s has the columns ", k ? ", " : "", r->kinds[k]->name);
        add_columns(&kinds, r->kinds[k], ", ");
    }
    const char *found = r->found.text ? r->found.text : "nothing";
    if (kinds.failed)
        r->status = mb_fail_memory(r->error);
    else
        r->status =
            mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "no column %s%s%s; %s, this header has: %s",
                       r->kinds[0]->columns[0].name, r->kind_count > 1 ? " and no column " : "",
                       r->kind_count > 1 ? r->kinds[1]->columns[0].name : "", kinds.text, found);
    mb_strbuf_deinit(&kinds);
}

static void missing_column(reader *r, const mb_csv_kind *kind, size_t c) {
    mb_strbuf columns = {0};
    add_columns(&columns, kind, ", ");
    if (columns.failed)
        r->status = mb_fail_memory(r->error);
    else
        r->status =
            mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line,
                       "no column %s; %s has the columns %s, this header has: %s", kind->columns[c].name,
                       kind->name, columns.text, r->found.text ? r->found.text : "nothing");
    mb_strbuf_deinit(&columns);
}

static void end_header(reader *r) {
    r->header_fields = r->field;
    size_t k = 0;
    while (k < r->kind_count && !r->where[k][0])
        k++;
    if (k == r->kind_count) {
        no_kind(r);
        return;
    }
    const mb_csv_kind *kind = r->csv->kind = r->kinds[k];
    if (r->twice[k])
        r->status =
            mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "the column %s is there twice", r->twice[k]);
    for (size_t c = 0; c < kind->column_count && !r->status; c++) {
        r->csv->has[c] = r->where[k][c] > 0;
        if (!r->csv->has[c] && c < kind->required) missing_column(r, kind, c);
    }
}

static void end_row(reader *r) {
    mb_number_csv *csv = r->csv;
    if (r->field != r->header_fields) {
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "%zu fields, but the header has %zu",
                               r->field, r->header_fields);
        return;
    }
    if (csv->count == MB_CSV_MOST_ROWS) {
        r->status =
            mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "more than %d rows", MB_CSV_MOST_ROWS);
        return;
    }
    if (csv->count == r->capacity) {
        const size_t capacity = r->capacity ? 2 * r->capacity : 64;
        mb_csv_row *rows = realloc(csv->rows, capacity * sizeof *rows);
        if (!rows) {
            r->status = mb_fail_memory(r->error);
            return;
        }
        csv->rows = rows;
        r->capacity = capacity;
    }
    r->now.line = r->line;
    csv->rows[csv->count++] = r->now;
}

static void on_row(int terminator, void *data) {
    (void)terminator;
    reader *r = data;
    if (r->status) return;
    if (!r->csv->kind)
        end_header(r);
    else
        end_row(r);
    r->field = 0;
}

static void syntax_error(reader *r, struct csv_parser *parser) {
    if (r->status) return;
    if (csv_error(parser) == CSV_ENOMEM)
        r->status = mb_fail_memory(r->error);
    else
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "a quotation mark is out of place");
}

// One byte at a time, so that the callbacks know the line.
static void feed(reader *r, struct csv_parser *parser, FILE *file) {
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
        if (c == '#' && (before == 0 || before == '\n')) { // a line of comment
            while (c != '\n' && (c = getc(file)) != EOF) {
            }
            r->line++;
            continue;
        }
        if (before == '\n' || (before == '\r' && c != '\n')) r->line++;
        before = c;
        const unsigned char byte = (unsigned char)c;
        if (csv_parse(parser, &byte, 1, on_field, on_row, r) != 1) syntax_error(r, parser);
        field_bytes = c == ',' || c == '\n' || c == '\r' ? 0 : field_bytes + 1;
        if (field_bytes > MOST_FIELD_BYTES && !r->status)
            r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line,
                                   "a field longer than %d bytes; is this a CSV?", MOST_FIELD_BYTES);
    }
    if (!r->status && ferror(file))
        r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: cannot be read: %s", r->path, strerror(errno));
    if (!r->status && csv_fini(parser, on_field, on_row, r) != 0) syntax_error(r, parser);
}

static void reject_empty(reader *r) {
    if (r->csv->kind) {
        if (r->csv->count == 0)
            r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: has a header, but no rows", r->path);
        return;
    }
    mb_strbuf columns = {0};
    add_columns(&columns, r->kinds[0], ",");
    if (columns.failed)
        r->status = mb_fail_memory(r->error);
    else
        r->status =
            mb_fail(r->error, MB_BAD_INPUT, "%s: is empty; %s starts with a line that names its columns: %s",
                    r->path, r->kinds[0]->name, columns.text);
    mb_strbuf_deinit(&columns);
}

mb_status mb_number_csv_read(const char *path, const mb_csv_kind *const *kinds, size_t kind_count,
                             mb_number_csv *csv, mb_error *error) {
    *csv = (mb_number_csv){.path = path};
    FILE *file;
    const mb_status opened = mb_paths_open(path, &file, error);
    if (opened) return opened;
    reader r = {
        .path = path, .kinds = kinds, .kind_count = kind_count, .csv = csv, .line = 1, .error = error};
    struct csv_parser parser;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0) {
        r.status = mb_fail_memory(error);
    } else {
        feed(&r, &parser, file);
        csv_free(&parser);
    }
    fclose(file);
    if (!r.status) reject_empty(&r);
    mb_strbuf_deinit(&r.found);
    return r.status;
}

void mb_number_csv_deinit(mb_number_csv *csv) {
    free(csv->rows);
    *csv = (mb_number_csv){0};
}
