// SPDX-License-Identifier: MIT
// Rows of a CSV file with a header, one after the other: plain, gzip or zstd, with file and line for every
// complaint. Memory does not grow with the file. Only the columns asked for (mb_csv_keep) are copied.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MB_CSV_NO_COLUMN SIZE_MAX

typedef struct mb_csv_reader mb_csv_reader;

typedef struct mb_csv_field {
    const char *text; // NUL-terminated; without the spaces around it, unless it was quoted
    size_t length;
} mb_csv_field;

// Opens a regular file and reads its header. Blank lines, lines that start with "#", CR LF, a byte order
// mark, a missing last line end and fields in quotes are fine; commas, semicolons, tabs or bars separate
// fields, whichever the header has most of.
mb_status mb_csv_open(const char *path, mb_csv_reader **reader, mb_error *error);
void mb_csv_close(mb_csv_reader *reader);

// Index of a column, ignoring the case of ASCII letters; MB_CSV_NO_COLUMN if there is none.
size_t mb_csv_find_column(const mb_csv_reader *reader, const char *name);
// As above, but a missing or doubled column is an error that tells which columns there are.
mb_status mb_csv_require_column(const mb_csv_reader *reader, const char *name, size_t *column,
                                mb_error *error);
// The names of all columns as text for an error: "a", "b" and "c". The caller frees it; NULL when out of
// memory.
char *mb_csv_column_list(const mb_csv_reader *reader);
// Ask for a column's fields; mb_csv_get, _tokens and _number may be called for such columns only.
void mb_csv_keep(mb_csv_reader *reader, size_t column);

// The next row; *end is set instead when there is none.
mb_status mb_csv_next(mb_csv_reader *reader, bool *end, mb_error *error);
// Line on which the current row starts (the header is usually line 1).
unsigned long mb_csv_line(const mb_csv_reader *reader);
// Fields of the current row, valid until the next one is read.
mb_csv_field mb_csv_get(const mb_csv_reader *reader, size_t column);
// A whole number of tokens, 0 .. MB_MAX_TOKENS ("472" or "472.0").
mb_status mb_csv_tokens(const mb_csv_reader *reader, size_t column, uint32_t *tokens, mb_error *error);
// A finite number, at least 0. `expected` ("a time in seconds") finishes the error's sentence.
mb_status mb_csv_number(const mb_csv_reader *reader, size_t column, const char *expected, double *number,
                        mb_error *error);
// The error for a field of the current row: file:line: column "name" is "text"; expected ...
mb_status mb_csv_bad_field(const mb_csv_reader *reader, size_t column, const char *expected, mb_error *error);
