// SPDX-License-Identifier: MIT
// Traces as CSV: BurstGPT's layouts, Azure's, and any other.
#include "workload/csv_reader.h"
#include "workload/trace_rows.h"

#include <stdlib.h>

#define MAX_GUESSES 8

// What each role's column is called when the user does not say.
static const char
    *const known_columns[3][MB_ROLES][MAX_GUESSES] =
        {
            [MB_TRACE_BURSTGPT] =
                {
                    [MB_ROLE_TIME] = {"Timestamp"},
                    [MB_ROLE_PROMPT] = {"Request tokens"},
                    [MB_ROLE_OUTPUT] = {"Response tokens"},
                    [MB_ROLE_PREDICTED] = {"predicted"},
                    [MB_ROLE_CLIENT] = {"Model"},
                },
            [MB_TRACE_AZURE] =
                {
                    [MB_ROLE_TIME] = {"TIMESTAMP"},
                    [MB_ROLE_PROMPT] = {"ContextTokens"},
                    [MB_ROLE_OUTPUT] = {"GeneratedTokens"},
                    [MB_ROLE_PREDICTED] = {"predicted"},
                },
            [MB_TRACE_CSV] =
                {
                    [MB_ROLE_TIME] = {"time", "arrival", "arrival_s", "arrival_time", "arrived_at",
                                      "timestamp"},
                    [MB_ROLE_PROMPT] = {"prompt", "prompt_tokens", "input", "input_tokens", "input_length",
                                        "num_prefill_tokens", "ContextTokens", "Request tokens"},
                    [MB_ROLE_OUTPUT] = {"output", "output_tokens", "output_length", "completion_tokens",
                                        "num_decode_tokens", "GeneratedTokens", "Response tokens"},
                    [MB_ROLE_PREDICTED] = {"predicted", "predicted_output", "predicted_tokens"},
                    [MB_ROLE_CLIENT] = {"client"},
                    [MB_ROLE_PRIORITY] = {"priority"},
                    [MB_ROLE_SERVICE] = {"service", "service_s"},
                },
};

typedef struct csv_rows {
    mb_rows rows;
    mb_csv_reader *csv;
    size_t columns[MB_ROLES]; // MB_CSV_NO_COLUMN where there is none
} csv_rows;

// ---- columns

static mb_status fail_no_column(const csv_rows *rows, mb_role role, mb_error *error) {
    const char *const *names = known_columns[rows->rows.trace->layout][role];
    if (!names[1]) { // one possible name: say that
        size_t column;
        return mb_csv_require_column(rows->csv, names[0], &column, error);
    }
    char *list = mb_csv_column_list(rows->csv);
    const mb_status status =
        list ? mb_fail_at(error, MB_BAD_INPUT, rows->rows.trace->path, mb_csv_line(rows->csv),
                          "no column \"%s\", nor another usual name of it; expected columns = { %s = \"...\" "
                          "} to name "
                          "one of %s",
                          names[0], mb_role_names[role], list)
             : mb_fail_memory(error);
    free(list);
    return status;
}

// The user's column must be there; else the first of the usual names that is.
static mb_status find_role(csv_rows *rows, mb_role role, mb_error *error) {
    const char *found = mb_role_column(&rows->rows.trace->columns, role);
    size_t *column = &rows->columns[role];
    *column = MB_CSV_NO_COLUMN;
    if (role == MB_ROLE_PREDICTED && !rows->rows.wants_prediction) return MB_OK;
    const char *const *names = known_columns[rows->rows.trace->layout][role];
    for (size_t i = 0; !found && i < MAX_GUESSES && names[i]; i++)
        if (mb_csv_find_column(rows->csv, names[i]) != MB_CSV_NO_COLUMN) found = names[i];
    if (!found) return MB_OK;
    const mb_status status = mb_csv_require_column(rows->csv, found, column, error);
    if (status) return status;
    mb_csv_keep(rows->csv, *column);
    rows->rows.has[role] = true;
    return MB_OK;
}

// A start may be an end less a duration; jobs need no lengths.
static mb_status find_columns(csv_rows *rows, mb_error *error) {
    const mb_trace_columns *given = &rows->rows.trace->columns;
    const bool is_end = !given->time && given->end && given->duration, untimed = rows->rows.trace->untimed;
    for (mb_role role = 0; role < MB_ROLES; role++) {
        if ((is_end || untimed) && role == MB_ROLE_TIME) continue;
        const mb_status status = find_role(rows, role, error);
        if (status) return status;
    }
    const bool *has = rows->rows.has;
    const bool is_jobs = has[MB_ROLE_SERVICE];
    if (!has[MB_ROLE_TIME] && !is_end && !untimed) return fail_no_column(rows, MB_ROLE_TIME, error);
    if (!has[MB_ROLE_PROMPT] && !is_jobs) return fail_no_column(rows, MB_ROLE_PROMPT, error);
    if (!has[MB_ROLE_OUTPUT] && !is_jobs) return fail_no_column(rows, MB_ROLE_OUTPUT, error);
    if (!has[MB_ROLE_PREDICTED] && rows->rows.wants_prediction)
        return fail_no_column(rows, MB_ROLE_PREDICTED, error);
    return MB_OK;
}

// ---- reading

static mb_status next_row(mb_rows *self, bool *end, mb_error *error) {
    return mb_csv_next(((csv_rows *)self)->csv, end, error);
}

static mb_cell find_cell(mb_rows *self, mb_role role) {
    const csv_rows *rows = (const csv_rows *)self;
    const mb_csv_field field = mb_csv_get(rows->csv, rows->columns[role]);
    return (mb_cell){field.length ? MB_CELL_TEXT : MB_CELL_EMPTY, field.text, field.length};
}

static mb_status bad_cell(mb_rows *self, mb_role role, const char *expected, mb_error *error) {
    const csv_rows *rows = (const csv_rows *)self;
    return mb_csv_bad_field(rows->csv, rows->columns[role], expected, error);
}

// ---- opening

static void close_rows(mb_rows *self) {
    csv_rows *rows = (csv_rows *)self;
    mb_csv_close(rows->csv);
    mb_rows_close(self);
    free(rows);
}

static const mb_rows_format format = {next_row, find_cell, bad_cell, close_rows};

mb_status mb_rows_open_csv(const mb_trace *trace, bool wants_prediction, mb_rows **out, mb_error *error) {
    *out = NULL;
    csv_rows *rows = calloc(1, sizeof *rows);
    if (!rows) return mb_fail_memory(error);
    mb_rows_init(&rows->rows, &format, trace, wants_prediction);
    mb_status status = mb_csv_open(trace->path, &rows->csv, error);
    if (!status) status = find_columns(rows, error);
    if (status)
        close_rows(&rows->rows);
    else
        *out = &rows->rows;
    return status;
}
