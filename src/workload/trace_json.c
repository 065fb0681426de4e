// SPDX-License-Identifier: MIT
// Traces as JSON: an object a row, by Mooncake's names or those that the scenario gives; or an object of
// lists, whose elements of the same place are a row.
#include "workload/json_reader.h"
#include "workload/trace_rows.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MOONCAKE_UNIT 512u

static const mb_trace_columns mooncake = {.time = "timestamp",
                                          .prompt = "input_length",
                                          .output = "output_length",
                                          .predicted = "predicted",
                                          .prefix = "hash_ids"};

typedef struct json_rows {
    mb_rows rows;
    const char *keys[MB_ROLES]; // borrowed
    mb_json_reader reader;
    mb_json_place places[MB_ROLES]; // in the current object
    bool lists;                     // it holds lists, of which the current elements are a row
    uint64_t element;               // the row's place in them, from 1
    const char *cursors[MB_ROLES];  // what follows the current element; NULL: no list
    mb_json_place elements[MB_ROLES];
    char *decoded; // a client's name that was written with escapes
} json_rows;

// ---- complaints

static mb_status bad_cell(mb_rows *self, mb_role role, const char *expected, mb_error *error) {
    const json_rows *rows = (const json_rows *)self;
    const mb_json_place *place = rows->cursors[role] ? &rows->elements[role] : &rows->places[role];
    mb_strbuf text = {0};
    if (!place->text) mb_strbuf_add(&text, "no ");
    if (rows->cursors[role]) mb_strbuf_printf(&text, "element %llu of ", (unsigned long long)rows->element);
    mb_text_add_quoted(&text, rows->keys[role], strlen(rows->keys[role]));
    if (place->text) {
        mb_strbuf_add(&text, " is ");
        mb_text_add_safe(&text, place->text, (size_t)(place->end - place->text), 60);
    }
    mb_strbuf_printf(&text, "; expected %s", expected);
    const mb_status status = text.failed ? mb_fail_memory(error)
                                         : mb_fail_at(error, MB_BAD_INPUT, rows->reader.file.path,
                                                      rows->reader.line, "%s", text.text);
    mb_strbuf_deinit(&text);
    return status;
}

// ---- lists side by side

// One of these that is a list beside another that is none holds something else, such as the prompt's tokens.
static mb_status begin_lists(json_rows *rows, mb_error *error) {
    static const mb_role telling[] = {MB_ROLE_TIME, MB_ROLE_PROMPT, MB_ROLE_OUTPUT, MB_ROLE_END};
    mb_role list = MB_ROLES, other = MB_ROLES;
    rows->element = 0;
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++) {
        const char *text = rows->places[telling[i]].text;
        if (text && *text == '[')
            list = telling[i];
        else if (text)
            other = telling[i];
    }
    rows->lists = list != MB_ROLES;
    for (mb_role role = 0; role < MB_ROLES; role++) {
        const char *text = rows->places[role].text;
        rows->cursors[role] = rows->lists && text && *text == '[' ? mb_json_skip_space(text + 1) : NULL;
    }
    if (!rows->lists || other == MB_ROLES) return MB_OK;
    return mb_fail_at(error, MB_BAD_INPUT, rows->reader.file.path, rows->reader.line,
                      "\"%.60s\" is a list, and \"%.60s\" is none; expected a request an object, or lists "
                      "with an element a request",
                      rows->keys[list], rows->keys[other]);
}

// To the next elements; *end where all lists end.
static mb_status next_elements(json_rows *rows, bool *end, mb_error *error) {
    mb_role ended = MB_ROLES, going = MB_ROLES;
    for (mb_role role = 0; role < MB_ROLES; role++) {
        const char *at = rows->cursors[role];
        if (at && *at == ']') ended = role;
        if (!at || *at == ']') continue;
        going = role;
        rows->elements[role] = (mb_json_place){.text = at, .end = mb_json_skip(at)};
        at = mb_json_skip_space(rows->elements[role].end);
        rows->cursors[role] = *at == ',' ? mb_json_skip_space(at + 1) : at;
    }
    *end = going == MB_ROLES;
    if (*end || ended == MB_ROLES) {
        rows->element++;
        return MB_OK;
    }
    return mb_fail_at(error, MB_BAD_INPUT, rows->reader.file.path, rows->reader.line,
                      "\"%.60s\" has %llu values, and \"%.60s\" more; expected lists of one length",
                      rows->keys[ended], (unsigned long long)rows->element, rows->keys[going]);
}

// ---- reading

static mb_status next_object(json_rows *rows, bool *end, mb_error *error) {
    const mb_json_wanted wanted = {rows->keys, rows->places, MB_ROLES};
    mb_status status = mb_json_next(&rows->reader, &wanted, end, error);
    if (status || *end) return status;
    status = begin_lists(rows, error);
    if (status) return status;
    for (mb_role role = 0; role < MB_ROLES; role++)
        if (rows->places[role].doubled)
            return mb_fail_at(error, MB_BAD_INPUT, rows->reader.file.path, rows->reader.line,
                              "two values of \"%.60s\"; expected one", rows->keys[role]);
    return MB_OK;
}

static mb_status next_row(mb_rows *self, bool *end, mb_error *error) {
    json_rows *rows = (json_rows *)self;
    *end = false;
    for (;;) {
        bool over = true;
        mb_status status = rows->lists ? next_elements(rows, &over, error) : MB_OK;
        if (status || !over) return status;
        status = next_object(rows, end, error);
        if (status || *end || !rows->lists) return status;
    }
}

// jansson knows what escapes stand for.
static mb_cell decode(json_rows *rows, mb_cell written) {
    json_t *value = json_loadb(written.text - 1, written.length + 2, JSON_DECODE_ANY, NULL);
    free(rows->decoded);
    rows->decoded = value ? mb_strdup(json_string_value(value)) : NULL;
    json_decref(value);
    if (!rows->decoded) return (mb_cell){.kind = MB_CELL_OTHER};
    return (mb_cell){MB_CELL_TEXT, rows->decoded, strlen(rows->decoded)};
}

static mb_cell find_cell(mb_rows *self, mb_role role) {
    json_rows *rows = (json_rows *)self;
    const mb_json_place *place = rows->cursors[role] ? &rows->elements[role] : &rows->places[role];
    if (!place->text) return (mb_cell){.kind = MB_CELL_NONE};
    mb_cell found = {MB_CELL_OTHER, place->text, (size_t)(place->end - place->text)};
    const char first = *place->text;
    if (first == 'n') found.kind = MB_CELL_EMPTY;
    if (first == '[') found.kind = MB_CELL_LIST;
    if (first == '-' || (first >= '0' && first <= '9')) found.kind = MB_CELL_NUMBER;
    if (first != '"') return found;
    found = (mb_cell){MB_CELL_TEXT, place->text + 1, found.length - 2};
    return memchr(found.text, '\\', found.length) ? decode(rows, found) : found;
}

// ---- opening

static void close_rows(mb_rows *self) {
    json_rows *rows = (json_rows *)self;
    mb_json_close(&rows->reader);
    mb_rows_close(self);
    free(rows->decoded);
    free(rows);
}

static const mb_rows_format format = {next_row, find_cell, bad_cell, close_rows};

static mb_status check_keys(const mb_trace *trace, bool wants_prediction, mb_error *error) {
    const mb_trace_columns *keys = &trace->columns;
    if (trace->layout == MB_TRACE_MOONCAKE) return MB_OK;
    const bool timed = keys->time || (keys->end && keys->duration) || trace->untimed;
    if (!timed || !keys->prompt || !keys->output || (wants_prediction && !keys->predicted))
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: JSON lines without names; expected the keys of time, prompt and output%s",
                       trace->path, wants_prediction ? ", and of the predicted length" : "");
    return MB_OK;
}

mb_status mb_rows_open_json(const mb_trace *trace, bool wants_prediction, mb_rows **out, mb_error *error) {
    const bool is_mooncake = trace->layout == MB_TRACE_MOONCAKE;
    *out = NULL;
    mb_status status = check_keys(trace, wants_prediction, error);
    if (status) return status;
    json_rows *rows = calloc(1, sizeof *rows);
    if (!rows) return mb_fail_memory(error);
    mb_rows_init(&rows->rows, &format, trace, wants_prediction);
    if (is_mooncake) {
        rows->rows.unit = mb_time_unit_of(0.001);
        rows->rows.prefix_unit_tokens = MOONCAKE_UNIT;
    }
    for (mb_role role = 0; role < MB_ROLES; role++) {
        if (role == MB_ROLE_PREDICTED && !wants_prediction) continue;
        rows->keys[role] = mb_role_column(is_mooncake ? &mooncake : &trace->columns, role);
        rows->rows.has[role] = rows->keys[role] != NULL;
    }
    status = mb_json_open(&rows->reader, trace->path, error);
    if (status)
        close_rows(&rows->rows);
    else
        *out = &rows->rows;
    return status;
}
