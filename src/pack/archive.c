// SPDX-License-Identifier: MIT
#define ZLIB_CONST // what is packed is not written to
#include "pack/archive.h"

#include "base/paths.h"
#include "base/stopped.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

// What an archive may hold: SQLite keeps no more than 10^9 bytes in a place, and zlib shrinks by 1,032 at
// most.
#define MOST_FILE UINT64_C(1000000000)
#define MOST_BYTES (UINT64_C(8) << 30)
#define MOST_SHRINKING 1032
enum { MOST_FILES = 100000 };

static mb_status fail_sql(const mb_archive *archive, mb_error *error) {
    const int code = archive->db ? sqlite3_errcode(archive->db) : SQLITE_NOMEM;
    if (code == SQLITE_NOMEM) return mb_fail_memory(error);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return mb_fail(error, MB_BAD_INPUT, "%s is damaged, or no case: %s", archive->path,
                       sqlite3_errmsg(archive->db));
    const int reason = sqlite3_system_errno(archive->db);
    return mb_fail(error, MB_FAILED, "%s cannot be %s: %s", archive->path, archive->made ? "written" : "read",
                   code == SQLITE_FULL ? "the disk is full"
                   : reason            ? strerror(reason)
                                       : sqlite3_errmsg(archive->db));
}

static mb_status execute(mb_archive *archive, const char *sql, mb_error *error) {
    return sqlite3_exec(archive->db, sql, NULL, NULL, NULL) == SQLITE_OK ? MB_OK : fail_sql(archive, error);
}

static mb_status prepare(mb_archive *archive, const char *sql, sqlite3_stmt **statement, mb_error *error) {
    const int code = sqlite3_prepare_v2(archive->db, sql, -1, statement, NULL);
    return code == SQLITE_OK ? MB_OK : fail_sql(archive, error);
}

bool mb_archive_is(const char *path) {
    static const char mark[16] = "SQLite format 3";
    char first[sizeof mark];
    struct stat info; // a pipe would wait for its writer, and give what it gives only once
    FILE *file = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? fopen(path, "rb") : NULL;
    if (!file) return false;
    const bool is = fread(first, 1, sizeof first, file) == sizeof first && !memcmp(first, mark, sizeof mark);
    fclose(file);
    return is;
}

// --- writing

mb_status mb_archive_create(mb_archive *archive, const char *file, const char *called, mb_error *error) {
    *archive = (mb_archive){.path = mb_strdup(called), .made = true};
    if (!archive->path) return mb_fail_memory(error);
    // No lock of SQLite's, and no file beside it: what does not come to its end is removed as a whole.
    if (sqlite3_open_v2(file, &archive->db, SQLITE_OPEN_READWRITE, "unix-none") != SQLITE_OK)
        return fail_sql(archive, error);
    return execute(archive,
                   "PRAGMA journal_mode = OFF; "
                   "CREATE TABLE sqlar(name TEXT PRIMARY KEY, mode INT, mtime INT, sz INT, data BLOB); BEGIN",
                   error);
}

// A gigabyte takes half a minute: in parts, between which the program may stop.
static mb_status shrink(const char *bytes, size_t size, Bytef *packed, uLongf *length, const char *name,
                        mb_error *error) {
    enum { PART = 1 << 20 };
    z_stream stream = {
        .next_in = (const Bytef *)bytes, .next_out = packed, .avail_out = (uInt)*length}; // MOST_FILE fits
    if (deflateInit(&stream, Z_DEFAULT_COMPRESSION) != Z_OK) return mb_fail_memory(error);
    int code = Z_OK;
    for (size_t left = size; code == Z_OK && !mb_stopped();) {
        stream.avail_in = (uInt)(left < PART ? left : PART);
        left -= stream.avail_in;
        code = deflate(&stream, left ? Z_NO_FLUSH : Z_FINISH);
    }
    *length = stream.total_out;
    deflateEnd(&stream);
    if (code == Z_STREAM_END) return MB_OK;
    return mb_stopped() ? mb_fail(error, MB_FAILED, "interrupted while %s was packed", name)
                        : mb_fail_memory(error);
}

mb_status mb_archive_put(mb_archive *archive, const char *name, const char *bytes, size_t size,
                         mb_error *error) {
    if (size > MOST_FILE)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s has %zu bytes, and a case holds files of at most %llu: pack a "
                       "shorter piece of it",
                       name, size, (unsigned long long)MOST_FILE);
    uLongf length = compressBound(size);
    Bytef *packed = malloc(length);
    if (!packed) return mb_fail_memory(error);
    mb_status status = shrink(bytes ? bytes : "", size, packed, &length, name, error);
    if (status != MB_OK) {
        free(packed);
        return status;
    }
    const bool smaller = length < size; // else as it is: that is how sqlar tells
    sqlite3_stmt *statement = NULL;
    status = prepare(archive, "INSERT INTO sqlar VALUES(?, 33188, 0, ?, ?)", &statement, error);
    if (status == MB_OK) {
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)size);
        sqlite3_bind_blob64(statement, 3, smaller ? (const void *)packed : (const void *)(bytes ? bytes : ""),
                            smaller ? length : size, SQLITE_STATIC);
        if (sqlite3_step(statement) != SQLITE_DONE) status = fail_sql(archive, error);
    }
    sqlite3_finalize(statement);
    free(packed);
    return status;
}

mb_status mb_archive_put_file(mb_archive *archive, const char *name, const char *file, mb_error *error) {
    mb_strbuf bytes = {0};
    mb_status status = mb_paths_read(file, MOST_FILE, &bytes, error);
    if (status == MB_OK) status = mb_archive_put(archive, name, bytes.text, bytes.length, error);
    mb_strbuf_deinit(&bytes);
    return status;
}

mb_status mb_archive_commit(mb_archive *archive, mb_error *error) {
    return execute(archive, "COMMIT", error);
}

void mb_archive_close(mb_archive *archive) {
    sqlite3_close(archive->db);
    free(archive->path);
    *archive = (mb_archive){0};
}

// --- reading

mb_status mb_archive_open(mb_archive *archive, const char *path, mb_error *error) {
    *archive = (mb_archive){.path = mb_strdup(path)};
    if (!archive->path) return mb_fail_memory(error);
    if (!mb_archive_is(path)) return mb_fail(error, MB_BAD_INPUT, "%s is no case (see `mbsand pack`)", path);
    if (sqlite3_open_v2(path, &archive->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        return fail_sql(archive, error);
    sqlite3_db_config(archive->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_stmt *statement = NULL;
    sqlite3_db_config(archive->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    // A view, a virtual table or a computed column would run what a stranger wrote.
    const mb_status status =
        prepare(archive,
                "SELECT count(*) FROM sqlite_master WHERE name = 'sqlar' AND type = 'table' AND rootpage > 0 "
                "AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo('sqlar') WHERE hidden)",
                &statement, error);
    const bool table =
        status == MB_OK && sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0) == 1;
    const mb_status found =
        status != MB_OK ? status
        : table         ? MB_OK
        : sqlite3_errcode(archive->db) == SQLITE_ROW
            ? mb_fail(error, MB_BAD_INPUT, "%s is a database, but no case: it has no table sqlar", path)
            : fail_sql(archive, error);
    sqlite3_finalize(statement);
    return found;
}

// The bytes of a row: mode, sz, data from column 1 on.
static mb_status unpack(const mb_archive *archive, sqlite3_stmt *row, const char *name, mb_strbuf *bytes,
                        mb_error *error) {
    const sqlite3_int64 mode = sqlite3_column_int64(row, 1), size = sqlite3_column_int64(row, 2);
    const void *data = sqlite3_column_blob(row, 3);
    const size_t length = (size_t)sqlite3_column_bytes(row, 3);
    if (!S_ISREG((mode_t)mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: %s is no regular file, and a case holds nothing else",
                       archive->path, name);
    if (size < 0 || (uint64_t)size > MOST_FILE || (uint64_t)size > (uint64_t)length * MOST_SHRINKING + 64)
        return mb_fail(error, MB_BAD_INPUT, "%s: %s claims %lld bytes, which cannot be", archive->path, name,
                       (long long)size);
    if (length == (size_t)size) {
        mb_strbuf_add_bytes(bytes, data ? data : "", length);
        return bytes->failed ? mb_fail_memory(error) : MB_OK;
    }
    char *space = malloc((size_t)size + 1);
    if (!space) return mb_fail_memory(error);
    uLongf got = (uLongf)size;
    const bool good =
        length > 0 && uncompress((Bytef *)space, &got, data, length) == Z_OK && got == (uLongf)size;
    if (good) mb_strbuf_add_bytes(bytes, space, (size_t)size);
    free(space);
    if (!good) return mb_fail(error, MB_BAD_INPUT, "%s: %s is damaged", archive->path, name);
    return bytes->failed ? mb_fail_memory(error) : MB_OK;
}

mb_status mb_archive_get(mb_archive *archive, const char *name, size_t most, mb_strbuf *bytes,
                         mb_error *error) {
    sqlite3_stmt *row = NULL;
    mb_status status = prepare(archive, "SELECT name, mode, sz, data FROM sqlar WHERE name = ?", &row, error);
    if (status != MB_OK) return status;
    sqlite3_bind_text(row, 1, name, -1, SQLITE_STATIC);
    const int code = sqlite3_step(row);
    if (code == SQLITE_DONE)
        status = mb_fail(error, MB_BAD_INPUT, "%s is no case: it has no %s", archive->path, name);
    else if (code != SQLITE_ROW)
        status = fail_sql(archive, error);
    else if (sqlite3_column_int64(row, 2) > (sqlite3_int64)most)
        status = mb_fail(error, MB_BAD_INPUT, "%s: %s is too large", archive->path, name);
    else
        status = unpack(archive, row, name, bytes, error);
    sqlite3_finalize(row);
    return status;
}

// "a/b.lua": nothing that leads out of the folder, or steers a terminal.
static bool is_plain_name(const char *name, size_t length) {
    if (length == 0 || length != strlen(name) || length >= PATH_MAX / 2 || name[0] == '/') return false;
    for (const char *part = name;;) {
        const size_t size = strcspn(part, "/");
        if (size == 0 || size > NAME_MAX || (size == 1 && part[0] == '.') ||
            (size == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        for (size_t i = 0; i < size; i++)
            if ((unsigned char)part[i] < ' ' || part[i] == 127) return false;
        if (!part[size]) return true;
        part += size + 1;
    }
}

static mb_status make_folders(char *path, size_t from, mb_error *error) {
    for (char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        const int reason = errno;
        if (!made) mb_fail(error, MB_FAILED, "%s cannot be made: %s", path, strerror(reason));
        *slash = '/';
        if (!made) return MB_FAILED;
    }
    return MB_OK;
}

static mb_status write_new(const char *path, const mb_strbuf *bytes, mb_error *error) {
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "wb") : NULL;
    bool good = file && (bytes->length == 0 || fwrite(bytes->text, 1, bytes->length, file) == bytes->length);
    int reason = errno;
    if (file && fclose(file) != 0 && good) {
        good = false;
        reason = errno;
    }
    return good ? MB_OK : mb_fail(error, MB_FAILED, "%s cannot be written: %s", path, strerror(reason));
}

static mb_status extract_row(const mb_archive *archive, sqlite3_stmt *row, const char *folder,
                             uint64_t *total, mb_error *error) {
    const char *name = (const char *)sqlite3_column_text(row, 0);
    if (!name || !is_plain_name(name, (size_t)sqlite3_column_bytes(row, 0))) {
        mb_strbuf shown = {0};
        if (name) mb_add_printable(&shown, name);
        const mb_status status =
            mb_fail(error, MB_BAD_INPUT, "%s holds a file with the name '%.200s', which no case has",
                    archive->path, shown.text ? shown.text : "");
        mb_strbuf_deinit(&shown);
        return status;
    }
    mb_strbuf bytes = {0};
    mb_status status = unpack(archive, row, name, &bytes, error);
    *total += bytes.length;
    if (status == MB_OK && *total > MOST_BYTES)
        status = mb_fail(error, MB_BAD_INPUT, "%s holds more than %llu bytes", archive->path,
                         (unsigned long long)MOST_BYTES);
    char *path = mb_paths_join(folder, name);
    if (status == MB_OK && !path) status = mb_fail_memory(error);
    if (status == MB_OK) status = make_folders(path, strlen(folder) + 1, error);
    if (status == MB_OK) status = write_new(path, &bytes, error);
    free(path);
    mb_strbuf_deinit(&bytes);
    return status;
}

mb_status mb_archive_extract(mb_archive *archive, const char *folder, const atomic_bool *stop,
                             mb_error *error) {
    sqlite3_stmt *row = NULL;
    uint64_t total = 0;
    size_t files = 0;
    mb_status status = prepare(archive, "SELECT name, mode, sz, data FROM sqlar", &row, error);
    while (status == MB_OK) {
        const int code = sqlite3_step(row);
        if (code == SQLITE_DONE) break;
        if (code != SQLITE_ROW)
            status = fail_sql(archive, error);
        else if (atomic_load(stop))
            status = mb_fail(error, MB_FAILED, "interrupted");
        else if (++files > MOST_FILES)
            status = mb_fail(error, MB_BAD_INPUT, "%s holds more than %d files", archive->path, MOST_FILES);
        else
            status = extract_row(archive, row, folder, &total, error);
    }
    sqlite3_finalize(row);
    return status;
}
