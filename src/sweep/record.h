// SPDX-License-Identifier: MIT
// Points and runs as rows of a database, and back.
#pragma once
#include "run/results.h"
#include "sweep/store.h"

// A section's words, and a point of it; `point` and `section` count from 1, `first_run` too.
mb_status mb_record_section(mb_store *store, sqlite3_int64 section, const mb_section *what, mb_error *error);
mb_status mb_record_point(mb_store *store, sqlite3_int64 section, sqlite3_int64 point,
                          sqlite3_int64 first_run, const mb_section *where, size_t index, mb_error *error);
// The view `results`: a row per run, a column per swept key.
mb_status mb_record_view(mb_store *store, mb_error *error);

typedef struct mb_recorder {
    mb_store *store;
    sqlite3_stmt *insert;
} mb_recorder;
mb_status mb_recorder_init(mb_recorder *recorder, mb_store *store, mb_error *error);
// Outside a transaction this is one.
mb_status mb_record_run(mb_recorder *recorder, sqlite3_int64 run, sqlite3_int64 point,
                        const mb_outcome *outcome, mb_error *error);
void mb_recorder_deinit(mb_recorder *recorder);

// Everything that a database holds, as if it had been run here.
typedef struct mb_stored {
    mb_section *sections;
    mb_results *results; // [count]
    const mb_results **list;
    size_t count;
    sqlite3_int64 runs, wanted; // that are there; that the plan has
} mb_stored;
// Release with mb_stored_deinit in any case.
mb_status mb_stored_read(mb_store *store, mb_stored *stored, mb_error *error);
void mb_stored_deinit(mb_stored *stored);
// Where point number `number`, from 1 over all sections, is; false: there is none.
bool mb_stored_point(const mb_stored *stored, sqlite3_int64 number, size_t *section, size_t *point);
