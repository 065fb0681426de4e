// SPDX-License-Identifier: MIT
// How a measure is shown in a table: a short label, a unit, and a factor (a fraction as %, a short time in
// ms).
#pragma once
#include "metrics/measures.h"
#include "model/reader.h"

typedef struct mb_column {
    int measure;
    char label[32]; // "E2E p99"
    char unit[16];  // "s", "ms", "req/s", "%", "" for a plain number
    double factor;  // of the value shown
} mb_column;

// `largest` is the largest value that the column will show: times below 0.1 s are shown in ms.
mb_column mb_column_of(int measure, double largest);

enum { MB_MAX_COLUMNS = MB_MEASURE_COUNT };
// The measures that a table shows: those named by `names` (NULL-terminated; unknown ones are left out), or,
// where it is NULL, the usual ones, less those that need an SLO, or a reader (speed 0: none), where there is
// none. Returns how many.
size_t mb_choose_columns(char *const *names, const mb_slo *slo, const mb_reader *reader,
                         int measures[MB_MAX_COLUMNS]);
