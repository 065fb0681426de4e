// SPDX-License-Identifier: MIT
#include "workload/trace.h"

#include "workload/trace_rows.h"

#include <math.h>
#include <stdlib.h>

struct mb_trace_reader {
    const mb_trace *trace;
    mb_trace_options options;
    mb_rows *rows;

    bool has_first;
    double first_s; // the first row's time
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
    if ((unsigned)trace->layout > MB_TRACE_JSONL)
        return mb_fail(error, MB_BAD_INPUT, "trace: unknown layout");
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
    if (!(trace->jitter_s >= 0 && isfinite(trace->jitter_s)))
        return mb_fail(error, MB_BAD_INPUT, "trace: jitter is %g s; expected seconds, at least 0",
                       trace->jitter_s);
    return MB_OK;
}

static bool is_json(const mb_trace *trace) {
    return trace->layout == MB_TRACE_MOONCAKE || trace->layout == MB_TRACE_JSONL;
}

mb_status mb_trace_open(const mb_trace *trace, mb_trace_options options, mb_trace_reader **out,
                        mb_error *error) {
    *out = NULL;
    mb_trace_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return mb_fail_memory(error);
    reader->trace = trace;
    reader->options = options;
    reader->left_to_skip = options.skip_rows;
    const mb_status status = is_json(trace)
                                 ? mb_rows_open_json(trace, options.wants_prediction, &reader->rows, error)
                                 : mb_rows_open_csv(trace, options.wants_prediction, &reader->rows, error);
    if (status) {
        mb_trace_close(reader);
        return status;
    }
    *out = reader;
    return MB_OK;
}

void mb_trace_close(mb_trace_reader *reader) {
    if (!reader) return;
    if (reader->rows) reader->rows->format->close(reader->rows);
    free(reader);
}

// ---- reading

// A trace, or a stretch of it, that ends before it gave what was asked for would be a result about nothing.
static mb_status check_end(const mb_trace_reader *reader, mb_error *error) {
    const mb_trace *trace = reader->trace;
    const uint64_t skip = reader->options.skip_rows, needed = reader->options.needed_rows;
    if (reader->given_out >= (needed ? needed : 1)) return MB_OK;
    if (reader->counts.rows == 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: no rows%s; expected at least one", trace->path,
                       is_json(trace) ? "" : " after the header");
    const uint64_t usable = skip - reader->left_to_skip + reader->given_out;
    if (needed) {
        const uint64_t before = skip - needed * reader->options.replication; // the first window begins there
        const uint64_t windows = usable > before ? (usable - before) / needed : 0;
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: a window of %llu rows per seed, but its %llu usable rows have only %llu such windows; "
            "expected no more seeds than that, a smaller limit, or window_per_seed = false",
            trace->path, (unsigned long long)needed, (unsigned long long)usable, (unsigned long long)windows);
    }
    const mb_source_counts *counts = &reader->counts;
    return mb_fail(
        error, MB_BAD_INPUT,
        "%s: none of the %llu rows read is left (%llu usable ones in the window, %llu with a %s length, "
        "%llu to skip); expected at least one",
        trace->path, (unsigned long long)counts->rows, (unsigned long long)usable,
        (unsigned long long)(counts->skipped_zero + counts->skipped_long),
        trace->longest ? "zero or too large" : "zero", (unsigned long long)skip);
}

// Read rows up to the next one that is used; its time in the trace's own seconds.
static mb_status next_used_row(mb_trace_reader *reader, mb_arrival *arrival, double *time_s, bool *end,
                               mb_error *error) {
    const mb_trace *trace = reader->trace;
    const mb_rows_format *format = reader->rows->format;
    for (;;) {
        mb_status status = format->next(reader->rows, end, error);
        if (status || *end) return status;
        status = format->time(reader->rows, time_s, error);
        if (status) return status;
        if (!reader->has_first) reader->first_s = reader->previous_s = *time_s;
        reader->has_first = true;
        if (*time_s < reader->previous_s)
            return format->bad_time(reader->rows,
                                    "a time not before the previous row's (sort the file by time)", error);
        reader->previous_s = *time_s;
        reader->counts.rows++;
        const double elapsed_s = *time_s - reader->first_s;
        if (elapsed_s < trace->from_s) continue;
        *end = elapsed_s >= trace->to_s;
        if (*end) return MB_OK;
        status = format->lengths(reader->rows, arrival, error);
        if (status) return status;
        if (!trace->keep_zero && (arrival->prompt_tokens == 0 || arrival->output_tokens == 0)) {
            reader->counts.skipped_zero++;
            continue;
        }
        if (trace->longest && (uint64_t)arrival->prompt_tokens + arrival->output_tokens > trace->longest) {
            reader->counts.skipped_long++;
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
    status = reader->rows->format->extras(reader->rows, arrival, error);
    if (status) return status;
    if (!reader->has_origin) {
        const bool from_window = trace->from_s > 0 && trace->skip_rows == 0 && !trace->window_per_seed;
        reader->origin_s = from_window ? reader->first_s + trace->from_s : time_s;
        reader->has_origin = true;
    }
    const double since_s = time_s - reader->origin_s;
    arrival->time_s = since_s > 0 ? since_s / trace->rate_scale : 0; // rounding may leave it below 0
    if (!isfinite(arrival->time_s))
        return reader->rows->format->bad_time(reader->rows, "a time that rate_scale does not make infinite",
                                              error);
    reader->given_out++;
    return MB_OK;
}

mb_source_counts mb_trace_counts(const mb_trace_reader *reader) {
    return reader->counts;
}

const char *mb_trace_client_name(const mb_trace_reader *reader, uint32_t client) {
    return reader->rows->format->client_name(reader->rows, client);
}
