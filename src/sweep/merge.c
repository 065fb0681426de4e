// SPDX-License-Identifier: MIT
#include "sweep/merge.h"

#include "base/strbuf.h"
#include "metrics/measures.h"
#include "sweep/references.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// What must not differ between parts, as queries that give a text where something does.
static const char *const differences[] = {
    "SELECT 'the ' || x.kind || ' ' || x.name || ' differs' FROM main.inputs x JOIN part.inputs y USING(name)"
    " WHERE x.sha256 <> y.sha256 ORDER BY x.kind <> 'program', x.kind, x.name LIMIT 1",
    "SELECT 'one of them alone has ' || setting FROM (SELECT setting, position FROM main.settings EXCEPT"
    " SELECT setting, position FROM part.settings) LIMIT 1",
    "SELECT 'one of them alone has ' || setting FROM (SELECT setting, position FROM part.settings EXCEPT"
    " SELECT setting, position FROM main.settings) LIMIT 1",
    // Policies and modules come as runs do; the others are there from the start.
    "SELECT 'one of them alone rests on ' || name FROM (SELECT name FROM main.inputs WHERE kind IN "
    "('scenario', 'data')"
    " EXCEPT SELECT name FROM part.inputs) LIMIT 1",
    "SELECT 'one of them alone rests on ' || name FROM (SELECT name FROM part.inputs WHERE kind IN "
    "('scenario', 'data')"
    " EXCEPT SELECT name FROM main.inputs) LIMIT 1",
    "SELECT 'point ' || point || ' differs' FROM (SELECT * FROM main.points EXCEPT SELECT * FROM "
    "part.points) LIMIT 1",
    "SELECT 'point ' || point || ' differs' FROM (SELECT * FROM part.points EXCEPT SELECT * FROM "
    "main.points) LIMIT 1",
    "SELECT 'policy ' || label || ' differs' FROM (SELECT point, policy, label, params FROM main.policies "
    "EXCEPT"
    " SELECT point, policy, label, params FROM part.policies) LIMIT 1",
};

// A text that a query gives is what is wrong.
static mb_status check(mb_store *store, const char *sql, const char *part, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_status status = mb_store_prepare(store, sql, &statement, error);
    if (status == MB_OK) status = mb_store_next(store, statement, &row, error);
    if (status == MB_OK && row)
        status = mb_fail(error, MB_BAD_INPUT, "%s and %s are no parts of one sweep: %s", store->path, part,
                         mb_column_words(statement, 0));
    sqlite3_finalize(statement);
    return status;
}

// Runs that both have: equal in everything but the time that they took.
static mb_status check_runs(mb_store *store, const char *part, mb_error *error) {
    mb_strbuf sql = {0};
    mb_strbuf_add(&sql,
                  "SELECT 'run ' || run || ' is in both, with other values' FROM main.runs x"
                  " JOIN part.runs y USING(run) WHERE x.ended IS NOT y.ended OR x.status IS NOT y.status"
                  " OR x.point IS NOT y.point OR x.policy IS NOT y.policy OR x.seed IS NOT y.seed");
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        if (strncmp(mb_measures[i].name, "sim_", 4) != 0)
            mb_strbuf_printf(&sql, " OR x.%s IS NOT y.%s", mb_measures[i].name, mb_measures[i].name);
    mb_strbuf_add(&sql, " LIMIT 1");
    const mb_status status = sql.failed ? mb_fail_memory(error) : check(store, sql.text, part, error);
    mb_strbuf_deinit(&sql);
    return status;
}

static mb_status copy_plan(mb_store *store, mb_error *error) {
    static const char *const tables[] = {"meta", "settings", "sections", "points", "keys", "policies"};
    mb_status status = MB_OK;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && status == MB_OK; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO main.%s SELECT * FROM part.%s", tables[i], tables[i]);
        status = mb_store_execute(store, sql, error);
    }
    sqlite3_stmt *statement = NULL;
    bool row = false;
    if (status == MB_OK)
        status = mb_store_prepare(store, "SELECT sql FROM part.sqlite_schema WHERE name = 'results'",
                                  &statement, error);
    if (status == MB_OK) status = mb_store_next(store, statement, &row, error);
    char *view = row ? mb_column_text(statement, 0) : NULL;
    sqlite3_finalize(statement);
    if (status == MB_OK) status = view ? mb_store_execute(store, view, error) : mb_fail_memory(error);
    free(view);
    return status;
}

static mb_status add(mb_store *store, const char *part, mb_error *error) {
    sqlite3_int64 planned = 0;
    mb_status status = mb_store_execute(store, "BEGIN IMMEDIATE", error);
    if (status == MB_OK) status = mb_store_number(store, "SELECT count(*) FROM main.meta", &planned, error);
    if (status == MB_OK && !planned)
        status = copy_plan(store, error);
    else
        for (size_t i = 0; i < sizeof differences / sizeof *differences && status == MB_OK; i++)
            status = check(store, differences[i], part, error);
    if (status == MB_OK) status = check_runs(store, part, error);
    if (status == MB_OK)
        status = mb_store_execute(store,
                                  "INSERT OR IGNORE INTO main.inputs SELECT * FROM part.inputs;"
                                  "INSERT OR IGNORE INTO main.runs SELECT * FROM part.runs",
                                  error);
    if (status == MB_OK) status = mb_references_merge(store, error);
    if (status == MB_OK) status = mb_store_execute(store, "COMMIT", error);
    if (status != MB_OK) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

// It must be a database of results of its own right.
static mb_status check_part(const char *path, const struct stat *into, mb_error *error) {
    mb_store part;
    struct stat there;
    sqlite3_int64 planned = 0;
    mb_status status = mb_store_read(&part, path, error);
    if (status == MB_OK && stat(path, &there) == 0 && there.st_ino == into->st_ino &&
        there.st_dev == into->st_dev)
        status = mb_fail(error, MB_BAD_INPUT, "%s cannot be merged into itself", path);
    if (status == MB_OK) status = mb_store_number(&part, "SELECT count(*) FROM meta", &planned, error);
    if (status == MB_OK && !planned)
        status = mb_fail(error, MB_BAD_INPUT, "%s is empty: no sweep has written to it", path);
    mb_store_close(&part);
    return status;
}

static mb_status merge_one(mb_store *store, const char *path, mb_error *error) {
    struct stat into = {0};
    stat(store->path, &into);
    mb_status status = check_part(path, &into, error);
    sqlite3_stmt *attach = NULL;
    if (status == MB_OK) status = mb_store_prepare(store, "ATTACH ? AS part", &attach, error);
    if (status != MB_OK) return status;
    mb_bind_text(attach, 1, path);
    status = mb_store_step(store, attach, error);
    sqlite3_finalize(attach);
    if (status == MB_OK) status = add(store, path, error);
    sqlite3_exec(store->db, "DETACH part", NULL, NULL, NULL);
    return status;
}

mb_status mb_merge(const char *into, char *const *parts, size_t count, size_t *added, size_t *missing,
                   mb_error *error) {
    mb_store store;
    sqlite3_int64 before = 0, after = 0, planned = 0;
    mb_status status = mb_store_open(&store, into, error);
    if (status == MB_OK) status = mb_store_number(&store, "SELECT count(*) FROM runs", &before, error);
    for (size_t i = 0; i < count && status == MB_OK; i++) {
        status = merge_one(&store, parts[i], error);
        if (status != MB_OK && i == 0) store.discard = store.fresh;
    }
    if (status == MB_OK) status = mb_store_number(&store, "SELECT count(*) FROM runs", &after, error);
    if (status == MB_OK) status = mb_store_number(&store, "SELECT sum(runs) FROM points", &planned, error);
    *added = (size_t)(after - before);
    *missing = (size_t)(planned - after);
    mb_store_close(&store);
    return status;
}
