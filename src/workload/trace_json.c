// SPDX-License-Identifier: MIT
// Traces as JSON lines: an object a line. Mooncake's names, or those that the scenario gives.
#include "workload/name_table.h"
#include "workload/parse.h"
#include "workload/text_file.h"
#include "workload/trace_rows.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE ((size_t)16 * 1024 * 1024)
#define MOONCAKE_UNIT 512u

static const mb_trace_columns mooncake = {.time = "timestamp",
                                          .prompt = "input_length",
                                          .output = "output_length",
                                          .predicted = "predicted",
                                          .prefix = "hash_ids"};

typedef struct json_rows {
    mb_rows rows;
    mb_trace_columns keys;  // borrowed
    double unit_s;          // of the time,
    double units_in_second; // and its inverse where that is whole, else 0
    uint32_t prefix_unit_tokens;
    bool every_unit; // there must be one id for every unit of the prompt
    bool wants_prediction;
    mb_text_file file;
    json_t *object; // the current line
    mb_name_table clients;
    uint64_t *ids;
    size_t id_capacity;
    bool has_first, is_whole, is_date; // of the first row: later ones must be written alike
    json_int_t first_whole;
    int64_t first_ns;
} json_rows;

// ---- complaints

static mb_status fail_line(const json_rows *rows, const mb_strbuf *sentence, mb_error *error) {
    if (sentence->failed) return mb_fail_memory(error);
    return mb_fail_at(error, MB_BAD_INPUT, rows->file.path, rows->file.line - 1, "%s", sentence->text);
}

// "key" is 1.5; expected ... (or: no "key"; ...)
static mb_status bad_value(const json_rows *rows, const char *key, const json_t *value, const char *expected,
                           mb_error *error) {
    mb_strbuf text = {0};
    char *shown = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (!value) mb_strbuf_add(&text, "no ");
    mb_text_add_quoted(&text, key, strlen(key));
    if (value) mb_strbuf_add(&text, " is ");
    if (value) mb_text_add_safe(&text, shown ? shown : "?", shown ? strlen(shown) : 1, 60);
    mb_strbuf_printf(&text, "; expected %s", expected);
    free(shown);
    const mb_status status = fail_line(rows, &text, error);
    mb_strbuf_deinit(&text);
    return status;
}

static mb_status bad_json(const json_rows *rows, const json_error_t *problem, mb_error *error) {
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "bad JSON at column %d: ", problem->column > 0 ? problem->column : 1);
    mb_text_add_safe(&text, problem->text, strlen(problem->text), sizeof problem->text);
    mb_strbuf_add(&text, "; expected one object { ... } a line");
    const mb_status status = fail_line(rows, &text, error);
    mb_strbuf_deinit(&text);
    return status;
}

// ---- reading

static mb_status next_row(mb_rows *self, bool *end, mb_error *error) {
    json_rows *rows = (json_rows *)self;
    const char *line;
    size_t length;
    json_decref(rows->object);
    rows->object = NULL;
    do { // blank lines are none
        const mb_status status = mb_text_next_line(&rows->file, MAX_LINE, &line, &length, end, error);
        if (status || *end) return status;
        while (length && (line[length - 1] == ' ' || line[length - 1] == '\t'))
            length--;
    } while (length == 0);
    if (memchr(line, '\0', length)) // jansson would take it for the end
        return mb_fail_at(error, MB_BAD_INPUT, rows->file.path, rows->file.line - 1,
                          "a NUL byte; expected one object { ... } a line");
    json_error_t problem;
    rows->object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &problem);
    if (!rows->object)
        return json_error_code(&problem) == json_error_out_of_memory ? mb_fail_memory(error)
                                                                     : bad_json(rows, &problem, error);
    if (json_is_object(rows->object)) return MB_OK;
    return mb_fail_at(error, MB_BAD_INPUT, rows->file.path, rows->file.line - 1,
                      "an array; expected one object { ... } a line");
}

static double to_seconds(const json_rows *rows, double units) {
    return rows->units_in_second > 0 ? units / rows->units_in_second : units * rows->unit_s;
}

// A whole number counts from the first row's, which a double might not hold (nanoseconds since 1970).
static mb_status read_whole_time(json_rows *rows, const json_t *value, double *time_s, mb_error *error) {
    const json_int_t whole = json_integer_value(value);
    if (whole < 0) return bad_value(rows, rows->keys.time, value, "a time of at least 0", error);
    if (!rows->has_first) {
        rows->has_first = rows->is_whole = true;
        rows->first_whole = whole;
    }
    *time_s = to_seconds(rows, (double)(whole - rows->first_whole));
    return MB_OK;
}

static mb_status read_real_time(json_rows *rows, const json_t *value, double *time_s, mb_error *error) {
    const double number = json_number_value(value) - (rows->is_whole ? (double)rows->first_whole : 0);
    rows->has_first = true;
    *time_s = to_seconds(rows, number);
    if (json_number_value(value) >= 0 && isfinite(*time_s)) return MB_OK;
    return bad_value(rows, rows->keys.time, value, "a time of at least 0", error);
}

static mb_status read_time(mb_rows *self, double *time_s, mb_error *error) {
    json_rows *rows = (json_rows *)self;
    const json_t *value = json_object_get(rows->object, rows->keys.time);
    const bool number_fits = !rows->has_first || !rows->is_date,
               date_fits = !rows->has_first || rows->is_date;
    int64_t nanoseconds;
    if (json_is_integer(value) && number_fits && (!rows->has_first || rows->is_whole))
        return read_whole_time(rows, value, time_s, error);
    if (json_is_number(value) && number_fits) return read_real_time(rows, value, time_s, error);
    if (json_is_string(value) && date_fits &&
        mb_parse_date(json_string_value(value), json_string_length(value), &nanoseconds)) {
        if (!rows->has_first) rows->first_ns = nanoseconds;
        rows->has_first = rows->is_date = true;
        *time_s = (double)(nanoseconds - rows->first_ns) / 1e9;
        return MB_OK;
    }
    const char *expected = !rows->has_first ? "a number, or a date like \"2023-11-16 18:15:46.6805900\""
                           : rows->is_date
                               ? "a date like \"2023-11-16 18:15:46.6805900\", as in the first row"
                               : "a number, as in the first row";
    return bad_value(rows, rows->keys.time, value, expected, error);
}

static mb_status read_tokens(const json_rows *rows, const char *key, uint32_t *tokens, mb_error *error) {
    const json_t *value = json_object_get(rows->object, key);
    const double number = json_is_number(value) ? json_number_value(value) : -1;
    if (number > MB_MAX_TOKENS)
        return bad_value(rows, key, value, "a whole number of tokens, at most 1000000000", error);
    if (!(number >= 0) || number != floor(number)) // 472.0 is fine
        return bad_value(rows, key, value, "a whole number of tokens", error);
    *tokens = (uint32_t)number;
    return MB_OK;
}

static mb_status read_lengths(mb_rows *self, mb_arrival *arrival, mb_error *error) {
    json_rows *rows = (json_rows *)self;
    mb_status status = read_tokens(rows, rows->keys.prompt, &arrival->prompt_tokens, error);
    if (!status) status = read_tokens(rows, rows->keys.output, &arrival->output_tokens, error);
    if (!status && rows->wants_prediction)
        status = read_tokens(rows, rows->keys.predicted, &arrival->predicted_output, error);
    return status;
}

// ---- what a row may have besides

static mb_status read_client(json_rows *rows, uint32_t *client, mb_error *error) {
    const json_t *value = json_object_get(rows->object, rows->keys.client);
    char number[32];
    const char *name = number;
    if (json_is_string(value))
        name = json_string_value(value);
    else if (json_is_integer(value))
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    else
        return bad_value(rows, rows->keys.client, value, "a name in quotes, or a whole number", error);
    return mb_name_table_add(&rows->clients, name, strlen(name), client) ? MB_OK : mb_fail_memory(error);
}

static mb_status read_priority(const json_rows *rows, int32_t *priority, mb_error *error) {
    const json_t *value = json_object_get(rows->object, rows->keys.priority);
    const double number = json_is_number(value) ? json_number_value(value) : 0.5;
    if (!(fabs(number) <= INT32_MAX) || number != floor(number))
        return bad_value(rows, rows->keys.priority, value, "a whole number, larger for more urgent", error);
    *priority = (int32_t)number;
    return MB_OK;
}

static mb_status reserve_ids(json_rows *rows, size_t count, mb_error *error) {
    if (count <= rows->id_capacity) return MB_OK;
    uint64_t *ids = realloc(rows->ids, 2 * count * sizeof *ids);
    if (!ids) return mb_fail_memory(error);
    rows->ids = ids;
    rows->id_capacity = 2 * count;
    return MB_OK;
}

// The ids of the prompt's units. More of them may follow, of the answer; they are nobody's prefix yet.
static mb_status read_prefix(json_rows *rows, mb_arrival *arrival, mb_error *error) {
    const char *key = rows->keys.prefix;
    const uint32_t unit = rows->prefix_unit_tokens;
    const size_t units = ((size_t)arrival->prompt_tokens + unit - 1) / unit;
    const json_t *list = json_object_get(rows->object, key);
    if (!json_is_array(list)) return bad_value(rows, key, list, "a list of ids [1, 2, ...]", error);
    size_t count = json_array_size(list);
    if (rows->every_unit && count != units) {
        char expected[96];
        snprintf(expected, sizeof expected, "%zu ids, one for every %u of the %u prompt tokens, not %zu",
                 units, unit, arrival->prompt_tokens, count);
        return bad_value(rows, key, list, expected, error);
    }
    if (count > units) count = units;
    const mb_status status = reserve_ids(rows, count, error);
    if (status) return status;
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            return bad_value(rows, key, list, "whole numbers of at least 0 as ids", error);
        rows->ids[i] = (uint64_t)json_integer_value(id);
    }
    arrival->prefix_ids = count ? rows->ids : NULL;
    arrival->prefix_count = (uint32_t)count;
    arrival->prefix_unit_tokens = count ? unit : 0;
    return MB_OK;
}

static mb_status read_extras(mb_rows *self, mb_arrival *arrival, mb_error *error) {
    json_rows *rows = (json_rows *)self;
    mb_status status = MB_OK;
    if (rows->keys.client) status = read_client(rows, &arrival->client, error);
    if (!status && rows->keys.priority) status = read_priority(rows, &arrival->priority, error);
    if (!status && rows->keys.prefix) status = read_prefix(rows, arrival, error);
    return status;
}

static mb_status bad_time(const mb_rows *self, const char *expected, mb_error *error) {
    const json_rows *rows = (const json_rows *)self;
    return bad_value(rows, rows->keys.time, json_object_get(rows->object, rows->keys.time), expected, error);
}

static const char *client_name(const mb_rows *self, uint32_t client) {
    const json_rows *rows = (const json_rows *)self;
    return client < rows->clients.count ? rows->clients.names[client] : "";
}

// ---- opening

static void close_rows(mb_rows *self) {
    json_rows *rows = (json_rows *)self;
    json_decref(rows->object);
    mb_text_close(&rows->file);
    mb_name_table_deinit(&rows->clients);
    free(rows->ids);
    free(rows);
}

static const mb_rows_format format = {next_row, read_time,   read_lengths, read_extras,
                                      bad_time, client_name, close_rows};

static void set_time_unit(json_rows *rows, double unit_s) {
    const double per_second = nearbyint(1 / unit_s);
    rows->unit_s = unit_s;
    // 0.001 and 1e-9 are no binary fractions, but their inverses are whole: dividing is exact where it can
    // be.
    if (per_second > 1 && fabs(per_second * unit_s - 1) < 1e-12) rows->units_in_second = per_second;
}

static mb_status check_keys(const mb_trace *trace, bool wants_prediction, mb_error *error) {
    const mb_trace_columns *keys = &trace->columns;
    if (trace->layout == MB_TRACE_MOONCAKE) return MB_OK;
    if (!keys->time || !keys->prompt || !keys->output || (wants_prediction && !keys->predicted))
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: JSON lines without names; expected the keys of time, prompt and output%s",
                       trace->path, wants_prediction ? ", and of the predicted length" : "");
    if (keys->prefix && (trace->prefix_unit_tokens < 1 || trace->prefix_unit_tokens > MB_MAX_TOKENS))
        return mb_fail(error, MB_BAD_INPUT, "%s: a unit of %u prefix tokens; expected 1 to %u", trace->path,
                       trace->prefix_unit_tokens, MB_MAX_TOKENS);
    return MB_OK;
}

mb_status mb_rows_open_json(const mb_trace *trace, bool wants_prediction, mb_rows **out, mb_error *error) {
    const bool is_mooncake = trace->layout == MB_TRACE_MOONCAKE;
    *out = NULL;
    mb_status status = check_keys(trace, wants_prediction, error);
    if (status) return status;
    json_rows *rows = calloc(1, sizeof *rows);
    if (!rows) return mb_fail_memory(error);
    *rows = (json_rows){.rows.format = &format,
                        .keys = is_mooncake ? mooncake : trace->columns,
                        .prefix_unit_tokens = is_mooncake ? MOONCAKE_UNIT : trace->prefix_unit_tokens,
                        .every_unit = is_mooncake,
                        .wants_prediction = wants_prediction};
    set_time_unit(rows, is_mooncake ? 0.001 : trace->time_unit_s);
    status = mb_text_open(&rows->file, trace->path, "a file of JSON lines", error);
    if (status)
        close_rows(&rows->rows);
    else
        *out = &rows->rows;
    return status;
}
