// SPDX-License-Identifier: MIT
#include "workload/trace.h"

#include "workload/csv_reader.h"
#include "workload/name_table.h"
#include "workload/parse.h"

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

struct mb_trace_reader {
    const mb_trace *trace;
    mb_trace_options options;
    mb_csv_reader *csv;
    size_t columns[ROLES]; // MB_CSV_NO_COLUMN where there is none
    mb_name_table clients;

    bool has_first, is_date; // of the first row: later ones must be written alike
    int64_t first_ns;        // the first row's date
    double first_s;          // the first row's time, or 0 where times are dates
    double previous_s;
    bool has_origin;
    double origin_s; // the trace's time that becomes 0
    uint64_t left_to_skip, given_out;
    mb_source_counts counts;
};

// ---- opening

static bool is_positive(double x) {
    return x > 0 && isfinite(x);
}

mb_status mb_trace_check(const mb_trace *trace, mb_error *error) {
    if (!trace->path) return mb_fail(error, MB_BAD_INPUT, "trace: no file given; expected a path");
    if ((unsigned)trace->layout > MB_TRACE_CSV) return mb_fail(error, MB_BAD_INPUT, "trace: unknown layout");
    if (!is_positive(trace->rate_scale))
        return mb_fail(
            error, MB_BAD_INPUT,
            "trace: rate_scale is %g; expected a positive number (100 plays the trace 100 times faster)",
            trace->rate_scale);
    if (!is_positive(trace->time_unit_s))
        return mb_fail(error, MB_BAD_INPUT, "trace: the time unit is %g s; expected positive seconds",
                       trace->time_unit_s);
    if (!(trace->from_s >= 0 && isfinite(trace->from_s) && trace->to_s > trace->from_s))
        return mb_fail(error, MB_BAD_INPUT, "trace: the window is from %g s to %g s; expected 0 <= from < to",
                       trace->from_s, trace->to_s);
    return MB_OK;
}

static const char *given_column(const mb_trace_columns *columns, int role) {
    const char *const names[ROLES] = {columns->time,   columns->prompt,   columns->output, columns->predicted,
                                      columns->client, columns->priority, columns->service};
    return names[role];
}

static mb_status fail_no_column(const mb_trace_reader *reader, int role, mb_error *error) {
    const char *const *names = known_columns[reader->trace->layout][role];
    if (!names[1]) { // one possible name: say that
        size_t column;
        return mb_csv_require_column(reader->csv, names[0], &column, error);
    }
    char *list = mb_csv_column_list(reader->csv);
    const mb_status status =
        list ? mb_fail_at(error, MB_BAD_INPUT, reader->trace->path, mb_csv_line(reader->csv),
                          "no column \"%s\", nor another usual name of it; expected columns = { %s = \"...\" "
                          "} to name "
                          "one of %s",
                          names[0], role_names[role], list)
             : mb_fail_memory(error);
    free(list);
    return status;
}

// The user's column must be there; else the first of the usual names that is.
static mb_status find_role(mb_trace_reader *reader, int role, mb_error *error) {
    const char *given = given_column(&reader->trace->columns, role);
    size_t *column = &reader->columns[role];
    *column = MB_CSV_NO_COLUMN;
    if (role == PREDICTED && !reader->options.wants_prediction) return MB_OK;
    const char *found = given;
    const char *const *names = known_columns[reader->trace->layout][role];
    for (size_t i = 0; !found && i < MAX_GUESSES && names[i]; i++)
        if (mb_csv_find_column(reader->csv, names[i]) != MB_CSV_NO_COLUMN) found = names[i];
    if (!found) return MB_OK;
    const mb_status status = mb_csv_require_column(reader->csv, found, column, error);
    if (!status) mb_csv_keep(reader->csv, *column);
    return status;
}

static mb_status find_columns(mb_trace_reader *reader, mb_error *error) {
    for (int role = 0; role < ROLES; role++) {
        const mb_status status = find_role(reader, role, error);
        if (status) return status;
    }
    const bool is_jobs = reader->columns[SERVICE] != MB_CSV_NO_COLUMN;
    for (int role = TIME; role <= PREDICTED; role++) {
        const bool needed = role == TIME || (role == PREDICTED ? reader->options.wants_prediction : !is_jobs);
        if (needed && reader->columns[role] == MB_CSV_NO_COLUMN) return fail_no_column(reader, role, error);
    }
    return MB_OK;
}

mb_status mb_trace_open(const mb_trace *trace, mb_trace_options options, mb_trace_reader **out,
                        mb_error *error) {
    *out = NULL;
    mb_trace_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return mb_fail_memory(error);
    reader->trace = trace;
    reader->options = options;
    reader->left_to_skip = options.skip_rows;
    mb_status status = mb_csv_open(trace->path, &reader->csv, error);
    if (!status) status = find_columns(reader, error);
    if (status) {
        mb_trace_close(reader);
        return status;
    }
    *out = reader;
    return MB_OK;
}

void mb_trace_close(mb_trace_reader *reader) {
    if (!reader) return;
    mb_csv_close(reader->csv);
    mb_name_table_deinit(&reader->clients);
    free(reader);
}

// ---- reading

// Dates count from the first row in whole nanoseconds, so that nothing is lost to their distance from 1970.
static mb_status read_time(mb_trace_reader *reader, double *time_s, mb_error *error) {
    const mb_csv_field field = mb_csv_get(reader->csv, reader->columns[TIME]);
    double number;
    int64_t nanoseconds;
    if (!reader->has_first || !reader->is_date) {
        if (mb_parse_number(field.text, field.length, &number)) {
            *time_s = number * reader->trace->time_unit_s;
            if (number >= 0 && isfinite(*time_s)) {
                if (!reader->has_first) reader->first_s = reader->previous_s = *time_s;
                reader->has_first = true;
                return MB_OK;
            }
            return mb_csv_bad_field(reader->csv, reader->columns[TIME], "a time of at least 0", error);
        }
    }
    if ((!reader->has_first || reader->is_date) && mb_parse_date(field.text, field.length, &nanoseconds)) {
        if (!reader->has_first) reader->first_ns = nanoseconds;
        reader->has_first = reader->is_date = true;
        *time_s = (double)(nanoseconds - reader->first_ns) / 1e9;
        return MB_OK;
    }
    const char *expected = !reader->has_first ? "a number, or a date like 2023-11-16 18:15:46.6805900"
                           : reader->is_date  ? "a date like 2023-11-16 18:15:46.6805900, as in the first row"
                                              : "a number, as in the first row";
    return mb_csv_bad_field(reader->csv, reader->columns[TIME], expected, error);
}

static mb_status read_priority(const mb_trace_reader *reader, int32_t *priority, mb_error *error) {
    const mb_csv_field field = mb_csv_get(reader->csv, reader->columns[PRIORITY]);
    double number;
    if (!mb_parse_number(field.text, field.length, &number) || !(fabs(number) <= INT32_MAX) ||
        number != (double)(int32_t)number)
        return mb_csv_bad_field(reader->csv, reader->columns[PRIORITY],
                                "a whole number, larger for more urgent", error);
    *priority = (int32_t)number;
    return MB_OK;
}

static mb_status read_lengths(mb_trace_reader *reader, mb_arrival *arrival, mb_error *error) {
    uint32_t *const targets[] = {&arrival->prompt_tokens, &arrival->output_tokens,
                                 &arrival->predicted_output};
    arrival->prompt_tokens = arrival->output_tokens = 1; // where there is no such column
    for (int i = 0; i < 3; i++) {
        const size_t column = reader->columns[PROMPT + i];
        if (column == MB_CSV_NO_COLUMN) continue;
        const mb_status status = mb_csv_tokens(reader->csv, column, targets[i], error);
        if (status) return status;
    }
    return MB_OK;
}

static mb_status read_extras(mb_trace_reader *reader, mb_arrival *arrival, mb_error *error) {
    const size_t *columns = reader->columns;
    if (columns[CLIENT] != MB_CSV_NO_COLUMN) {
        const mb_csv_field field = mb_csv_get(reader->csv, columns[CLIENT]);
        if (!mb_name_table_add(&reader->clients, field.text, field.length, &arrival->client))
            return mb_fail_memory(error);
    }
    if (columns[PRIORITY] != MB_CSV_NO_COLUMN) {
        const mb_status status = read_priority(reader, &arrival->priority, error);
        if (status) return status;
    }
    if (columns[SERVICE] == MB_CSV_NO_COLUMN) return MB_OK;
    return mb_csv_number(reader->csv, columns[SERVICE], "a service time in seconds, at least 0",
                         &arrival->service_s, error);
}

// A trace, or a stretch of it, that ends before it gave what was asked for would be a result about nothing.
static mb_status check_end(const mb_trace_reader *reader, mb_error *error) {
    const mb_trace *trace = reader->trace;
    const uint64_t skip = reader->options.skip_rows, needed = reader->options.needed_rows;
    if (reader->given_out >= (needed ? needed : 1)) return MB_OK;
    if (reader->counts.rows == 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: no rows after the header; expected at least one",
                       trace->path);
    const uint64_t usable = skip - reader->left_to_skip + reader->given_out;
    if (needed)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: the trace ends after %llu usable rows, but replication %llu needs the rows from %llu to "
            "%llu; expected fewer seeds, a smaller limit, or window_per_seed = false",
            trace->path, (unsigned long long)usable, (unsigned long long)reader->options.replication,
            (unsigned long long)skip + 1, (unsigned long long)(skip + needed));
    return mb_fail(
        error, MB_BAD_INPUT,
        "%s: none of the %llu rows read is left (%llu usable ones in the window, %llu with a zero length, "
        "%llu to skip); expected at least one",
        trace->path, (unsigned long long)reader->counts.rows, (unsigned long long)usable,
        (unsigned long long)reader->counts.skipped_zero, (unsigned long long)skip);
}

// Read rows up to the next one that is used; its time in the trace's own seconds.
static mb_status next_used_row(mb_trace_reader *reader, mb_arrival *arrival, double *time_s, bool *end,
                               mb_error *error) {
    const mb_trace *trace = reader->trace;
    for (;;) {
        mb_status status = mb_csv_next(reader->csv, end, error);
        if (status || *end) return status;
        status = read_time(reader, time_s, error);
        if (status) return status;
        if (*time_s < reader->previous_s)
            return mb_csv_bad_field(reader->csv, reader->columns[TIME],
                                    "a time not before the previous row's (sort the file by time)", error);
        reader->previous_s = *time_s;
        reader->counts.rows++;
        const double elapsed_s = *time_s - reader->first_s;
        if (elapsed_s < trace->from_s) continue;
        *end = elapsed_s >= trace->to_s;
        if (*end) return MB_OK;
        status = read_lengths(reader, arrival, error);
        if (status) return status;
        if (!trace->keep_zero && (arrival->prompt_tokens == 0 || arrival->output_tokens == 0)) {
            reader->counts.skipped_zero++;
            continue;
        }
        if (reader->left_to_skip == 0) return MB_OK;
        reader->left_to_skip--;
    }
}

mb_status mb_trace_next(mb_trace_reader *reader, mb_arrival *arrival, bool *end, mb_error *error) {
    const mb_trace *trace = reader->trace;
    *arrival = (mb_arrival){.deadline_s = INFINITY};
    double time_s = 0;
    mb_status status = next_used_row(reader, arrival, &time_s, end, error);
    if (status) return status;
    if (*end) return check_end(reader, error);
    status = read_extras(reader, arrival, error);
    if (status) return status;
    if (!reader->has_origin) {
        const bool from_window = trace->from_s > 0 && trace->skip_rows == 0 && !trace->window_per_seed;
        reader->origin_s = from_window ? reader->first_s + trace->from_s : time_s;
        reader->has_origin = true;
    }
    const double since_s = time_s - reader->origin_s;
    arrival->time_s = since_s > 0 ? since_s / trace->rate_scale : 0; // rounding may leave it below 0
    if (!isfinite(arrival->time_s))
        return mb_csv_bad_field(reader->csv, reader->columns[TIME],
                                "a time that rate_scale does not make infinite", error);
    reader->given_out++;
    return MB_OK;
}

mb_source_counts mb_trace_counts(const mb_trace_reader *reader) {
    return reader->counts;
}

const char *mb_trace_client_name(const mb_trace_reader *reader, uint32_t client) {
    return client < reader->clients.count ? reader->clients.names[client] : "";
}
