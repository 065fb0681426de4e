// SPDX-License-Identifier: MIT
// What a sweep is to run, written down before it runs.
#pragma once
#include "sweep/inputs.h"
#include "sweep/options.h"

// Into a fresh database, the whole plan in one transaction, after every point has been read and checked; of
// another one, whether it is of the same command and the same texts.
mb_status mb_plan_store(mb_store *store, mb_inputs *inputs, const mb_sweep_options *options, mb_error *error);
// All of that but the points, for those who find theirs one after the other: in a fresh database (*planned
// false) a transaction is begun, which the caller ends with mb_record_view and COMMIT, or takes back.
mb_status mb_plan_begin(mb_store *store, mb_inputs *inputs, const mb_sweep_options *options, bool *planned,
                        mb_error *error);
// Number of the first job of a point (from 0).
mb_status mb_plan_first_run(mb_store *store, size_t point, sqlite3_int64 *run, mb_error *error);
