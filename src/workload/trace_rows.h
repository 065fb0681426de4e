// SPDX-License-Identifier: MIT
// The rows of a trace's file, one after the other, whatever their format. A format only finds a row's cells;
// what they say is read here, and only those parts that are asked for: rows outside of a window cost no more
// than their time.
#pragma once
#include "workload/description.h"
#include "workload/name_table.h"
#include "workload/parse.h"

// What a column or key is for.
typedef enum mb_role {
    MB_ROLE_TIME,
    MB_ROLE_PROMPT,
    MB_ROLE_OUTPUT,
    MB_ROLE_PREDICTED,
    MB_ROLE_CLIENT,
    MB_ROLE_PRIORITY,
    MB_ROLE_SERVICE,
    MB_ROLE_PREFIX,
    MB_ROLE_END,
    MB_ROLE_DURATION,
    MB_ROLE_SESSION,
    MB_ROLE_ID,
    MB_ROLE_PARENT,
    MB_ROLE_DELAY,
    MB_ROLE_MAX_OUTPUT,
    MB_ROLE_NOISE,
    MB_ROLE_CLASS,
    MB_ROLES
} mb_role;

extern const char *const mb_role_names[MB_ROLES];
// The column that the user named for it; NULL: none.
const char *mb_role_column(const mb_trace_columns *columns, mb_role role);

typedef enum mb_cell_kind {
    MB_CELL_NONE,   // this file, or this row, has none
    MB_CELL_EMPTY,  // nothing, or null
    MB_CELL_NUMBER, // of JSON; of CSV everything is text
    MB_CELL_TEXT,
    MB_CELL_LIST, // of JSON: its text
    MB_CELL_OTHER // of JSON: true, false, an object
} mb_cell_kind;

typedef struct mb_cell {
    mb_cell_kind kind;
    const char *text; // a byte that belongs to no number follows
    size_t length;
} mb_cell;

typedef struct mb_rows mb_rows;

typedef struct mb_rows_format {
    mb_status (*next)(mb_rows *rows, bool *end, mb_error *error);
    // Of the current row, valid until the next one.
    mb_cell (*cell)(mb_rows *rows, mb_role role);
    // The error for a cell of the current row: ...; expected ...
    mb_status (*bad)(mb_rows *rows, mb_role role, const char *expected, mb_error *error);
    void (*close)(mb_rows *rows);
} mb_rows_format;

// Each format's own struct begins with this.
struct mb_rows {
    const mb_rows_format *format;
    const mb_trace *trace;
    bool wants_prediction;
    uint32_t prefix_unit_tokens;
    bool has[MB_ROLES];  // the roles that a file may have here,
    bool seen[MB_ROLES]; // and the lengths that some row had
    mb_time_unit unit;   // of numbers
    mb_name_table clients;
    uint64_t *ids; // of the current row
    size_t id_capacity;
    bool has_first, is_date; // of the first row: later ones must be written alike
};

// `trace` must outlive the rows.
mb_status mb_rows_open_csv(const mb_trace *trace, bool wants_prediction, mb_rows **rows, mb_error *error);
mb_status mb_rows_open_json(const mb_trace *trace, bool wants_prediction, mb_rows **rows, mb_error *error);
// What both begin and end with.
void mb_rows_init(mb_rows *rows, const mb_rows_format *format, const mb_trace *trace, bool wants_prediction);
void mb_rows_close(mb_rows *rows);

// The current row's time, in mb_rows_unit.
mb_status mb_rows_time(mb_rows *rows, mb_stamp *time, mb_error *error);
// prompt_tokens, output_tokens, and predicted_output where it is wanted. *failed is set instead where a
// length is empty, as of requests that failed.
mb_status mb_rows_lengths(mb_rows *rows, mb_arrival *arrival, bool *failed, mb_error *error);
// After the last row: a length that none of them had is a wrong name.
mb_status mb_rows_check_end(mb_rows *rows, mb_error *error);
// The row's key, of its session or its own (0: none): whatever has the same text has the same.
uint64_t mb_rows_key(mb_rows *rows, mb_role role);
// client, class, priority, service_s, the prefix, the turn, the bound on the output, and the noise of
// predictions.
mb_status mb_rows_extras(mb_rows *rows, mb_stamp time, mb_arrival *arrival, mb_error *error);
mb_status mb_rows_bad_time(mb_rows *rows, const char *expected, mb_error *error);
mb_time_unit mb_rows_unit(const mb_rows *rows);
const char *mb_rows_client_name(const mb_rows *rows, uint32_t client);
