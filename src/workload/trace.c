// SPDX-License-Identifier: MIT
#include "workload/trace.h"

#include "workload/sorted_rows.h"

#include <math.h>
#include <stdlib.h>

struct mb_trace_reader {
    const mb_trace *trace;
    mb_trace_options options;
    mb_rows *rows;

    mb_sorted_rows *sorted; // NULL: they come in order
    const mb_row *row;      // of the sorted ones, the current

    bool has_first, has_origin;
    mb_stamp first, previous; // times of rows,
    mb_stamp origin;          // and the one that becomes 0
    mb_rng thin;
    mb_stamp used; // time of the latest row that was used, and
    double cut_s;  // seconds that were cut out before it
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
    if (trace->columns.prefix && (trace->prefix_unit_tokens < 1 || trace->prefix_unit_tokens > MB_MAX_TOKENS))
        return mb_fail(error, MB_BAD_INPUT, "%s: a unit of %u prefix tokens; expected 1 to %u", trace->path,
                       trace->prefix_unit_tokens, MB_MAX_TOKENS);
    if (trace->thin > 1 && trace->columns.parent && !trace->columns.session)
        return mb_fail(
            error, MB_BAD_INPUT,
            "trace: thin without a session; expected its column, so that conversations stay whole");
    if (trace->turns != MB_TURNS_STAMPS && !trace->columns.session &&
        !(trace->columns.id && trace->columns.parent))
        return mb_fail(
            error, MB_BAD_INPUT,
            "trace: turns that wait for others; expected the column of a session, or of an id and a "
            "parent");
    if (trace->thin != 0 && !(trace->thin >= 1 && isfinite(trace->thin)))
        return mb_fail(error, MB_BAD_INPUT, "trace: thin is %g; expected a number of at least 1",
                       trace->thin);
    if (!(trace->max_gap_s >= 0 && isfinite(trace->max_gap_s)))
        return mb_fail(error, MB_BAD_INPUT, "trace: max_gap is %g s; expected positive seconds",
                       trace->max_gap_s);
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
    mb_rng_init(&reader->thin, options.seed, 0, "thin"); // so that windows of replications never meet
    mb_status status = is_json(trace)
                           ? mb_rows_open_json(trace, options.wants_prediction, &reader->rows, error)
                           : mb_rows_open_csv(trace, options.wants_prediction, &reader->rows, error);
    if (!status && trace->sort) status = mb_sorted_open(reader->rows, &reader->sorted, error);
    if (status) {
        mb_trace_close(reader);
        return status;
    }
    *out = reader;
    return MB_OK;
}

void mb_trace_close(mb_trace_reader *reader) {
    if (!reader) return;
    mb_sorted_close(reader->sorted);
    if (reader->rows) reader->rows->format->close(reader->rows);
    free(reader);
}

// ---- reading

// A trace, or a stretch of it, that ends before it gave what was asked for would be a result about nothing.
static mb_status check_end(mb_trace_reader *reader, mb_error *error) {
    const mb_trace *trace = reader->trace;
    const mb_status status = reader->counts.skipped_empty ? mb_rows_check_end(reader->rows, error) : MB_OK;
    if (status) return status;
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
        (unsigned long long)(counts->skipped_zero + counts->skipped_empty + counts->skipped_long),
        trace->longest ? "zero, missing or too large" : "zero or missing", (unsigned long long)skip);
}

static mb_status next_row(mb_trace_reader *reader, mb_stamp *time, bool *end, mb_error *error) {
    if (!reader->sorted) {
        const mb_status status = reader->rows->format->next(reader->rows, end, error);
        if (status || *end || reader->trace->untimed) return status;
        return mb_rows_time(reader->rows, time, error);
    }
    const mb_status status = mb_sorted_next(reader->sorted, &reader->row, error);
    *end = !reader->row;
    if (reader->row) *time = reader->row->time;
    return status;
}

static mb_status read_lengths(mb_trace_reader *reader, mb_arrival *arrival, bool *failed, mb_error *error) {
    if (!reader->sorted) return mb_rows_lengths(reader->rows, arrival, failed, error);
    *arrival = reader->row->arrival;
    *failed = reader->row->failed;
    return MB_OK;
}

// Count the row out, if something speaks against it.
static bool is_left_out(mb_trace_reader *reader, const mb_arrival *arrival, bool failed) {
    const mb_trace *trace = reader->trace;
    mb_source_counts *counts = &reader->counts;
    const bool zero = !trace->keep_zero && (arrival->prompt_tokens == 0 || arrival->output_tokens == 0);
    const bool too_long =
        trace->longest && (uint64_t)arrival->prompt_tokens + arrival->output_tokens > trace->longest;
    uint64_t *count = failed ? &counts->skipped_empty : zero ? &counts->skipped_zero : &counts->skipped_long;
    *count += failed || zero || too_long;
    return failed || zero || too_long;
}

static mb_status check_order(mb_trace_reader *reader, mb_stamp time, mb_error *error) {
    if (!reader->has_first) {
        reader->first = reader->previous = time;
        reader->counts.first_s = mb_stamp_seconds(time, mb_rows_unit(reader->rows));
    }
    reader->has_first = true;
    if (mb_stamp_before(time, reader->previous))
        return mb_rows_bad_time(
            reader->rows, "a time not before the previous row's (sort = true puts the rows in order)", error);
    reader->previous = time;
    return MB_OK;
}

static double seconds_between(const mb_trace_reader *reader, mb_stamp from, mb_stamp to) {
    return mb_stamp_seconds(mb_stamp_minus(to, from), mb_rows_unit(reader->rows));
}

// A conversation is kept as a whole.
static bool is_thinned_out(mb_trace_reader *reader, const mb_arrival *arrival) {
    const mb_trace *trace = reader->trace;
    if (!trace->columns.session) return mb_rng_uniform(&reader->thin) * trace->thin >= 1;
    const uint64_t session =
        reader->sorted ? arrival->session : mb_rows_key(reader->rows, MB_ROLE_SESSION) >> 11;
    mb_rng rng;
    mb_rng_init(&rng, reader->options.seed, session, "thin");
    return mb_rng_uniform(&rng) * trace->thin >= 1;
}

// Read rows up to the next one that is used.
static mb_status next_used_row(mb_trace_reader *reader, mb_arrival *arrival, mb_stamp *time, bool *end,
                               mb_error *error) {
    const mb_trace *trace = reader->trace;
    for (;;) {
        mb_status status = next_row(reader, time, end, error);
        if (status || *end) return status;
        status = check_order(reader, *time, error);
        if (status) return status;
        reader->counts.rows++;
        if (trace->from_s > 0 || isfinite(trace->to_s)) {
            const double elapsed_s = seconds_between(reader, reader->first, *time);
            if (elapsed_s < trace->from_s) continue;
            *end = reader->counts.past_end = elapsed_s >= trace->to_s;
            if (*end) return MB_OK;
        }
        bool failed;
        status = read_lengths(reader, arrival, &failed, error);
        if (status) return status;
        if (is_left_out(reader, arrival, failed)) continue;
        if (trace->thin > 1 && is_thinned_out(reader, arrival)) continue;
        if (reader->left_to_skip == 0) return MB_OK;
        reader->left_to_skip--;
    }
}

// Seconds from what becomes time 0: the first row that is used, or the start of the window.
static double time_of(mb_trace_reader *reader, mb_stamp time) {
    const mb_trace *trace = reader->trace;
    const bool from_window = trace->from_s > 0 && trace->skip_rows == 0 && !trace->window_per_seed;
    const double from_s = from_window ? trace->from_s : 0;
    if (!reader->has_origin) reader->origin = reader->used = from_window ? reader->first : time;
    if (trace->max_gap_s > 0) {
        const double gap_s = seconds_between(reader, reader->used, time) - (reader->has_origin ? 0 : from_s);
        if (gap_s > trace->max_gap_s) reader->cut_s += gap_s - trace->max_gap_s;
    }
    reader->has_origin = true;
    reader->used = time;
    const double since_s = seconds_between(reader, reader->origin, time) - from_s - reader->cut_s;
    return since_s > 0 ? since_s / trace->rate_scale : 0; // rounding may leave it below 0
}

mb_status mb_trace_next(mb_trace_reader *reader, mb_arrival *arrival, bool *end, mb_error *error) {
    *arrival = (mb_arrival){.deadline_s = INFINITY};
    mb_stamp time = {0, 0};
    mb_status status = next_used_row(reader, arrival, &time, end, error);
    if (status) return status;
    if (*end) return check_end(reader, error);
    if (!reader->sorted) status = mb_rows_extras(reader->rows, time, arrival, error);
    if (status) return status;
    arrival->time_s = time_of(reader, time);
    if (!isfinite(arrival->time_s))
        return mb_rows_bad_time(reader->rows, "a time that rate_scale does not make infinite", error);
    if (reader->trace->turns != MB_TURNS_STAMPS) {
        mb_turn *turn = &arrival->turn;
        turn->recorded_s = arrival->time_s;
        turn->lasted_s /= reader->trace->rate_scale;
        turn->delay_s /= reader->trace->rate_scale;
    }
    arrival->program = arrival->session;
    if (!reader->trace->grow) arrival->session = 0;
    reader->given_out++;
    return MB_OK;
}

mb_source_counts mb_trace_counts(const mb_trace_reader *reader) {
    return reader->counts;
}

const char *mb_trace_client_name(const mb_trace_reader *reader, uint32_t client) {
    return mb_rows_client_name(reader->rows, client);
}
