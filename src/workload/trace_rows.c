// SPDX-License-Identifier: MIT
#include "workload/trace_rows.h"

#include "workload/text_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DATE_EXAMPLE "a date like 2023-11-16 18:15:46.6805900"

const char *const mb_role_names[MB_ROLES] = {
    "time",     "prompt",  "output", "predicted", "client", "priority",   "service", "prefix", "end",
    "duration", "session", "id",     "parent",    "delay",  "max_output", "noise",   "class"};

const char *mb_role_column(const mb_trace_columns *columns, mb_role role) {
    const char *const names[MB_ROLES] = {
        columns->time,     columns->prompt,    columns->output, columns->predicted, columns->client,
        columns->priority, columns->service,   columns->prefix, columns->end,       columns->duration,
        columns->session,  columns->id,        columns->parent, columns->delay,     columns->max_output,
        columns->noise,    columns->class_name};
    return names[role];
}

// ---- opening

void mb_rows_init(mb_rows *rows, const mb_rows_format *format, const mb_trace *trace, bool wants_prediction) {
    *rows = (mb_rows){.format = format,
                      .trace = trace,
                      .wants_prediction = wants_prediction,
                      .prefix_unit_tokens = trace->prefix_unit_tokens,
                      .unit = mb_time_unit_of(trace->time_unit_s)};
}

void mb_rows_close(mb_rows *rows) {
    mb_name_table_deinit(&rows->clients);
    free(rows->ids);
}

// ---- numbers

static mb_cell cell(mb_rows *rows, mb_role role) {
    return rows->has[role] ? rows->format->cell(rows, role) : (mb_cell){.kind = MB_CELL_NONE};
}

static mb_status bad(mb_rows *rows, mb_role role, const char *expected, mb_error *error) {
    return rows->format->bad(rows, role, expected, error);
}

static bool is_value(mb_cell at) {
    return at.kind == MB_CELL_NUMBER || at.kind == MB_CELL_TEXT;
}

static bool read_number(mb_cell at, double *number) {
    return is_value(at) && mb_parse_number(at.text, at.length, number);
}

// A comma for a point is a common cause that the digits alone do not show.
static bool has_comma(mb_cell at) {
    return is_value(at) && at.length && memchr(at.text, ',', at.length);
}

// ---- the time

static bool read_stamp(const mb_rows *rows, mb_cell at, bool *is_date, mb_stamp *time) {
    int64_t nanoseconds;
    if (!is_value(at)) return false;
    if ((!rows->has_first || !rows->is_date) && mb_parse_stamp(at.text, at.length, time)) {
        *is_date = false;
        return true;
    }
    if (at.kind != MB_CELL_TEXT || (rows->has_first && !rows->is_date) ||
        !mb_parse_date(at.text, at.length, &nanoseconds))
        return false;
    const int64_t second = INT64_C(1000000000);
    const int64_t whole = nanoseconds / second - (nanoseconds % second < 0);
    *time = (mb_stamp){whole, (nanoseconds - whole * second) * second};
    *is_date = true;
    return true;
}

static mb_status bad_stamp(mb_rows *rows, mb_role role, mb_error *error) {
    const mb_cell at = cell(rows, role);
    double number;
    const char *expected = !rows->has_first ? "a number, or " DATE_EXAMPLE
                           : rows->is_date  ? DATE_EXAMPLE ", as in the first row"
                                            : "a number, as in the first row";
    if ((!rows->has_first || !rows->is_date) && (at.kind == MB_CELL_NUMBER || read_number(at, &number)))
        expected = at.text[0] == '-' ? "a time of at least 0" : "a time below 9.2e18";
    else if (has_comma(at))
        expected = "a number with a decimal point, not a comma";
    return bad(rows, role, expected, error);
}

mb_time_unit mb_rows_unit(const mb_rows *rows) {
    return rows->is_date ? (mb_time_unit){1, 1} : rows->unit;
}

// A span of time in the unit of numbers, as a stamp's unit has it.
static mb_stamp as_span(const mb_rows *rows, mb_stamp span) {
    return rows->is_date && rows->unit.per_second != 1
               ? mb_stamp_of_seconds(mb_stamp_seconds(span, rows->unit))
               : span;
}

static mb_status read_span(mb_rows *rows, mb_role role, mb_stamp *span, mb_error *error) {
    const mb_cell at = cell(rows, role);
    if (!is_value(at) || !mb_parse_stamp(at.text, at.length, span))
        return bad(rows, role, "a time of at least 0 that has passed", error);
    *span = as_span(rows, *span);
    return MB_OK;
}

mb_status mb_rows_time(mb_rows *rows, mb_stamp *time, mb_error *error) {
    const mb_role role = rows->has[MB_ROLE_TIME] ? MB_ROLE_TIME : MB_ROLE_END;
    bool is_date = false;
    if (!read_stamp(rows, cell(rows, role), &is_date, time)) return bad_stamp(rows, role, error);
    rows->has_first = true;
    rows->is_date = is_date;
    if (role == MB_ROLE_TIME) return MB_OK;
    mb_stamp duration;
    const mb_status status = read_span(rows, MB_ROLE_DURATION, &duration, error);
    if (!status) *time = mb_stamp_minus(*time, duration);
    return status;
}

mb_status mb_rows_bad_time(mb_rows *rows, const char *expected, mb_error *error) {
    return bad(rows, rows->has[MB_ROLE_TIME] ? MB_ROLE_TIME : MB_ROLE_END, expected, error);
}

// ---- lengths

// What tools write for a value that is not there.
static bool is_absent(mb_cell at) {
    static const char *const words[] = {"null", "none", "nan", "na", "n/a", "-"};
    if (at.kind == MB_CELL_NONE || at.kind == MB_CELL_EMPTY) return true;
    for (size_t i = 0; at.kind == MB_CELL_TEXT && i < sizeof words / sizeof *words; i++)
        if (at.length == strlen(words[i]) && strncasecmp(at.text, words[i], at.length) == 0) return true;
    return at.kind == MB_CELL_TEXT && at.length == 0;
}

static mb_status read_tokens(mb_rows *rows, mb_role role, mb_cell at, uint32_t *tokens, mb_error *error) {
    uint64_t whole;
    double number;
    if (!is_value(at) || !mb_parse_whole(at.text, at.length, &whole)) {
        // "472.0", as tools write that know only floating point
        if (!read_number(at, &number) || number < 0 || (number <= MB_MAX_TOKENS && number != floor(number)))
            return bad(rows, role, "a whole number of tokens", error);
        whole = number <= MB_MAX_TOKENS ? (uint64_t)number : UINT64_MAX;
    }
    if (whole > MB_MAX_TOKENS) return bad(rows, role, "a whole number of tokens, at most 1000000000", error);
    *tokens = (uint32_t)whole;
    return MB_OK;
}

mb_status mb_rows_lengths(mb_rows *rows, mb_arrival *arrival, bool *failed, mb_error *error) {
    uint32_t *const targets[] = {&arrival->prompt_tokens, &arrival->output_tokens};
    *failed = false;
    for (mb_role role = MB_ROLE_PROMPT; role <= MB_ROLE_OUTPUT; role++) {
        uint32_t *tokens = targets[role - MB_ROLE_PROMPT];
        *tokens = 1; // where there is no such column
        if (!rows->has[role]) continue;
        const mb_cell at = cell(rows, role);
        uint64_t whole;
        if (is_value(at) && mb_parse_whole(at.text, at.length, &whole) && whole <= MB_MAX_TOKENS) {
            *tokens = (uint32_t)whole; // as nearly all are
            rows->seen[role] = true;
            continue;
        }
        rows->seen[role] = rows->seen[role] || is_value(at) || at.kind == MB_CELL_OTHER;
        *failed = *failed || is_absent(at);
        const mb_status status = *failed ? MB_OK : read_tokens(rows, role, at, tokens, error);
        if (status) return status;
    }
    if (!rows->wants_prediction || *failed) return MB_OK;
    return read_tokens(rows, MB_ROLE_PREDICTED, cell(rows, MB_ROLE_PREDICTED), &arrival->predicted_output,
                       error);
}

mb_status mb_rows_check_end(mb_rows *rows, mb_error *error) {
    for (mb_role role = MB_ROLE_PROMPT; role <= MB_ROLE_OUTPUT; role++)
        if (rows->has[role] && !rows->seen[role])
            return bad(rows, role, "a whole number of tokens in some row", error);
    return MB_OK;
}

// ---- what a row may have besides

static mb_status read_client(mb_rows *rows, uint32_t *client, mb_error *error) {
    const mb_cell at = cell(rows, MB_ROLE_CLIENT);
    if (at.kind != MB_CELL_EMPTY && !is_value(at))
        return bad(rows, MB_ROLE_CLIENT, "a name in quotes, or a whole number", error);
    return mb_name_table_add(&rows->clients, at.kind == MB_CELL_EMPTY ? "" : at.text, at.length, client)
               ? MB_OK
               : mb_fail_memory(error);
}

// "one of the classes "chat", "batch"".
static mb_status bad_class(mb_rows *rows, mb_error *error) {
    mb_strbuf names = {0};
    mb_strbuf_add(&names, rows->trace->class_count == 1 ? "the class " : "one of the classes ");
    for (size_t i = 0; i < rows->trace->class_count; i++) {
        mb_strbuf_add(&names, i ? ", " : "");
        mb_text_add_quoted(&names, rows->trace->classes[i].name, strlen(rows->trace->classes[i].name));
    }
    const mb_status status =
        names.failed ? mb_fail_memory(error) : bad(rows, MB_ROLE_CLASS, names.text, error);
    mb_strbuf_deinit(&names);
    return status;
}

static mb_status read_class(mb_rows *rows, uint32_t *class_index, mb_error *error) {
    const mb_cell at = cell(rows, MB_ROLE_CLASS);
    const mb_trace *trace = rows->trace;
    for (size_t i = 0; is_value(at) && i < trace->class_count; i++) {
        if (strlen(trace->classes[i].name) != at.length ||
            memcmp(trace->classes[i].name, at.text, at.length) != 0)
            continue;
        *class_index = (uint32_t)i;
        return MB_OK;
    }
    return bad_class(rows, error);
}

static mb_status read_priority(mb_rows *rows, int32_t *priority, mb_error *error) {
    double number;
    if (!read_number(cell(rows, MB_ROLE_PRIORITY), &number) || !(fabs(number) <= INT32_MAX) ||
        number != floor(number))
        return bad(rows, MB_ROLE_PRIORITY, "a whole number, larger for more urgent", error);
    *priority = (int32_t)number;
    return MB_OK;
}

static mb_status read_service(mb_rows *rows, double *service_s, mb_error *error) {
    if (read_number(cell(rows, MB_ROLE_SERVICE), service_s) && *service_s >= 0) return MB_OK;
    return bad(rows, MB_ROLE_SERVICE, "a service time in seconds, at least 0", error);
}

// From the request's start to its end, where that is known.
static mb_status read_duration(mb_rows *rows, mb_stamp time, double *lasted_s, mb_error *error) {
    mb_stamp span;
    bool is_date;
    if (is_absent(cell(rows, rows->has[MB_ROLE_DURATION] ? MB_ROLE_DURATION : MB_ROLE_END))) return MB_OK;
    if (rows->has[MB_ROLE_DURATION]) {
        const mb_status status = read_span(rows, MB_ROLE_DURATION, &span, error);
        if (!status) *lasted_s = mb_stamp_seconds(span, mb_rows_unit(rows));
        return status;
    }
    if (!read_stamp(rows, cell(rows, MB_ROLE_END), &is_date, &span))
        return bad_stamp(rows, MB_ROLE_END, error);
    if (mb_stamp_before(span, time)) return bad(rows, MB_ROLE_END, "an end not before the start", error);
    *lasted_s = mb_stamp_seconds(mb_stamp_minus(span, time), mb_rows_unit(rows));
    return MB_OK;
}

static bool reserve_ids(mb_rows *rows, size_t count) {
    if (count <= rows->id_capacity) return true;
    uint64_t *ids = realloc(rows->ids, 2 * count * sizeof *ids);
    if (!ids) return false;
    rows->ids = ids;
    rows->id_capacity = 2 * count;
    return true;
}

// A whole number below 2^64 at the start of the text; where it ends, or NULL.
static const char *read_id(const char *text, const char *end, uint64_t *id) {
    const char *start = text;
    const char *safe = end - text > 19 ? text + 19 : end; // 19 digits are less than 2^64
    uint64_t sum = 0;
    for (; text < safe && *text >= '0' && *text <= '9'; text++)
        sum = sum * 10 + (uint64_t)(*text - '0');
    for (; text < end && *text >= '0' && *text <= '9'; text++) {
        const uint64_t digit = (uint64_t)(*text - '0');
        if (sum > (UINT64_MAX - digit) / 10) return NULL;
        sum = sum * 10 + digit;
    }
    *id = sum;
    return text > start ? text : NULL;
}

static bool is_between_ids(char c) {
    static const bool between[256] = {[','] = true, [' '] = true,  ['['] = true,  [']'] = true,
                                      [';'] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true};
    return between[(unsigned char)c];
}

// "[1, 2, 3]", or the same without brackets and with spaces or semicolons between: at most `most` of them are
// kept, all are counted.
static bool read_ids(mb_rows *rows, mb_cell at, size_t most, size_t *count) {
    const char *text = at.text, *end = text + at.length;
    for (*count = 0;; ++*count) {
        while (text < end && is_between_ids(*text))
            text++;
        if (text == end) return true;
        uint64_t id;
        text = read_id(text, end, &id);
        if (!text || (text < end && !is_between_ids(*text))) return false;
        if (*count < most) rows->ids[*count] = id;
    }
}

// The ids of the prompt's units. More of them may follow, of the answer; they are nobody's prefix yet. Where
// the last unit is not full, some tools give it no id. An empty list shares nothing, as one that is missing.
static mb_status read_prefix(mb_rows *rows, mb_arrival *arrival, mb_error *error) {
    const uint32_t unit = rows->prefix_unit_tokens;
    const size_t units = ((size_t)arrival->prompt_tokens + unit - 1) / unit;
    const mb_cell at = cell(rows, MB_ROLE_PREFIX);
    const bool is_mooncake = rows->trace->layout == MB_TRACE_MOONCAKE;
    if (at.kind == MB_CELL_EMPTY || (at.kind == MB_CELL_NONE && is_mooncake)) return MB_OK;
    if (at.kind != MB_CELL_LIST && at.kind != MB_CELL_TEXT)
        return bad(rows, MB_ROLE_PREFIX, "a list of ids [1, 2, ...]", error);
    if (!reserve_ids(rows, units)) return mb_fail_memory(error);
    size_t count;
    if (!read_ids(rows, at, units, &count))
        return bad(rows, MB_ROLE_PREFIX, "whole numbers from 0 to 2^64 - 1 as ids", error);
    if (is_mooncake && count > 0 && count < arrival->prompt_tokens / unit) {
        char expected[96];
        snprintf(expected, sizeof expected, "%zu ids, one for every %u of the %u prompt tokens, not %zu",
                 units, unit, arrival->prompt_tokens, count);
        return bad(rows, MB_ROLE_PREFIX, expected, error);
    }
    if (count > units) count = units;
    arrival->prefix_ids = count ? rows->ids : NULL;
    arrival->prefix_count = (uint32_t)count;
    arrival->prefix_unit_tokens = count ? unit : 0;
    return MB_OK;
}

// ---- conversations

uint64_t mb_rows_key(mb_rows *rows, mb_role role) {
    const mb_cell at = cell(rows, role);
    if (!is_value(at) || is_absent(at)) return 0;
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (size_t i = 0; i < at.length; i++)
        hash = (hash ^ (unsigned char)at.text[i]) * 0x100000001b3u;
    return hash ? hash : 1;
}

static mb_status read_turn(mb_rows *rows, mb_turn *turn, mb_error *error) {
    *turn = (mb_turn){.lasted_s = -1, .delay_s = -1};
    if (rows->has[MB_ROLE_ID]) {
        turn->key = mb_rows_key(rows, MB_ROLE_ID);
        turn->parent = rows->has[MB_ROLE_PARENT] ? mb_rows_key(rows, MB_ROLE_PARENT) : 0;
        if (turn->parent == turn->key) turn->parent = 0;
    } else if (rows->has[MB_ROLE_SESSION]) {
        turn->key = turn->parent = mb_rows_key(rows, MB_ROLE_SESSION);
    }
    mb_stamp span;
    if (!rows->has[MB_ROLE_DELAY] || is_absent(cell(rows, MB_ROLE_DELAY))) return MB_OK;
    const mb_status status = read_span(rows, MB_ROLE_DELAY, &span, error);
    if (!status) turn->delay_s = mb_stamp_seconds(span, mb_rows_unit(rows));
    return status;
}

// Where a cell is empty the caller gave none.
static mb_status read_max_output(mb_rows *rows, mb_arrival *arrival, mb_error *error) {
    const mb_cell at = cell(rows, MB_ROLE_MAX_OUTPUT);
    if (is_absent(at)) return MB_OK;
    const mb_status status = read_tokens(rows, MB_ROLE_MAX_OUTPUT, at, &arrival->max_output, error);
    if (status || (arrival->max_output && arrival->max_output >= arrival->output_tokens)) return status;
    char expected[80];
    snprintf(expected, sizeof expected, "at least the %u tokens of the output, or nothing",
             arrival->output_tokens > 1 ? arrival->output_tokens : 1);
    return bad(rows, MB_ROLE_MAX_OUTPUT, expected, error);
}

static mb_status read_noise(mb_rows *rows, uint64_t *noise, mb_error *error) {
    const mb_cell at = cell(rows, MB_ROLE_NOISE);
    if (is_value(at) && read_id(at.text, at.text + at.length, noise) == at.text + at.length) return MB_OK;
    return bad(rows, MB_ROLE_NOISE, "a whole number from 0 to 2^64 - 1", error);
}

mb_status mb_rows_extras(mb_rows *rows, mb_stamp time, mb_arrival *arrival, mb_error *error) {
    mb_status status = MB_OK;
    if (rows->has[MB_ROLE_CLIENT]) status = read_client(rows, &arrival->client, error);
    if (!status && rows->has[MB_ROLE_CLASS]) status = read_class(rows, &arrival->class_index, error);
    if (!status && rows->has[MB_ROLE_PRIORITY]) status = read_priority(rows, &arrival->priority, error);
    if (!status && rows->has[MB_ROLE_PREFIX]) status = read_prefix(rows, arrival, error);
    if (!status && rows->has[MB_ROLE_MAX_OUTPUT]) status = read_max_output(rows, arrival, error);
    if (!status && rows->has[MB_ROLE_NOISE]) status = read_noise(rows, &arrival->noise, error);
    if (status) return status;
    if (rows->has[MB_ROLE_ID] || rows->has[MB_ROLE_SESSION]) status = read_turn(rows, &arrival->turn, error);
    if (status) return status;
    // Below 2^53, so that Lua's numbers hold it.
    if (rows->has[MB_ROLE_SESSION]) arrival->session = mb_rows_key(rows, MB_ROLE_SESSION) >> 11;
    const bool timed = rows->has[MB_ROLE_DURATION] || rows->has[MB_ROLE_END];
    if (timed) status = read_duration(rows, time, &arrival->turn.lasted_s, error);
    if (timed) arrival->service_s = fmax(arrival->turn.lasted_s, 0);
    if (!status && rows->has[MB_ROLE_SERVICE]) status = read_service(rows, &arrival->service_s, error);
    return status;
}

const char *mb_rows_client_name(const mb_rows *rows, uint32_t client) {
    return client < rows->clients.count ? rows->clients.names[client] : "";
}
