// SPDX-License-Identifier: MIT
#include "sweep/export.h"

#include "base/strbuf.h"
#include "report/files.h"
#include "report/format.h"
#include "report/json.h"
#include "report/json_values.h"
#include "sweep/origin.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A column of the view `results`. SQLite types values, Parquet columns: whole numbers that some row has as
// fractions are all fractions, and where a row has a text, all are.
typedef struct column {
    char *name;
    const char *type;
} column;

typedef struct columns {
    column *items;
    size_t count;
} columns;

static mb_status read_columns(mb_store *store, columns *all, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    mb_status status = mb_store_prepare(store, "SELECT * FROM results ORDER BY run", &statement, error);
    if (status != MB_OK) return status;
    all->count = (size_t)sqlite3_column_count(statement);
    all->items = calloc(all->count + 1, sizeof *all->items);
    if (!all->items) status = mb_fail_memory(error);
    for (size_t i = 0; i < all->count && status == MB_OK; i++) {
        all->items[i].name = mb_strdup(sqlite3_column_name(statement, (int)i));
        if (!all->items[i].name) status = mb_fail_memory(error);
    }
    bool row = true;
    while (status == MB_OK && (status = mb_store_next(store, statement, &row, error)) == MB_OK && row)
        for (size_t i = 0; i < all->count; i++) {
            const char **type = &all->items[i].type;
            const int found = sqlite3_column_type(statement, (int)i);
            if (found == SQLITE_TEXT)
                *type = "VARCHAR";
            else if (found == SQLITE_FLOAT && (!*type || strcmp(*type, "BIGINT") == 0))
                *type = "DOUBLE";
            else if (found == SQLITE_INTEGER && !*type)
                *type = "BIGINT";
        }
    for (size_t i = 0; i < all->count; i++) // of measures also where no run has a value
        if (!all->items[i].type) all->items[i].type = "DOUBLE";
    sqlite3_finalize(statement);
    return status;
}

static void free_columns(columns *all) {
    for (size_t i = 0; all->items && i < all->count; i++)
        free(all->items[i].name);
    free(all->items);
}

static mb_status write_rows(mb_store *store, const columns *all, FILE *out, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    mb_strbuf line = {0};
    bool row = true;
    for (size_t i = 0; i < all->count; i++) {
        if (i) mb_strbuf_add(&line, ",");
        mb_add_csv(&line, all->items[i].name);
    }
    mb_status status = mb_store_prepare(store, "SELECT * FROM results ORDER BY run", &statement, error);
    do {
        mb_strbuf_add(&line, "\n");
        if (line.failed) status = mb_fail_memory(error);
        if (status != MB_OK) break;
        fwrite(line.text, 1, line.length, out);
        line.length = 0;
        status = mb_store_next(store, statement, &row, error);
        for (size_t i = 0; i < all->count && row; i++) {
            if (i) mb_strbuf_add(&line, ",");
            const int type = sqlite3_column_type(statement, (int)i);
            if (type == SQLITE_FLOAT)
                mb_strbuf_printf(&line, "%.17g", sqlite3_column_double(statement, (int)i));
            else if (type == SQLITE_INTEGER)
                mb_strbuf_printf(&line, "%lld", (long long)sqlite3_column_int64(statement, (int)i));
            else if (type != SQLITE_NULL)
                mb_add_csv(&line, (const char *)sqlite3_column_text(statement, (int)i));
        }
    } while (status == MB_OK && row);
    mb_strbuf_deinit(&line);
    sqlite3_finalize(statement);
    return status;
}

// Columns that every row has, and what they mean.
static const char *const always[][2] = {
    {"run", "number of the run: points, policies, seeds, the last running fastest"},
    {"section", "of the scenario, from 1"},
    {"point", "of the sweep, from 1"},
    {"policy", "its label"},
    {"seed", "from 1; equal numbers saw the same requests"},
    {"ended", "finished, or failed: then there are no measures"}};

static const char *fixed_meaning(const char *name) {
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (strcmp(always[i][0], name) == 0) return always[i][1];
    return NULL;
}

static const char *meaning_of(const char *name) {
    const char *fixed = fixed_meaning(name);
    const int measure = mb_measure_index(name);
    return fixed ? fixed : measure >= 0 ? mb_measures[measure].meaning : "swept key";
}

static mb_status write_schema(const columns *all, FILE *out, mb_error *error) {
    bool lost = false;
    json_t *root = json_object(), *list = json_array();
    for (size_t i = 0; i < all->count; i++) {
        json_t *one = json_object();
        const char *name = all->items[i].name;
        mb_json_set(&lost, one, "name", mb_json_text(name));
        mb_json_set(&lost, one, "type", json_string(all->items[i].type));
        mb_json_set(&lost, one, "nullable", json_boolean(!fixed_meaning(name)));
        mb_json_set(&lost, one, "meaning", mb_json_text(meaning_of(name)));
        mb_json_append(&lost, list, one);
    }
    mb_json_set(&lost, root, "file", json_string("results.csv"));
    mb_json_set(&lost, root, "columns", list);
    const bool written = !lost && json_dumpf(root, out, JSON_INDENT(1)) == 0;
    fputc('\n', out);
    json_decref(root);
    return written || ferror(out) ? MB_OK
                                  : mb_fail_memory(error); // a lost write is told when the file is closed
}

mb_status mb_stored_json(mb_store *store, const mb_stored *stored, FILE *out, mb_error *error) {
    mb_manifest manifest = {0};
    mb_status status = mb_origin_json(store, &manifest.kept, error);
    if (status == MB_OK) status = mb_report_json(stored->list, stored->count, &manifest, out, error);
    json_decref(manifest.kept);
    return status;
}

typedef enum part { PART_ROWS, PART_SCHEMA, PART_SUMMARY } part;

static mb_status write_file(mb_store *store, const mb_stored *stored, const columns *all, const char *dir,
                            part which, mb_error *error) {
    static const char *const names[] = {"results.csv", "results.schema.json", "summary.json"};
    mb_output_file output;
    mb_status status = mb_output_open(dir, names[which], &output, error);
    if (status != MB_OK) return status;
    if (which == PART_ROWS) status = write_rows(store, all, output.file, error);
    if (which == PART_SCHEMA) status = write_schema(all, output.file, error);
    if (which == PART_SUMMARY) status = mb_stored_json(store, stored, output.file, error);
    if (status == MB_OK || ferror(output.file)) return mb_output_commit(&output, error);
    mb_output_abandon(&output);
    return status;
}

mb_status mb_export(mb_store *store, const mb_stored *stored, const char *dir, mb_error *error) {
    columns all = {0};
    mb_status status = mb_output_dir(dir, error);
    if (status == MB_OK) status = read_columns(store, &all, error);
    for (part which = PART_ROWS; which <= PART_SUMMARY && status == MB_OK; which++)
        status = write_file(store, stored, &all, dir, which, error);
    free_columns(&all);
    return status;
}
