// SPDX-License-Identifier: MIT
// A measured grid out of a file that may also be something else; mb_grid_read (model/latency.h) is for the
// rest.
#pragma once
#include "model/latency.h"
#include "model/number_csv.h"

extern const mb_csv_kind mb_grid_kind;

// From what mb_number_csv_read has read of that kind (its rows are sorted on the way). Errors and release as
// with mb_grid_read.
mb_status mb_grid_from(mb_number_csv *csv, mb_grid **grid, mb_error *error);
