// SPDX-License-Identifier: MIT
#include "sweep/store.h"

#include "base/strbuf.h"
#include "metrics/measures.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    APPLICATION = 0x6d627364, // "mbsd"
    FORMAT = 2,
    PATIENCE_MS = 20000, // how long somebody else may hold the database
};

static const char kept[] = "what was finished is kept, and the same command goes on from there";

mb_status mb_store_fail(mb_store *store, mb_error *error) {
    const int code = store->db ? sqlite3_errcode(store->db) : SQLITE_NOMEM;
    const int reason = store->db ? sqlite3_system_errno(store->db) : 0;
    switch (code) {
    case SQLITE_NOMEM:
        return mb_fail_memory(error);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return mb_fail(error, MB_FAILED, "%s is locked by another program; %s", store->path, kept);
    case SQLITE_FULL:
        return mb_fail(error, MB_FAILED, "%s cannot be written: the disk is full; %s", store->path, kept);
    case SQLITE_READONLY:
        return mb_fail(error, MB_FAILED, "%s cannot be written: the file or its folder is read-only",
                       store->path);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return mb_fail(error, MB_BAD_INPUT, "%s cannot be opened: %s", store->path,
                       reason ? strerror(reason) : sqlite3_errmsg(store->db));
    case SQLITE_IOERR:
        return mb_fail(error, MB_FAILED, "%s cannot be read or written: %s; %s", store->path,
                       reason ? strerror(reason) : sqlite3_errmsg(store->db), kept);
    case SQLITE_NOTADB:
        return mb_fail(error, MB_BAD_INPUT, "%s is no database of results", store->path);
    case SQLITE_CORRUPT:
        return mb_fail(error, MB_FAILED, "%s is damaged: %s", store->path, sqlite3_errmsg(store->db));
    default:
        return mb_fail(error, MB_FAILED, "%s: %s", store->path, sqlite3_errmsg(store->db));
    }
}

mb_status mb_store_execute(mb_store *store, const char *sql, mb_error *error) {
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? MB_OK : mb_store_fail(store, error);
}

mb_status mb_store_prepare(mb_store *store, const char *sql, sqlite3_stmt **statement, mb_error *error) {
    const int code = sqlite3_prepare_v2(store->db, sql, -1, statement, NULL);
    return code == SQLITE_OK ? MB_OK : mb_store_fail(store, error);
}

mb_status mb_store_next(mb_store *store, sqlite3_stmt *statement, bool *row, mb_error *error) {
    const int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? MB_OK : mb_store_fail(store, error);
}

mb_status mb_store_step(mb_store *store, sqlite3_stmt *statement, mb_error *error) {
    bool row;
    const mb_status status = mb_store_next(store, statement, &row, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

mb_status mb_store_number(mb_store *store, const char *sql, sqlite3_int64 *number, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    *number = 0;
    mb_status status = mb_store_prepare(store, sql, &statement, error);
    if (status == MB_OK) status = mb_store_next(store, statement, &row, error);
    if (row) *number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

void mb_bind_text(sqlite3_stmt *statement, int index, const char *text) {
    if (text)
        sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(statement, index);
}

void mb_bind_number(sqlite3_stmt *statement, int index, double value) {
    if (isnan(value))
        sqlite3_bind_null(statement, index);
    else
        sqlite3_bind_double(statement, index, value);
}

char *mb_column_text(sqlite3_stmt *statement, int column) {
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? mb_strdup((const char *)text) : NULL;
}

const char *mb_column_words(sqlite3_stmt *statement, int column) {
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? (const char *)text : "";
}

// --- one writer ------------------------------------------------------------------------------------------

// FILE.lock, locked while this program lives: the lock goes with it, however it ends.
static mb_status take_lock(mb_store *store, mb_error *error) {
    mb_strbuf name = {0};
    mb_strbuf_printf(&name, "%s.lock", store->path);
    if (name.failed) {
        mb_strbuf_deinit(&name);
        return mb_fail_memory(error);
    }
    mb_status status = MB_OK;
    for (bool held = false; !held && status == MB_OK;) {
        struct stat mine, there;
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        store->lock = open(name.text, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (store->lock < 0)
            status = mb_fail(error, MB_BAD_INPUT, "%s cannot be written: %s", store->path, strerror(errno));
        else if (fcntl(store->lock, F_SETLK, &whole) != 0 && (errno == EACCES || errno == EAGAIN))
            status = mb_fail(
                error, MB_FAILED,
                "another sweep is writing %s; wait for its end, or give each its own --db and --shard "
                "(then `mbsand merge`)",
                store->path);
        else // the last one may have taken the file away meanwhile
            held =
                fstat(store->lock, &mine) == 0 && stat(name.text, &there) == 0 && mine.st_ino == there.st_ino;
        if (held) break;
        if (store->lock >= 0) close(store->lock);
        store->lock = -1;
    }
    mb_strbuf_deinit(&name);
    return status;
}

static void drop_lock(mb_store *store) {
    if (store->lock < 0) return;
    mb_strbuf name = {0};
    mb_strbuf_printf(&name, "%s.lock", store->path);
    if (!name.failed) unlink(name.text);
    mb_strbuf_deinit(&name);
    close(store->lock);
    store->lock = -1;
}

// --- opening ---------------------------------------------------------------------------------------------

static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE settings(position INTEGER PRIMARY KEY, setting TEXT NOT NULL);"
    "CREATE TABLE inputs(name TEXT PRIMARY KEY, kind TEXT NOT NULL, sha256 TEXT NOT NULL, text TEXT) WITHOUT "
    "ROWID;"
    "CREATE TABLE sections(section INTEGER PRIMARY KEY, title TEXT, question TEXT, columns TEXT);"
    "CREATE TABLE points(point INTEGER PRIMARY KEY, section INTEGER NOT NULL, label TEXT NOT NULL, "
    "description TEXT,"
    " seeds INTEGER NOT NULL, first_run INTEGER NOT NULL, runs INTEGER NOT NULL, facts TEXT NOT NULL);"
    "CREATE TABLE keys(point INTEGER NOT NULL, key TEXT NOT NULL, value, PRIMARY KEY(point, key)) WITHOUT "
    "ROWID;"
    "CREATE TABLE policies(point INTEGER NOT NULL, policy INTEGER NOT NULL, label TEXT NOT NULL, path TEXT,"
    " params TEXT NOT NULL, PRIMARY KEY(point, policy)) WITHOUT ROWID;";

static void add_runs(mb_strbuf *sql) {
    mb_strbuf_add(
        sql, "CREATE TABLE runs(run INTEGER PRIMARY KEY, point INTEGER NOT NULL, policy INTEGER NOT NULL,"
             " seed INTEGER NOT NULL, ended TEXT NOT NULL, status INTEGER NOT NULL, error TEXT,"
             " traceback TEXT, details TEXT NOT NULL");
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        mb_strbuf_printf(sql, ", %s REAL", mb_measures[i].name);
    mb_strbuf_add(sql, ");");
}

static mb_status make_tables(mb_store *store, mb_error *error) {
    mb_strbuf sql = {0};
    mb_strbuf_printf(&sql, "BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d;",
                     APPLICATION, FORMAT);
    mb_strbuf_add(&sql, schema);
    add_runs(&sql);
    mb_strbuf_add(&sql, "COMMIT;");
    const mb_status status = sql.failed ? mb_fail_memory(error) : mb_store_execute(store, sql.text, error);
    mb_strbuf_deinit(&sql);
    return status;
}

// An empty file is a new one.
static mb_status check_format(mb_store *store, bool *empty, mb_error *error) {
    sqlite3_int64 application = 0, format = 0, tables = 0;
    mb_status status = mb_store_number(store, "PRAGMA application_id", &application, error);
    if (status == MB_OK) status = mb_store_number(store, "PRAGMA user_version", &format, error);
    if (status == MB_OK)
        status = mb_store_number(store, "SELECT count(*) FROM sqlite_schema", &tables, error);
    if (status != MB_OK) return status;
    *empty = tables == 0 && application == 0;
    if (*empty) return MB_OK;
    if (application != APPLICATION)
        return mb_fail(error, MB_BAD_INPUT, "%s is a database, but none of mbsand's results", store->path);
    if (format == FORMAT) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "%s is of format %lld, and this mbsand reads format %d", store->path,
                   (long long)format, FORMAT);
}

// To open a pipe would wait for whoever is at its other end.
static mb_status open_path(mb_store *store, const char *path, mb_error *error) {
    *store = (mb_store){.lock = -1, .path = mb_strdup(path)};
    if (!store->path) return mb_fail_memory(error);
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: is not a regular file; expected a database of results",
                       path);
    return MB_OK;
}

mb_status mb_store_open(mb_store *store, const char *path, mb_error *error) {
    mb_status status = open_path(store, path, error);
    if (status == MB_OK) status = take_lock(store, error);
    if (status != MB_OK) return status;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK) return mb_store_fail(store, error);
    sqlite3_busy_timeout(store->db, PATIENCE_MS);
    status = check_format(store, &store->fresh, error);
    // A transaction survives kill -9 as it is; a power cut may take the last ones, which are run again.
    if (status == MB_OK)
        status = mb_store_execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;", error);
    if (status == MB_OK && store->fresh) status = make_tables(store, error);
    return status;
}

// Read-only media have no room for the files beside a database that was not closed: then it is taken as it
// is.
static mb_status open_immutable(mb_store *store, mb_error *error) {
    mb_strbuf uri = {0};
    mb_strbuf_add(&uri, "file:");
    for (const char *c = store->path; *c; c++)
        if (strchr("?#%", *c))
            mb_strbuf_printf(&uri, "%%%02x", (unsigned char)*c);
        else
            mb_strbuf_add_bytes(&uri, c, 1);
    mb_strbuf_add(&uri, "?immutable=1");
    sqlite3_close(store->db);
    store->db = NULL;
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    const int code = uri.failed ? SQLITE_NOMEM : sqlite3_open_v2(uri.text, &store->db, flags, NULL);
    mb_strbuf_deinit(&uri);
    return code == SQLITE_OK ? MB_OK : mb_store_fail(store, error);
}

mb_status mb_store_read(mb_store *store, const char *path, mb_error *error) {
    struct stat there;
    mb_status status = open_path(store, path, error);
    if (status != MB_OK) return status;
    if (stat(path, &there) != 0) return mb_fail(error, MB_BAD_INPUT, "%s: %s", path, strerror(errno));
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK) return mb_store_fail(store, error);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    sqlite3_busy_timeout(store->db, PATIENCE_MS);
    status = check_format(store, &store->fresh, error);
    const int code = sqlite3_errcode(store->db);
    if (status != MB_OK && (code == SQLITE_CANTOPEN || code == SQLITE_READONLY)) {
        status = open_immutable(store, error);
        if (status == MB_OK) status = check_format(store, &store->fresh, error);
    }
    if (status == MB_OK && store->fresh)
        status = mb_fail(error, MB_BAD_INPUT, "%s is empty: no sweep has written to it", path);
    return status;
}

void mb_store_close(mb_store *store) {
    if (store->db && store->lock >= 0) // (a reader that is at it keeps the log beside it)
        sqlite3_exec(store->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    sqlite3_close(store->db);
    if (store->discard) unlink(store->path);
    drop_lock(store);
    free(store->path);
    *store = (mb_store){.lock = -1};
}
