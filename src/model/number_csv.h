// SPDX-License-Identifier: MIT
// CSV files of numbers, with a header that names the columns: grids and step logs.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { MB_CSV_MOST_COLUMNS = 5, MB_CSV_MOST_ROWS = 4000000 };

typedef struct mb_csv_column {
    const char *name;
    bool optional; // the column, or any field of it; then 0
    // What a value must be ("a whole number from 1 on") where it is not; else NULL. Only finite numbers are
    // asked about.
    const char *(*broken_rule)(double value);
} mb_csv_column;

// What a file can be. Columns that are not optional come first.
typedef struct mb_csv_kind {
    const char *name; // "a latency grid"
    mb_csv_column columns[MB_CSV_MOST_COLUMNS];
    size_t column_count, required;
} mb_csv_kind;

typedef struct mb_csv_row {
    double value[MB_CSV_MOST_COLUMNS]; // as the kind's columns
    unsigned long line;
} mb_csv_row;

typedef struct mb_number_csv {
    const char *path; // not owned
    const mb_csv_kind *kind;
    bool has[MB_CSV_MOST_COLUMNS]; // which columns the file has
    mb_csv_row *rows;              // in the file's order; at least one
    size_t count;
} mb_number_csv;

// Read a file that is one of `kinds`: the first whose first column the header has (else the complaint is
// about the first kind). Columns may be in any order, with others between them; a byte order mark, CR LF and
// quotation marks are fine; lines that start with # are comments. Every error names file and line. Release
// with mb_number_csv_deinit, whatever is returned.
mb_status mb_number_csv_read(const char *path, const mb_csv_kind *const *kinds, size_t kind_count,
                             mb_number_csv *csv, mb_error *error);
void mb_number_csv_deinit(mb_number_csv *csv);
