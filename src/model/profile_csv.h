// SPDX-License-Identifier: MIT
// The plain CSV files of a profile: a header, then numbers; one column may name a layer.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { MB_PROFILE_COLUMNS = 5, MB_PROFILE_NAME = 40 };

typedef struct mb_profile_row {
    char layer[MB_PROFILE_NAME];      // "" where the file has no such column
    double value[MB_PROFILE_COLUMNS]; // in the order in which the columns were asked for
    unsigned long line;
} mb_profile_row;

typedef struct mb_profile_csv {
    char *path;
    mb_profile_row *rows; // in the file's order
    size_t count;
} mb_profile_csv;

// Read directory/name. `columns`: names of the numeric columns, in any order in the file; other columns are
// ignored. All are whole numbers but the last, the time in microseconds. `layers`: whether a column "layer"
// is required. Release with mb_profile_csv_deinit whatever is returned.
mb_status mb_profile_csv_read(const char *directory, const char *name, const char *const *columns,
                              size_t column_count, bool layers, mb_profile_csv *csv, mb_error *error);
void mb_profile_csv_deinit(mb_profile_csv *csv);
