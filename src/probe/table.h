// SPDX-License-Identifier: MIT
// A CSV file that grows by a row per measurement, and that a later run goes on with.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { MB_PROBE_MOST_KEYS = 4 };

typedef struct mb_probe_table {
    const char *path; // not owned
    FILE *file;
    size_t key_count, columns;
    double (*known)[MB_PROBE_MOST_KEYS]; // of the rows that were there
    size_t known_count;
    bool noted;
} mb_probe_table;

// Create the file with `head` - comment lines and a line of columns, each ending in '\n' - or go on with one
// whose first line is the same. key_columns: where a row has the numbers that name it. Release with
// mb_probe_table_close, whatever is returned.
mb_status mb_probe_table_open(const char *path, const char *head, const size_t *key_columns, size_t key_count,
                              mb_probe_table *table, mb_error *error);
bool mb_probe_table_has(const mb_probe_table *table, const double *keys);
// Add text (a row with its line end) and make sure that it is written.
mb_status mb_probe_table_add(mb_probe_table *table, const char *row, mb_error *error);
// The device's note (mb_probe_backend.note), above the first row that it is of. NULL: there is none.
mb_status mb_probe_table_note(mb_probe_table *table, const char *note, mb_error *error);
mb_status mb_probe_table_close(mb_probe_table *table, mb_error *error);
