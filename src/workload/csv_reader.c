// SPDX-License-Identifier: MIT
#include "workload/csv_reader.h"

#include "base/strbuf.h"
#include "workload/distribution.h"
#include "workload/parse.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

// zlib reads plain files straight into our buffer when asked for at least twice its own: then it costs
// nothing there.
#define FILE_BUFFER ((size_t)256 * 1024)
#define GZIP_BUFFER (64 * 1024)
#define MAX_FIELD ((size_t)1024 * 1024) // a longer field is a quote that nobody closed
#define MAX_COLUMNS ((size_t)4096)

typedef struct field_place {
    size_t offset, length; // in the row's text
} field_place;

struct mb_csv_reader {
    char *path;
    gzFile file;
    bool at_eof;
    char *buffer;
    size_t buffer_at, buffer_filled;
    struct csv_parser parser;
    unsigned long line;     // of the next byte to parse
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
    return mb_fail_at(error, MB_BAD_INPUT, reader->path, reader->row_line, "%s", sentence);
}

// Refill the buffer; at_eof is set when there is no more.
static mb_status fill_buffer(mb_csv_reader *reader, mb_error *error) {
    reader->buffer_at = reader->buffer_filled = 0;
    const int got = gzread(reader->file, reader->buffer, (unsigned)FILE_BUFFER);
    int code = Z_OK;
    const char *text = gzerror(reader->file, &code); // also tells of an end that came too early
    if (code == Z_ERRNO)
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", reader->path, strerror(errno));
    if (code == Z_MEM_ERROR) return mb_fail_memory(error);
    if (code == Z_BUF_ERROR)
        return mb_fail_at(
            error, MB_BAD_INPUT, reader->path, reader->line,
            "the gzip data is cut short after this line; expected a whole file (test it with gzip -t)");
    if (got < 0 || code != Z_OK) {
        const char *colon = strrchr(text, ':'); // zlib puts the descriptor's name before its reason
        return mb_fail_at(
            error, MB_BAD_INPUT, reader->path, reader->line,
            "the gzip data is damaged after this line:%s; expected a whole file (test it with gzip -t)",
            colon ? colon + 1 : " unknown reason");
    }
    reader->buffer_filled = (size_t)got;
    reader->at_eof = got == 0;
    return MB_OK;
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

// Parse up to and including the next line that ends a row. libcsv is fed one line at a time: that yields one
// row at a time and line numbers for a memchr per row.
static mb_status read_row(mb_csv_reader *reader, field_callback *callback, bool *end, mb_error *error) {
    reader->row_done = reader->extra_text = false;
    reader->field_count = reader->text_used = 0;
    reader->row_line = reader->line;
    *end = false;
    while (!reader->row_done) {
        if (reader->buffer_at == reader->buffer_filled) {
            const mb_status status = fill_buffer(reader, error);
            if (status) return status;
        }
        if (reader->at_eof) {
            if (csv_fini(&reader->parser, callback, on_row_end, reader)) return fail_parse(reader, error);
            *end = !reader->row_done;
            break;
        }
        const char *start = reader->buffer + reader->buffer_at;
        const size_t available = reader->buffer_filled - reader->buffer_at;
        const char *newline = memchr(start, '\n', available);
        const size_t count = newline ? (size_t)(newline - start) + 1 : available;
        const size_t parsed = csv_parse(&reader->parser, start, count, callback, on_row_end, reader);
        if (parsed != count) return fail_parse(reader, error);
        reader->buffer_at += count;
        if (newline) reader->line++;
        if (reader->row_done) break;
        if (reader->field_count == 0 && reader->parser.entry_pos == 0)
            reader->row_line = reader->line; // blank
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
        return mb_fail_at(error, MB_BAD_INPUT, reader->path, reader->row_line,
                          "%zu field%s; expected %zu, as in the header", reader->field_count,
                          reader->field_count == 1 ? "" : "s", reader->column_count);
    return MB_OK;
}

// ---- opening

static mb_status open_file(mb_csv_reader *reader, mb_error *error) {
    const char *path = reader->path;
    struct stat about;
    if (stat(path, &about))
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: is a directory; expected a CSV file", path);
    if (!S_ISREG(about.st_mode)) // opening a pipe would also wait for its writer
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: is not a regular file; expected one, since it is read several times", path);
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    reader->file = gzdopen(descriptor, "rb");
    if (!reader->file) {
        close(descriptor);
        return mb_fail_memory(error);
    }
    gzbuffer(reader->file, GZIP_BUFFER);
    return MB_OK;
}

static mb_status skip_byte_order_mark(mb_csv_reader *reader, mb_error *error) {
    const mb_status status = fill_buffer(reader, error);
    if (status) return status;
    const char *start = reader->buffer;
    const size_t count = reader->buffer_filled;
    if (count >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) reader->buffer_at = 3;
    if (count >= 2 && (memcmp(start, "\xff\xfe", 2) == 0 || memcmp(start, "\xfe\xff", 2) == 0))
        return mb_fail(error, MB_BAD_INPUT, "%s: is in UTF-16; expected UTF-8 (convert it with iconv)",
                       reader->path);
    return MB_OK;
}

static mb_status read_header(mb_csv_reader *reader, mb_error *error) {
    bool end;
    mb_status status = skip_byte_order_mark(reader, error);
    if (!status) status = read_row(reader, on_header_field, &end, error);
    if (status) return status;
    if (end)
        return mb_fail(error, MB_BAD_INPUT, "%s: is empty; expected a header line with column names",
                       reader->path);
    if (reader->field_count > MAX_COLUMNS)
        return fail_here(reader, "more than 4096 columns; expected a CSV header", error);
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
    reader->line = 1;
    reader->path = mb_strdup(path);
    reader->buffer = malloc(FILE_BUFFER);
    mb_status status =
        reader->path && reader->buffer && grow_text(reader, 256) ? MB_OK : mb_fail_memory(error);
    if (!status) status = open_file(reader, error);
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
    if (reader->file) gzclose_r(reader->file);
    csv_free(&reader->parser);
    for (size_t i = 0; i < reader->column_count; i++)
        free(reader->names[i]);
    free(reader->names);
    free(reader->kept);
    free(reader->fields);
    free(reader->text);
    free(reader->buffer);
    free(reader->path);
    free(reader);
}

// ---- text for people

// Length of the valid, printable UTF-8 character at text, or 0.
static size_t printable_length(const unsigned char *text, size_t left) {
    const unsigned char c = text[0];
    if (c < 0x80) return c >= 0x20 && c != 0x7f;
    const size_t length = c >= 0xc2 && c < 0xe0   ? 2
                          : c >= 0xe0 && c < 0xf0 ? 3
                          : c >= 0xf0 && c < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if ((c == 0xc2 && text[1] < 0xa0) || (c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) ||
        (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f))
        return 0; // control characters, overlong forms, surrogates, beyond Unicode
    return length;
}

// Add "text" in quotes, cut to some 60 bytes; what is not printable as \xNN, so that a hostile file cannot
// steer a terminal or make a report invalid UTF-8.
static void add_quoted(mb_strbuf *buffer, const char *text, size_t length) {
    mb_strbuf_add(buffer, "\"");
    for (size_t i = 0; i < length;) {
        if (i >= 60) {
            mb_strbuf_add(buffer, "...");
            break;
        }
        const size_t count = printable_length((const unsigned char *)text + i, length - i);
        if (count)
            mb_strbuf_add_bytes(buffer, text + i, count);
        else
            mb_strbuf_printf(buffer, "\\x%02x", (unsigned char)text[i]);
        i += count ? count : 1;
    }
    mb_strbuf_add(buffer, "\"");
}

char *mb_csv_column_list(const mb_csv_reader *reader) {
    mb_strbuf list = {0};
    const size_t count = reader->column_count, shown = count > 16 ? 16 : count;
    for (size_t i = 0; i < shown; i++) {
        if (i) mb_strbuf_add(&list, i + 1 < count ? ", " : " and ");
        add_quoted(&list, reader->names[i], strlen(reader->names[i]));
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
    add_quoted(&text, reader->names[column], strlen(reader->names[column]));
    mb_strbuf_add(&text, field.length ? " is " : " is empty");
    if (field.length) add_quoted(&text, field.text, field.length);
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
        const mb_status status = list ? mb_fail_at(error, MB_BAD_INPUT, reader->path, reader->row_line,
                                                   "no column \"%s\"; the columns are %s", name, list)
                                      : mb_fail_memory(error);
        free(list);
        return status;
    }
    for (size_t i = *column + 1; i < reader->column_count; i++)
        if (strcasecmp(reader->names[i], name) == 0)
            return mb_fail_at(error, MB_BAD_INPUT, reader->path, reader->row_line,
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
