// SPDX-License-Identifier: MIT
// An SQLite archive (https://sqlite.org/sqlar.html): a database with a table of files, that `sqlite3 -A` and
// sqlar read as well. What comes from others is checked before anything is written.
#pragma once
#include "base/error.h"
#include "base/strbuf.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct mb_archive {
    struct sqlite3 *db;
    char *path; // in sentences
    bool made;  // else it is read
} mb_archive;

// Does a file begin as a database does?
bool mb_archive_is(const char *path);

// In an empty file that is there, and nobody else's meanwhile; what it is to be called, in sentences.
mb_status mb_archive_create(mb_archive *archive, const char *file, const char *called, mb_error *error);
mb_status mb_archive_put(mb_archive *archive, const char *name, const char *bytes, size_t size,
                         mb_error *error);
mb_status mb_archive_put_file(mb_archive *archive, const char *name, const char *file, mb_error *error);
// It is whole.
mb_status mb_archive_commit(mb_archive *archive, mb_error *error);

mb_status mb_archive_open(mb_archive *archive, const char *path, mb_error *error);
// One file, of at most `most` bytes.
mb_status mb_archive_get(mb_archive *archive, const char *name, size_t most, mb_strbuf *bytes,
                         mb_error *error);
// All files into an empty folder: regular ones alone, none of which leads out of it.
mb_status mb_archive_extract(mb_archive *archive, const char *folder, const atomic_bool *stop,
                             mb_error *error);
// Release, in any case.
void mb_archive_close(mb_archive *archive);
