// SPDX-License-Identifier: MIT
// What a sweep is to run, written down before it runs.
#pragma once
#include "sweep/inputs.h"
#include "sweep/options.h"

// Into a fresh database, the whole plan in one transaction, after every point has been read and checked; of
// another one, whether it is of the same command and the same texts.
mb_status mb_plan_store(mb_store *store, mb_inputs *inputs, const mb_sweep_options *options, mb_error *error);
// Number of the first job of a point (from 0).
mb_status mb_plan_first_run(mb_store *store, size_t point, sqlite3_int64 *run, mb_error *error);
