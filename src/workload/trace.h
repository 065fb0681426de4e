// SPDX-License-Identifier: MIT
// Requests of a recorded trace, row by row, with scaled times. Memory does not grow with the trace.
#pragma once
#include "workload/description.h"

typedef struct mb_trace_reader mb_trace_reader;

typedef struct mb_trace_options {
    uint64_t skip_rows;   // rows to leave out, of those kept
    uint64_t needed_rows; // it is an error if the trace ends before this many rows were given out; 0: one is
                          // enough
    uint64_t seed, replication;
    bool wants_prediction; // read the predicted length too
} mb_trace_options;

mb_status mb_trace_check(const mb_trace *trace, mb_error *error);
// Open the file and find the columns. `trace` must outlive the reader and have passed the check.
mb_status mb_trace_open(const mb_trace *trace, mb_trace_options options, mb_trace_reader **reader,
                        mb_error *error);
void mb_trace_close(mb_trace_reader *reader);

// The next request (predicted_output is the column's value, or 0); *end is set instead when there is none.
mb_status mb_trace_next(mb_trace_reader *reader, mb_arrival *arrival, bool *end, mb_error *error);
mb_source_counts mb_trace_counts(const mb_trace_reader *reader);
const char *mb_trace_client_name(const mb_trace_reader *reader, uint32_t client);
