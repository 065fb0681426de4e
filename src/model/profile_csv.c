// SPDX-License-Identifier: MIT
#include "model/profile_csv.h"

#include "base/paths.h"
#include "base/strbuf.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 64, MOST_LINE = 4096, MOST_ROWS = 4000000 };

typedef struct reader {
    mb_profile_csv *csv;
    const char *const *columns; // numeric ones
    size_t column_count;
    bool layers;
    size_t fields;                 // in the header
    int where[MB_PROFILE_COLUMNS]; // field of each column
    int where_layer;
    size_t capacity;
    unsigned long line;
    mb_error *error;
} reader;

static mb_status complain(const reader *r, const char *what, const char *name) {
    return mb_fail_at(r->error, MB_BAD_INPUT, r->csv->path, r->line, "%s \"%.60s\"", what, name);
}

// Cuts `line` at its commas, without spaces and the line's end. Returns the number of fields; at most
// MOST_FIELDS are stored.
static size_t split(char *line, char **fields) {
    size_t count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *at = line;; count++) {
        at += strspn(at, " \t");
        char *comma = strchr(at, ','), *end = comma ? comma : at + strlen(at);
        while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        if (count < MOST_FIELDS) fields[count] = at;
        *end = '\0';
        if (!comma) return count + 1;
        at = comma + 1;
    }
}

static mb_status read_header(reader *r, char **fields, size_t count) {
    if (count > MOST_FIELDS) return complain(r, "too many columns for a profile, the first is", fields[0]);
    r->fields = count;
    r->where_layer = -1;
    for (size_t c = 0; c < r->column_count; c++)
        r->where[c] = -1;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i], "layer") == 0) r->where_layer = (int)i;
        for (size_t c = 0; c < r->column_count; c++) {
            if (strcmp(fields[i], r->columns[c]) != 0) continue;
            if (r->where[c] >= 0) return complain(r, "the header has two columns", fields[i]);
            r->where[c] = (int)i;
        }
    }
    if (r->layers && r->where_layer < 0) return complain(r, "the header has no column", "layer");
    for (size_t c = 0; c < r->column_count; c++)
        if (r->where[c] < 0) return complain(r, "the header has no column", r->columns[c]);
    return MB_OK;
}

// A decimal number and nothing else: strtod alone also takes "inf", "nan" and "0x1p3".
static bool parse_number(const char *text, double *value) {
    const size_t length = strlen(text);
    if (length == 0 || strspn(text, "+-.0123456789eE") != length) return false;
    char *end;
    *value = strtod(text, &end);
    return end == text + length && isfinite(*value);
}

static mb_status read_number(const reader *r, size_t c, const char *text, double *value) {
    const bool time = c + 1 == r->column_count;
    if (parse_number(text, value) && *value >= 0 && *value <= 1e9 && (time || *value == floor(*value)))
        return MB_OK;
    return mb_fail_at(r->error, MB_BAD_INPUT, r->csv->path, r->line,
                      "column \"%s\" is \"%.60s\"; expected %s", r->columns[c], text,
                      time ? "microseconds, a number from 0 to 1e9" : "a whole number from 0 to 1e9");
}

static mb_status read_row(reader *r, char **fields, size_t count) {
    mb_profile_csv *csv = r->csv;
    if (count != r->fields)
        return mb_fail_at(r->error, MB_BAD_INPUT, csv->path, r->line, "%zu fields, but the header has %zu",
                          count, r->fields);
    if (csv->count == MOST_ROWS)
        return mb_fail_at(r->error, MB_BAD_INPUT, csv->path, r->line, "more than %d rows", MOST_ROWS);
    if (csv->count == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 256;
        mb_profile_row *rows = realloc(csv->rows, r->capacity * sizeof *rows);
        if (!rows) return mb_fail_memory(r->error);
        csv->rows = rows;
    }
    mb_profile_row *row = &csv->rows[csv->count];
    *row = (mb_profile_row){.line = r->line};
    if (r->layers) {
        const char *name = fields[r->where_layer];
        if (!*name || strlen(name) >= sizeof row->layer)
            return complain(r, "expected the name of a layer, not", name);
        strcpy(row->layer, name);
    }
    for (size_t c = 0; c < r->column_count; c++) {
        const mb_status status = read_number(r, c, fields[r->where[c]], &row->value[c]);
        if (status) return status;
    }
    csv->count++;
    return MB_OK;
}

static mb_status read_lines(reader *r, FILE *file) {
    char line[MOST_LINE], *fields[MOST_FIELDS];
    bool header = false;
    while (fgets(line, sizeof line, file)) {
        r->line++;
        if (!strchr(line, '\n') && !feof(file))
            return mb_fail_at(r->error, MB_BAD_INPUT, r->csv->path, r->line,
                              "a line longer than %d bytes; is this a CSV?", MOST_LINE - 2);
        char *text = r->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? line + 3 : line;
        if (text[0] == '#' || text[strspn(text, " \t\r\n")] == '\0') continue;
        const size_t count = split(text, fields);
        const mb_status status = header ? read_row(r, fields, count) : read_header(r, fields, count);
        if (status) return status;
        header = true;
    }
    if (ferror(file))
        return mb_fail(r->error, MB_BAD_INPUT, "%s: cannot be read: %s", r->csv->path, strerror(errno));
    if (r->csv->count == 0) return mb_fail(r->error, MB_BAD_INPUT, "%s: has no rows", r->csv->path);
    return MB_OK;
}

mb_status mb_profile_csv_read(const char *directory, const char *name, const char *const *columns,
                              size_t column_count, bool layers, mb_profile_csv *csv, mb_error *error) {
    *csv = (mb_profile_csv){0};
    mb_strbuf path = {0};
    mb_strbuf_printf(&path, "%s/%s", directory, name);
    csv->path = path.text;
    if (path.failed) return mb_fail_memory(error);
    FILE *file;
    mb_status status = mb_paths_open(csv->path, &file, error);
    if (status) return status;
    reader r = {
        .csv = csv, .columns = columns, .column_count = column_count, .layers = layers, .error = error};
    status = read_lines(&r, file);
    fclose(file);
    return status;
}

void mb_profile_csv_deinit(mb_profile_csv *csv) {
    free(csv->rows);
    free(csv->path);
    *csv = (mb_profile_csv){0};
}
