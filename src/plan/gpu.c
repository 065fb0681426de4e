// SPDX-License-Identifier: MIT
#include "plan/gpu.h"

#include "base/paths.h"
#include "base/strbuf.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME,
    TITLE,
    MEMORY,
    USABLE,
    USABLE_SOURCE,
    BANDWIDTH,
    FP32,
    FP16,
    FP8,
    INT8,
    LINK,
    PER_NODE,
    PRICE,
    SOURCES,
    COLUMNS
};
enum { MOST_FIELDS = 64, MOST_ROWS = 10000, MOST_BYTES = 16 << 20 };

static const char *const COLUMN_NAMES[COLUMNS] = {
    "name",        "title",      "memory_gib", "usable_gib", "usable_source", "bandwidth_gb_s", "fp32_tflops",
    "fp16_tflops", "fp8_tflops", "int8_tops",  "link_gb_s",  "gpus_per_node", "usd_per_hour",   "sources"};

static bool is_needed(int column) {
    return column == NAME || column == MEMORY || column == BANDWIDTH || column == FP16;
}

typedef struct reader {
    mb_gpu_table *table;
    unsigned long line;
    int column_of[MOST_FIELDS]; // of the file's fields; -1: another one
    size_t field, header_fields;
    bool has_header;
    char *texts[COLUMNS]; // of this row
    mb_error *error;
    mb_status status; // the first error; nothing is done after it
} reader;

// --- one row
// ---------------------------------------------------------------------------------------------------

static double number(reader *r, int column, double otherwise) {
    const char *text = r->texts[column];
    if (r->status || !text || !*text) {
        if (!r->status && is_needed(column))
            r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->table->path, r->line,
                                   "no %s; expected a number above 0", COLUMN_NAMES[column]);
        return otherwise;
    }
    char *end;
    const double value = strtod(text, &end);
    if (*end == '\0' && isfinite(value) && value > 0 && value < 1e9) return value;
    r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->table->path, r->line,
                           "%s is \"%.40s\"; expected a number above 0", COLUMN_NAMES[column], text);
    return otherwise;
}

static void check_name(reader *r) {
    const char *name = r->texts[NAME];
    if (r->status) return;
    if (!name || !*name) {
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->table->path, r->line, "a GPU without a name");
        return;
    }
    for (size_t i = 0; i < r->table->count; i++)
        if (strcmp(r->table->items[i].name, name) == 0)
            r->status =
                mb_fail_at(r->error, MB_BAD_INPUT, r->table->path, r->line, "a second GPU \"%s\"", name);
}

static void add_row(reader *r) {
    check_name(r);
    const double gib = number(r, MEMORY, 0), bandwidth = number(r, BANDWIDTH, 0), link = number(r, LINK, 0);
    mb_gpu gpu = {.memory_bytes = gib * 1073741824.0,
                  .usable_bytes = number(r, USABLE, gib) * 1073741824.0,
                  .bandwidth = bandwidth * 1e9,
                  .fp32 = number(r, FP32, 0) * 1e12,
                  .fp16 = number(r, FP16, 0) * 1e12,
                  .fp8 = number(r, FP8, 0) * 1e12,
                  .int8 = number(r, INT8, 0) * 1e12,
                  .link = link * 1e9,
                  .per_node = (uint32_t)fmin(1e6, number(r, PER_NODE, 1)),
                  .usd_per_hour = number(r, PRICE, NAN)};
    const char *source = r->texts[USABLE_SOURCE] ? r->texts[USABLE_SOURCE] : "", *usable = r->texts[USABLE];
    gpu.usable_estimated = !usable || !*usable || strncmp(source, "estimate", 8) == 0;
    if (!r->status && r->table->count == MOST_ROWS)
        r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: more than %d GPUs", r->table->path, MOST_ROWS);
    if (r->status) return;
    mb_gpu *grown = realloc(r->table->items, (r->table->count + 1) * sizeof *grown);
    if (grown) r->table->items = grown;
    gpu.name = mb_strdup(r->texts[NAME]);
    gpu.title = mb_strdup(r->texts[TITLE] && *r->texts[TITLE] ? r->texts[TITLE] : r->texts[NAME]);
    gpu.sources = mb_strdup(r->texts[SOURCES] ? r->texts[SOURCES] : "");
    gpu.usable_source = mb_strdup(source);
    if (grown && gpu.name && gpu.title && gpu.sources && gpu.usable_source) {
        grown[r->table->count++] = gpu;
        return;
    }
    free(gpu.name);
    free(gpu.title);
    free(gpu.sources);
    free(gpu.usable_source);
    r->status = mb_fail_memory(r->error);
}

// --- the file
// --------------------------------------------------------------------------------------------------

static void end_header(reader *r) {
    r->has_header = true;
    r->header_fields = r->field;
    for (int c = 0; c < COLUMNS; c++) {
        size_t found = 0;
        for (size_t i = 0; i < r->field && i < MOST_FIELDS; i++)
            found += r->column_of[i] == c;
        if (found == 1 || (found == 0 && !is_needed(c))) continue;
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->table->path, 1,
                               found ? "the column %s comes twice"
                                     : "no column %s; expected a list of GPUs with the "
                                       "columns name, memory_gib, bandwidth_gb_s and fp16_tflops",
                               COLUMN_NAMES[c]);
        return;
    }
}

static void on_field(void *text, size_t length, void *self) {
    reader *r = self;
    const size_t field = r->field++;
    if (r->status) return;
    if (field >= MOST_FIELDS) {
        r->status =
            mb_fail_at(r->error, MB_BAD_INPUT, r->table->path, r->line, "more than %d fields", MOST_FIELDS);
        return;
    }
    const char *start = text ? text : "";
    if (!r->has_header && field == 0 && length >= 3 && memcmp(start, "\xEF\xBB\xBF", 3) == 0) {
        start += 3;
        length -= 3;
    }
    if (!r->has_header) {
        r->column_of[field] = -1;
        for (int c = 0; c < COLUMNS; c++)
            if (strlen(COLUMN_NAMES[c]) == length && memcmp(COLUMN_NAMES[c], start, length) == 0)
                r->column_of[field] = c;
        return;
    }
    const int column = r->column_of[field];
    if (column < 0) return;
    mb_strbuf copy = {0};
    mb_strbuf_add_bytes(&copy, start, strnlen(start, length));
    free(r->texts[column]);
    r->texts[column] = copy.text;
    if (copy.failed) r->status = mb_fail_memory(r->error);
}

static void on_row(int end, void *self) {
    (void)end;
    reader *r = self;
    if (!r->status && !r->has_header)
        end_header(r);
    else if (!r->status && r->field != r->header_fields)
        r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->table->path, r->line,
                               "%zu fields, but the header has %zu", r->field, r->header_fields);
    else if (!r->status)
        add_row(r);
    for (int c = 0; c < COLUMNS; c++) {
        free(r->texts[c]);
        r->texts[c] = NULL;
    }
    r->field = 0;
}

// One byte at a time, so that the callbacks know the line.
static void feed(reader *r, struct csv_parser *parser, FILE *file) {
    size_t total = 0;
    for (int c; !r->status && (c = getc(file)) != EOF;) {
        const unsigned char byte = (unsigned char)c;
        if (++total > MOST_BYTES)
            r->status = mb_fail(r->error, MB_BAD_INPUT, "%s is larger than 16 MiB", r->table->path);
        else if (csv_parse(parser, &byte, 1, on_field, on_row, r) != 1)
            r->status = mb_fail_at(r->error, MB_BAD_INPUT, r->table->path, r->line,
                                   "a quotation mark is out of place");
        r->line += c == '\n';
    }
    if (!r->status && ferror(file))
        r->status = mb_fail(r->error, MB_BAD_INPUT, "cannot read %s: %s", r->table->path, strerror(EIO));
    if (!r->status && csv_fini(parser, on_field, on_row, r) != 0)
        r->status =
            mb_fail_at(r->error, MB_BAD_INPUT, r->table->path, r->line, "a quotation mark is out of place");
}

static void parse(reader *r, FILE *file) {
    struct csv_parser parser;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL)) {
        r->status = mb_fail_memory(r->error);
        return;
    }
    feed(r, &parser, file);
    csv_free(&parser);
}

mb_status mb_gpu_table_read(const char *path, mb_gpu_table *table, mb_error *error) {
    *table = (mb_gpu_table){.path = mb_strdup(path)};
    if (!table->path) return mb_fail_memory(error);
    FILE *file;
    const mb_status opened = mb_paths_open(path, &file, error);
    if (opened) return opened;
    reader r = {.table = table, .line = 1, .error = error};
    parse(&r, file);
    fclose(file);
    for (int c = 0; c < COLUMNS; c++)
        free(r.texts[c]);
    if (!r.status && table->count == 0)
        r.status = mb_fail(error, MB_BAD_INPUT, "%s: no GPU; expected a header and a line for each", path);
    return r.status;
}

void mb_gpu_table_free(mb_gpu_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        free(table->items[i].name);
        free(table->items[i].title);
        free(table->items[i].sources);
        free(table->items[i].usable_source);
    }
    free(table->items);
    free(table->path);
    *table = (mb_gpu_table){0};
}

// --- names
// -----------------------------------------------------------------------------------------------------

mb_status mb_gpu_find(const mb_gpu_table *table, const char *name, const mb_gpu **gpu, mb_error *error) {
    const char *names[MOST_ROWS];
    for (size_t i = 0; i < table->count; i++) {
        *gpu = &table->items[i];
        names[i] = table->items[i].name;
        if (strcmp(names[i], name) == 0) return MB_OK;
    }
    *gpu = NULL;
    const char *near = mb_nearest_word(name, names, table->count);
    if (near)
        return mb_fail(error, MB_BAD_INPUT, "there is no GPU \"%s\" in %s; did you mean \"%s\"?", name,
                       table->path, near);
    return mb_fail(error, MB_BAD_INPUT,
                   "there is no GPU \"%s\" in %s; `mbsand list gpus` names the bundled ones", name,
                   table->path);
}

// "mine.csv:big" -> "mine.csv" (returned) and "big"; NULL where the name is of a bundled GPU.
static char *file_part(const char *name, const char **row) {
    const char *csv = strstr(name, ".csv");
    *row = NULL;
    if (!csv || (csv[4] != ':' && csv[4] != '\0')) return NULL;
    if (csv[4] == ':') *row = csv + 5;
    mb_strbuf file = {0};
    mb_strbuf_add_bytes(&file, name, (size_t)(csv + 4 - name));
    return file.text;
}

mb_status mb_gpu_open(const char *root, const char *folder, const char *name, mb_gpu_table *table,
                      const mb_gpu **gpu, mb_error *error) {
    *table = (mb_gpu_table){0};
    const char *row;
    char *path = file_part(name, &row);
    const bool own = path != NULL;
    if (own && folder && !mb_paths_is_file(path)) {
        char *beside = mb_paths_join(folder, path);
        free(path);
        path = beside;
    }
    if (!own) path = mb_paths_join(root, "data/gpus.csv");
    if (!path) return mb_fail_memory(error);
    mb_status status = mb_gpu_table_read(path, table, error);
    free(path);
    if (status) return status;
    if (!own) return mb_gpu_find(table, name, gpu, error);
    if (row) return mb_gpu_find(table, row, gpu, error);
    *gpu = &table->items[0];
    if (table->count == 1) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "%s has %zu GPUs; say which, as in %s:%s", table->path, table->count,
                   table->path, table->items[0].name);
}
