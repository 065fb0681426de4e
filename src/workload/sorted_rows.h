// SPDX-License-Identifier: MIT
// The rows of a trace in order of their times, and of the file where these are equal. Holds some 64 MiB of
// them; more go to unnamed temporary files, from which they are merged.
#pragma once
#include "workload/trace_rows.h"

typedef struct mb_sorted_rows mb_sorted_rows;

typedef struct mb_row {
    mb_stamp time;
    uint64_t number; // in the file
    mb_arrival arrival;
    bool failed;   // a length is empty
    size_t ids_at; // while rows are read: the list of their ids moves
} mb_row;

// The rows must outlive it.
mb_status mb_sorted_open(mb_rows *rows, mb_sorted_rows **sorted, mb_error *error);
void mb_sorted_close(mb_sorted_rows *sorted);
// The next row, valid until the next call; *row is NULL at the end.
mb_status mb_sorted_next(mb_sorted_rows *sorted, const mb_row **row, mb_error *error);
