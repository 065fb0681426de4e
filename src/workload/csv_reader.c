// SPDX-License-Identifier: MIT
#include "workload/csv_reader.h"

#include "workload/parse.h"
#include "workload/text_file.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_FIELD ((size_t)1024 * 1024) // a longer field is a quote that nobody closed
#define MAX_COLUMNS ((size_t)4096)

typedef struct field_place {
    size_t offset, length; // in the row's text
} field_place;

struct mb_csv_reader {
    mb_text_file file;
    struct csv_parser parser;
    unsigned long row_line; // on which the current row starts

    char **names; // the header
    bool *kept;
    field_place *fields; // of kept columns, by column
    size_t column_count;

    char *text; // the kept fields of the current row
    size_t text_used, text_capacity;
    size_t field_count; // seen in the current row
    bool row_done, extra_text, stray_return, out_of_memory;
};

// ---- callbacks of libcsv

static void on_header_field(void *text, size_t length, void *context) {
    mb_csv_reader *reader = context;
    if (reader->row_done) reader->stray_return = true;
    if (reader->row_done || reader->field_count++ >= MAX_COLUMNS) return;
    char **names = realloc(reader->names, reader->field_count * sizeof *names);
    if (names) reader->names = names;
    char *name = names ? malloc(length + 1) : NULL;
    if (!name) {
        reader->field_count--;
        reader->out_of_memory = true;
        return;
    }
    memcpy(name, text, length);
    name[length] = '\0';
    reader->names[reader->field_count - 1] = name;
    reader->column_count = reader->field_count;
}

static bool grow_text(mb_csv_reader *reader, size_t needed) {
    size_t capacity = reader->text_capacity ? reader->text_capacity : 256;
    while (capacity < needed)
        capacity *= 2;
    char *text = realloc(reader->text, capacity);
    if (!text) return false;
    reader->text = text;
    reader->text_capacity = capacity;
    return true;
}

static void on_field(void *text, size_t length, void *context) {
    mb_csv_reader *reader = context;
    if (reader->row_done) { // libcsv takes a CR alone for a line end; our line numbers do not
        reader->stray_return = true;
        return;
    }
    const size_t column = reader->field_count++;
    if (column >= reader->column_count) {
        reader->extra_text |= length > 0;
        return;
    }
    if (!reader->kept[column]) return;
    const size_t needed = reader->text_used + length + 1;
    if (needed > reader->text_capacity && !grow_text(reader, needed)) {
        reader->out_of_memory = true;
        return;
    }
    char *place = reader->text + reader->text_used;
    memcpy(place, text, length);
    place[length] = '\0';
    reader->fields[column] = (field_place){reader->text_used, length};
    reader->text_used = needed;
}

static void on_row_end(int terminator, void *context) {
    (void)terminator;
    ((mb_csv_reader *)context)->row_done = true;
}

// ---- reading

static mb_status fail_here(const mb_csv_reader *reader, const char *sentence, mb_error *error) {
    return mb_fail_at(error, MB_BAD_INPUT, reader->file.path, reader->row_line, "%s", sentence);
}

static mb_status fail_parse(const mb_csv_reader *reader, mb_error *error) {
    if (csv_error((struct csv_parser *)&reader->parser) != CSV_EPARSE) return mb_fail_memory(error);
    return fail_here(
        reader,
        "misplaced or unclosed quote (\"); expected a field in quotes to be quoted as a whole, and a quote "
        "within it to be doubled",
        error);
}

typedef void field_callback(void *text, size_t length, void *context);

// A line of comment begins with "#", where no row has begun.
static bool at_comment(const mb_csv_reader *reader, bool line_begins) {
    return line_begins && reader->field_count == 0 && reader->parser.entry_pos == 0 &&
           reader->file.buffer[reader->file.at] == '#';
}

// Parse up to and including the next line that ends a row. libcsv is fed one line at a time: that yields one
// row at a time and line numbers for a memchr per row.
static mb_status read_row(mb_csv_reader *reader, field_callback *callback, bool *end, mb_error *error) {
    mb_text_file *file = &reader->file;
    reader->row_done = reader->extra_text = false;
    reader->field_count = reader->text_used = 0;
    reader->row_line = file->line;
    *end = false;
    bool line_begins = true, in_comment = false;
    while (!reader->row_done) {
        if (file->at == file->filled) {
            const mb_status status = mb_text_fill(file, error);
            if (status) return status;
        }
        if (file->at_eof) {
            if (csv_fini(&reader->parser, callback, on_row_end, reader)) return fail_parse(reader, error);
            *end = !reader->row_done;
            break;
        }
        const char *start = file->buffer + file->at;
        const size_t available = file->filled - file->at;
        const char *newline = memchr(start, '\n', available);
        const size_t count = newline ? (size_t)(newline - start) + 1 : available;
        in_comment = in_comment || at_comment(reader, line_begins);
        line_begins = newline != NULL;
        if (in_comment) {
            file->at += count;
            if (newline) reader->row_line = ++file->line;
            in_comment = !newline;
            continue;
        }
        const size_t parsed = csv_parse(&reader->parser, start, count, callback, on_row_end, reader);
        if (parsed != count) return fail_parse(reader, error);
        file->at += count;
        if (newline) file->line++;
        if (reader->row_done) break;
        if (reader->field_count == 0 && reader->parser.entry_pos == 0) reader->row_line = file->line; // blank
        if (reader->parser.entry_size > MAX_FIELD)
            return fail_here(reader, "a field is longer than 1 MiB; expected its quote to be closed", error);
    }
    if (reader->out_of_memory) return mb_fail_memory(error);
    if (reader->stray_return)
        return fail_here(
            reader, "carriage return in the middle of a line; expected lines that end in LF or CR LF", error);
    return MB_OK;
}

mb_status mb_csv_next(mb_csv_reader *reader, bool *end, mb_error *error) {
    const mb_status status = read_row(reader, on_field, end, error);
    if (status || *end) return status;
    if (reader->field_count < reader->column_count || reader->extra_text)
        return mb_fail_at(error, MB_BAD_INPUT, reader->file.path, reader->row_line,
                          "%zu field%s; expected %zu, as in the header", reader->field_count,
                          reader->field_count == 1 ? "" : "s", reader->column_count);
    return MB_OK;
}

// ---- opening

// The header's line tells what separates fields: whatever is most frequent there outside of quotes.
static char find_separator(const mb_text_file *file) {
    static const char candidates[] = ",;\t|";
    size_t counts[sizeof candidates - 1] = {0}, best = 0;
    bool quoted = false, any = false, comment = false;
    for (size_t i = file->at; i < file->filled; i++) {
        const char c = file->buffer[i];
        if (c == '\n' || c == '\r') {
            if (any && !comment) break;
            any = comment = false;
            continue;
        }
        comment = comment || (!any && c == '#');
        any = true;
        if (comment) continue;
        if (c == '"') quoted = !quoted;
        const char *found = quoted ? NULL : strchr(candidates, c);
        if (found && c) counts[found - candidates]++;
    }
    for (size_t i = 1; i < sizeof candidates - 1; i++)
        if (counts[i] > counts[best]) best = i;
    return candidates[best];
}

static mb_status check_is_table(const mb_csv_reader *reader, mb_error *error) {
    const mb_text_file *file = &reader->file;
    size_t at = file->at;
    while (at < file->filled && strchr(" \t\r\n", file->buffer[at]) && file->buffer[at])
        at++;
    if (at < file->filled && (file->buffer[at] == '{' || file->buffer[at] == '['))
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: is JSON; expected a CSV file (trace.jsonl reads JSON, with the names of its fields)",
            file->path);
    return MB_OK;
}

// Whether the first row's fields are values: then there is no header.
static bool has_no_header(const mb_csv_reader *reader) {
    double number;
    int64_t date;
    for (size_t i = 0; i < reader->column_count; i++) {
        const char *name = reader->names[i];
        if (!mb_parse_number(name, strlen(name), &number) && !mb_parse_date(name, strlen(name), &date))
            return false;
    }
    return reader->column_count > 0;
}

static mb_status read_header(mb_csv_reader *reader, mb_error *error) {
    bool end;
    mb_status status = check_is_table(reader, error);
    if (status) return status;
    csv_set_delim(&reader->parser, (unsigned char)find_separator(&reader->file));
    status = read_row(reader, on_header_field, &end, error);
    if (status) return status;
    if (end)
        return mb_fail(error, MB_BAD_INPUT, "%s: is empty; expected a header line with column names",
                       reader->file.path);
    if (reader->field_count > MAX_COLUMNS)
        return fail_here(reader, "more than 4096 columns; expected a CSV header", error);
    if (has_no_header(reader))
        return fail_here(reader, "a row of numbers; expected a header line with column names before it",
                         error);
    reader->kept = calloc(reader->column_count, sizeof *reader->kept);
    reader->fields = calloc(reader->column_count, sizeof *reader->fields);
    return reader->kept && reader->fields ? MB_OK : mb_fail_memory(error);
}

mb_status mb_csv_open(const char *path, mb_csv_reader **out, mb_error *error) {
    *out = NULL;
    mb_csv_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return mb_fail_memory(error);
    csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_blk_size(&reader->parser, 4096);
    mb_status status = mb_text_open(&reader->file, path, "a CSV file", error);
    if (!status && !grow_text(reader, 256)) status = mb_fail_memory(error);
    if (!status) status = read_header(reader, error);
    if (status) {
        mb_csv_close(reader);
        return status;
    }
    *out = reader;
    return MB_OK;
}

void mb_csv_close(mb_csv_reader *reader) {
    if (!reader) return;
    mb_text_close(&reader->file);
    csv_free(&reader->parser);
    for (size_t i = 0; i < reader->column_count; i++)
        free(reader->names[i]);
    free(reader->names);
    free(reader->kept);
    free(reader->fields);
    free(reader->text);
    free(reader);
}

// ---- text for people

char *mb_csv_column_list(const mb_csv_reader *reader) {
    mb_strbuf list = {0};
    const size_t count = reader->column_count, shown = count > 16 ? 16 : count;
    for (size_t i = 0; i < shown; i++) {
        if (i) mb_strbuf_add(&list, i + 1 < count ? ", " : " and ");
        mb_text_add_quoted(&list, reader->names[i], strlen(reader->names[i]));
    }
    if (shown < count) mb_strbuf_printf(&list, " and %zu more", count - shown);
    if (!list.failed) return list.text;
    mb_strbuf_deinit(&list);
    return NULL;
}

mb_status mb_csv_bad_field(const mb_csv_reader *reader, size_t column, const char *expected,
                           mb_error *error) {
    mb_strbuf text = {0};
    const mb_csv_field field = mb_csv_get(reader, column);
    mb_strbuf_add(&text, "column ");
    mb_text_add_quoted(&text, reader->names[column], strlen(reader->names[column]));
    mb_strbuf_add(&text, field.length ? " is " : " is empty");
    if (field.length) mb_text_add_quoted(&text, field.text, field.length);
    mb_strbuf_printf(&text, "; expected %s", expected);
    const mb_status status = text.failed ? mb_fail_memory(error) : fail_here(reader, text.text, error);
    mb_strbuf_deinit(&text);
    return status;
}

// ---- columns and fields

size_t mb_csv_find_column(const mb_csv_reader *reader, const char *name) {
    for (size_t i = 0; i < reader->column_count; i++)
        if (strcasecmp(reader->names[i], name) == 0) return i;
    return MB_CSV_NO_COLUMN;
}

mb_status mb_csv_require_column(const mb_csv_reader *reader, const char *name, size_t *column,
                                mb_error *error) {
    *column = mb_csv_find_column(reader, name);
    if (*column == MB_CSV_NO_COLUMN) {
        char *list = mb_csv_column_list(reader);
        const mb_status status = list ? mb_fail_at(error, MB_BAD_INPUT, reader->file.path, reader->row_line,
                                                   "no column \"%s\"; the columns are %s", name, list)
                                      : mb_fail_memory(error);
        free(list);
        return status;
    }
    for (size_t i = *column + 1; i < reader->column_count; i++)
        if (strcasecmp(reader->names[i], name) == 0)
            return mb_fail_at(error, MB_BAD_INPUT, reader->file.path, reader->row_line,
                              "columns %zu and %zu are both named \"%s\"; expected one such column",
                              *column + 1, i + 1, name);
    return MB_OK;
}

void mb_csv_keep(mb_csv_reader *reader, size_t column) {
    reader->kept[column] = true;
}

unsigned long mb_csv_line(const mb_csv_reader *reader) {
    return reader->row_line;
}

mb_csv_field mb_csv_get(const mb_csv_reader *reader, size_t column) {
    const field_place place = reader->fields[column];
    return (mb_csv_field){reader->text + place.offset, place.length};
}

mb_status mb_csv_tokens(const mb_csv_reader *reader, size_t column, uint32_t *tokens, mb_error *error) {
    const mb_csv_field field = mb_csv_get(reader, column);
    uint64_t whole;
    if (!mb_parse_whole(field.text, field.length, &whole)) {
        double number; // "472.0", as tools write that know only floating point
        if (!mb_parse_number(field.text, field.length, &number) || number < 0 ||
            (number <= MB_MAX_TOKENS && number != (double)(uint32_t)number))
            return mb_csv_bad_field(reader, column, "a whole number of tokens", error);
        whole = number <= MB_MAX_TOKENS ? (uint64_t)number : UINT64_MAX;
    }
    if (whole > MB_MAX_TOKENS)
        return mb_csv_bad_field(reader, column, "a whole number of tokens, at most 1000000000", error);
    *tokens = (uint32_t)whole;
    return MB_OK;
}

mb_status mb_csv_number(const mb_csv_reader *reader, size_t column, const char *expected, double *number,
                        mb_error *error) {
    const mb_csv_field field = mb_csv_get(reader, column);
    if (!mb_parse_number(field.text, field.length, number) || *number < 0)
        return mb_csv_bad_field(reader, column, expected, error);
    return MB_OK;
}
