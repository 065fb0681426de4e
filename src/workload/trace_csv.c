// SPDX-License-Identifier: MIT
// Traces as CSV: BurstGPT's layouts, Azure's, and any other.
#include "workload/csv_reader.h"
#include "workload/name_table.h"
#include "workload/parse.h"
#include "workload/trace_rows.h"

#include <math.h>
#include <stdlib.h>

enum { TIME, PROMPT, OUTPUT, PREDICTED, CLIENT, PRIORITY, SERVICE, ROLES };

#define MAX_GUESSES 8

// What each role's column is called when the user does not say.
static const char *const role_names[ROLES] = {"time",   "prompt",   "output", "predicted",
                                              "client", "priority", "service"};
static const char
    *const known_columns[3][ROLES][MAX_GUESSES] =
        {
            [MB_TRACE_BURSTGPT] =
                {
                    [TIME] = {"Timestamp"},
                    [PROMPT] = {"Request tokens"},
                    [OUTPUT] = {"Response tokens"},
                    [PREDICTED] = {"predicted"},
                    [CLIENT] = {"Model"},
                },
            [MB_TRACE_AZURE] =
                {
                    [TIME] = {"TIMESTAMP"},
                    [PROMPT] = {"ContextTokens"},
                    [OUTPUT] = {"GeneratedTokens"},
                    [PREDICTED] = {"predicted"},
                },
            [MB_TRACE_CSV] =
                {
                    [TIME] = {"time", "arrival", "arrival_s", "arrival_time", "arrived_at", "timestamp"},
                    [PROMPT] = {"prompt", "prompt_tokens", "input", "input_tokens", "input_length",
                                "num_prefill_tokens", "ContextTokens", "Request tokens"},
                    [OUTPUT] = {"output", "output_tokens", "output_length", "completion_tokens",
                                "num_decode_tokens", "GeneratedTokens", "Response tokens"},
                    [PREDICTED] = {"predicted", "predicted_output", "predicted_tokens"},
                    [CLIENT] = {"client"},
                    [PRIORITY] = {"priority"},
                    [SERVICE] = {"service", "service_s"},
                },
};

typedef struct csv_rows {
    mb_rows rows;
    const mb_trace *trace;
    bool wants_prediction;
    mb_csv_reader *csv;
    size_t columns[ROLES]; // MB_CSV_NO_COLUMN where there is none
    mb_name_table clients;
    bool has_first, is_date; // of the first row: later ones must be written alike
    int64_t first_ns;        // the first row's date
} csv_rows;

// ---- columns

static const char *given_column(const mb_trace_columns *columns, int role) {
    const char *const names[ROLES] = {columns->time,   columns->prompt,   columns->output, columns->predicted,
                                      columns->client, columns->priority, columns->service};
    return names[role];
}

static mb_status fail_no_column(const csv_rows *rows, int role, mb_error *error) {
    const char *const *names = known_columns[rows->trace->layout][role];
    if (!names[1]) { // one possible name: say that
        size_t column;
        return mb_csv_require_column(rows->csv, names[0], &column, error);
    }
    char *list = mb_csv_column_list(rows->csv);
    const mb_status status =
        list ? mb_fail_at(error, MB_BAD_INPUT, rows->trace->path, mb_csv_line(rows->csv),
                          "no column \"%s\", nor another usual name of it; expected columns = { %s = \"...\" "
                          "} to name "
                          "one of %s",
                          names[0], role_names[role], list)
             : mb_fail_memory(error);
    free(list);
    return status;
}

// The user's column must be there; else the first of the usual names that is.
static mb_status find_role(csv_rows *rows, int role, mb_error *error) {
    const char *given = given_column(&rows->trace->columns, role);
    size_t *column = &rows->columns[role];
    *column = MB_CSV_NO_COLUMN;
    if (role == PREDICTED && !rows->wants_prediction) return MB_OK;
    const char *found = given;
    const char *const *names = known_columns[rows->trace->layout][role];
    for (size_t i = 0; !found && i < MAX_GUESSES && names[i]; i++)
        if (mb_csv_find_column(rows->csv, names[i]) != MB_CSV_NO_COLUMN) found = names[i];
    if (!found) return MB_OK;
    const mb_status status = mb_csv_require_column(rows->csv, found, column, error);
    if (!status) mb_csv_keep(rows->csv, *column);
    return status;
}

static mb_status find_columns(csv_rows *rows, mb_error *error) {
    for (int role = 0; role < ROLES; role++) {
        const mb_status status = find_role(rows, role, error);
        if (status) return status;
    }
    const bool is_jobs = rows->columns[SERVICE] != MB_CSV_NO_COLUMN;
    for (int role = TIME; role <= PREDICTED; role++) {
        const bool needed = role == TIME || (role == PREDICTED ? rows->wants_prediction : !is_jobs);
        if (needed && rows->columns[role] == MB_CSV_NO_COLUMN) return fail_no_column(rows, role, error);
    }
    return MB_OK;
}

// ---- reading

static mb_status next_row(mb_rows *self, bool *end, mb_error *error) {
    return mb_csv_next(((csv_rows *)self)->csv, end, error);
}

// Dates count from the first row in whole nanoseconds, so that nothing is lost to their distance from 1970.
static mb_status read_time(mb_rows *self, double *time_s, mb_error *error) {
    csv_rows *rows = (csv_rows *)self;
    const mb_csv_field field = mb_csv_get(rows->csv, rows->columns[TIME]);
    double number;
    int64_t nanoseconds;
    if (!rows->has_first || !rows->is_date) {
        if (mb_parse_number(field.text, field.length, &number)) {
            *time_s = number * rows->trace->time_unit_s;
            if (number >= 0 && isfinite(*time_s)) {
                rows->has_first = true;
                return MB_OK;
            }
            return mb_csv_bad_field(rows->csv, rows->columns[TIME], "a time of at least 0", error);
        }
    }
    if ((!rows->has_first || rows->is_date) && mb_parse_date(field.text, field.length, &nanoseconds)) {
        if (!rows->has_first) rows->first_ns = nanoseconds;
        rows->has_first = rows->is_date = true;
        *time_s = (double)(nanoseconds - rows->first_ns) / 1e9;
        return MB_OK;
    }
    const char *expected = !rows->has_first ? "a number, or a date like 2023-11-16 18:15:46.6805900"
                           : rows->is_date  ? "a date like 2023-11-16 18:15:46.6805900, as in the first row"
                                            : "a number, as in the first row";
    return mb_csv_bad_field(rows->csv, rows->columns[TIME], expected, error);
}

static mb_status read_priority(const csv_rows *rows, int32_t *priority, mb_error *error) {
    const mb_csv_field field = mb_csv_get(rows->csv, rows->columns[PRIORITY]);
    double number;
    if (!mb_parse_number(field.text, field.length, &number) || !(fabs(number) <= INT32_MAX) ||
        number != (double)(int32_t)number)
        return mb_csv_bad_field(rows->csv, rows->columns[PRIORITY], "a whole number, larger for more urgent",
                                error);
    *priority = (int32_t)number;
    return MB_OK;
}

static mb_status read_lengths(mb_rows *self, mb_arrival *arrival, mb_error *error) {
    csv_rows *rows = (csv_rows *)self;
    uint32_t *const targets[] = {&arrival->prompt_tokens, &arrival->output_tokens,
                                 &arrival->predicted_output};
    arrival->prompt_tokens = arrival->output_tokens = 1; // where there is no such column
    for (int i = 0; i < 3; i++) {
        const size_t column = rows->columns[PROMPT + i];
        if (column == MB_CSV_NO_COLUMN) continue;
        const mb_status status = mb_csv_tokens(rows->csv, column, targets[i], error);
        if (status) return status;
    }
    return MB_OK;
}

static mb_status read_extras(mb_rows *self, mb_arrival *arrival, mb_error *error) {
    csv_rows *rows = (csv_rows *)self;
    const size_t *columns = rows->columns;
    if (columns[CLIENT] != MB_CSV_NO_COLUMN) {
        const mb_csv_field field = mb_csv_get(rows->csv, columns[CLIENT]);
        if (!mb_name_table_add(&rows->clients, field.text, field.length, &arrival->client))
            return mb_fail_memory(error);
    }
    if (columns[PRIORITY] != MB_CSV_NO_COLUMN) {
        const mb_status status = read_priority(rows, &arrival->priority, error);
        if (status) return status;
    }
    if (columns[SERVICE] == MB_CSV_NO_COLUMN) return MB_OK;
    return mb_csv_number(rows->csv, columns[SERVICE], "a service time in seconds, at least 0",
                         &arrival->service_s, error);
}

static mb_status bad_time(const mb_rows *self, const char *expected, mb_error *error) {
    const csv_rows *rows = (const csv_rows *)self;
    return mb_csv_bad_field(rows->csv, rows->columns[TIME], expected, error);
}

static const char *client_name(const mb_rows *self, uint32_t client) {
    const csv_rows *rows = (const csv_rows *)self;
    return client < rows->clients.count ? rows->clients.names[client] : "";
}

// ---- opening

static void close_rows(mb_rows *self) {
    csv_rows *rows = (csv_rows *)self;
    mb_csv_close(rows->csv);
    mb_name_table_deinit(&rows->clients);
    free(rows);
}

static const mb_rows_format format = {next_row, read_time,   read_lengths, read_extras,
                                      bad_time, client_name, close_rows};

mb_status mb_rows_open_csv(const mb_trace *trace, bool wants_prediction, mb_rows **out, mb_error *error) {
    *out = NULL;
    csv_rows *rows = calloc(1, sizeof *rows);
    if (!rows) return mb_fail_memory(error);
    *rows = (csv_rows){.rows.format = &format, .trace = trace, .wants_prediction = wants_prediction};
    mb_status status = mb_csv_open(trace->path, &rows->csv, error);
    if (!status) status = find_columns(rows, error);
    if (status)
        close_rows(&rows->rows);
    else
        *out = &rows->rows;
    return status;
}
