// SPDX-License-Identifier: MIT
// Measured steps of an engine: what each computed, and how long it took.
#pragma once
#include "model/latency.h"
#include "model/number_csv.h"

typedef struct mb_logged_step {
    double tokens, context; // T and K of the step law
    double requests;        // B; 0 where the log has no such column
    double time_s;
    unsigned long line; // of the file
    bool outlier;       // its time belongs to no law of the others: left out of a fit (fit/step.h)
} mb_logged_step;

typedef struct mb_step_log {
    mb_logged_step *steps; // in the file's order
    size_t count;
    bool has_requests;
    char *path;
    char *note; // what the figures are not, for whoever reads the law; NULL: nothing to say
} mb_step_log;

extern const mb_csv_kind mb_step_log_kind;

// Read a CSV with the columns tokens, context, time_s (> 0) and, optional, requests, in any order; other
// columns are ignored. Every error names file and line. Release with mb_step_log_free; *log is NULL on
// failure.
mb_status mb_step_log_read(const char *path, mb_step_log **log, mb_error *error);
// Likewise from what mb_number_csv_read has read of that kind.
mb_status mb_step_log_from(const mb_number_csv *csv, mb_step_log **log, mb_error *error);
void mb_step_log_free(mb_step_log *log);
