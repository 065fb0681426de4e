// SPDX-License-Identifier: MIT
// A database of results: one file of SQLite. docs/results.md describes its tables.
#pragma once
#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>

typedef struct mb_store {
    sqlite3 *db;
    char *path;
    int lock;     // descriptor of FILE.lock, held by the one program that writes; -1: none
    bool fresh;   // it was made just now and has no plan yet
    bool discard; // nothing came of it: mb_store_close removes it
} mb_store;

// Open for writing, and make it where there is none. Fails where another sweep is writing. Release with
// mb_store_close in any case.
mb_status mb_store_open(mb_store *store, const char *path, mb_error *error);
// Open what is there for reading alone.
mb_status mb_store_read(mb_store *store, const char *path, mb_error *error);
// A database that was written and is whole becomes a single file again.
void mb_store_close(mb_store *store);

// Statements without results.
mb_status mb_store_execute(mb_store *store, const char *sql, mb_error *error);
mb_status mb_store_prepare(mb_store *store, const char *sql, sqlite3_stmt **statement, mb_error *error);
// Run a statement to its end and reset it.
mb_status mb_store_step(mb_store *store, sqlite3_stmt *statement, mb_error *error);
// The next row: *row is false after the last one.
mb_status mb_store_next(mb_store *store, sqlite3_stmt *statement, bool *row, mb_error *error);
// What SQLite has to say, as a sentence.
mb_status mb_store_fail(mb_store *store, mb_error *error);
// A number that a query gives, 0 where it gives none.
mb_status mb_store_number(mb_store *store, const char *sql, sqlite3_int64 *number, mb_error *error);
// NULL for NULL; a double that is NAN is NULL.
void mb_bind_text(sqlite3_stmt *statement, int index, const char *text);
void mb_bind_number(sqlite3_stmt *statement, int index, double value);
// A copy of a text column, NULL where it is NULL (or out of memory).
char *mb_column_text(sqlite3_stmt *statement, int column);
// The text itself, until the next step; "" where it is NULL, as in a damaged file any column may be.
const char *mb_column_words(sqlite3_stmt *statement, int column);
