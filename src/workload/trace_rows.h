// SPDX-License-Identifier: MIT
// The rows of a trace's file, one after the other, whatever their format. trace.c, which decides what becomes
// of them, asks only for those parts of a row that it needs: rows outside of a window cost no more than their
// time.
#pragma once
#include "workload/source.h"

typedef struct mb_rows mb_rows;

typedef struct mb_rows_format {
    mb_status (*next)(mb_rows *rows, bool *end, mb_error *error);
    // Seconds in the trace's own time. Dates, and whole numbers of JSON, count from the first row, so that
    // nothing is lost to their distance from 0.
    mb_status (*time)(mb_rows *rows, double *time_s, mb_error *error);
    // prompt_tokens, output_tokens, and predicted_output where it is wanted.
    mb_status (*lengths)(mb_rows *rows, mb_arrival *arrival, mb_error *error);
    // client, priority, service_s, and the prefix.
    mb_status (*extras)(mb_rows *rows, mb_arrival *arrival, mb_error *error);
    // The error for the current row's time: ...; expected ...
    mb_status (*bad_time)(const mb_rows *rows, const char *expected, mb_error *error);
    const char *(*client_name)(const mb_rows *rows, uint32_t client);
    void (*close)(mb_rows *rows);
} mb_rows_format;

// Each format's own struct begins with this.
struct mb_rows {
    const mb_rows_format *format;
};

// `trace` must outlive the rows.
mb_status mb_rows_open_csv(const mb_trace *trace, bool wants_prediction, mb_rows **rows, mb_error *error);
mb_status mb_rows_open_json(const mb_trace *trace, bool wants_prediction, mb_rows **rows, mb_error *error);
