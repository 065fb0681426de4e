// SPDX-License-Identifier: MIT
#include "sweep/origin.h"

#include "report/json_values.h"

#include <jansson.h>
#include <string.h>

static json_t *input_json(bool *lost, sqlite3_stmt *row) {
    json_t *one = json_object();
    mb_json_set(lost, one, "path", mb_json_text((const char *)sqlite3_column_text(row, 0)));
    mb_json_set(lost, one, "sha256", mb_json_text((const char *)sqlite3_column_text(row, 2)));
    mb_json_set(lost, one, "text", mb_json_text((const char *)sqlite3_column_text(row, 3)));
    return one;
}

static mb_status add_inputs(mb_store *store, bool *lost, json_t *object, mb_error *error) {
    static const char *const kinds[][2] = {
        {"policy", "policies"}, {"module", "modules"}, {"data", "data"}, {"program", "program"}};
    sqlite3_stmt *row = NULL;
    bool more = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        mb_json_set(lost, object, kinds[i][1], json_array());
    mb_status status = mb_store_prepare(
        store, "SELECT name, kind, sha256, text FROM inputs ORDER BY kind, name", &row, error);
    while (status == MB_OK && (status = mb_store_next(store, row, &more, error)) == MB_OK && more) {
        const char *kind = (const char *)sqlite3_column_text(row, 1);
        json_t *one = input_json(lost, row);
        if (kind && strcmp(kind, "scenario") == 0) {
            mb_json_set(lost, object, "scenario", one);
            continue;
        }
        json_t *list = NULL;
        for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
            if (strcmp(kind, kinds[i][0]) == 0) list = json_object_get(object, kinds[i][1]);
        if (list)
            mb_json_append(lost, list, one);
        else
            json_decref(one);
    }
    sqlite3_finalize(row);
    return status;
}

static mb_status add_meta(mb_store *store, bool *lost, json_t *object, mb_error *error) {
    sqlite3_stmt *row = NULL;
    bool more = false;
    mb_status status = mb_store_prepare(store, "SELECT key, value FROM meta ORDER BY key", &row, error);
    while (status == MB_OK && (status = mb_store_next(store, row, &more, error)) == MB_OK && more) {
        const char *key = (const char *)sqlite3_column_text(row, 0);
        json_t *value = mb_json_text((const char *)sqlite3_column_text(row, 1));
        if (key && strcmp(key, "command") == 0) { // a list there, of words
            json_t *command = json_array();
            mb_json_append(lost, command, value);
            value = command;
        }
        mb_json_set(lost, object, key ? key : "", value);
    }
    sqlite3_finalize(row);
    return status;
}

mb_status mb_origin_json(mb_store *store, json_t **origin, mb_error *error) {
    bool lost = false;
    *origin = json_object();
    mb_status status = add_meta(store, &lost, *origin, error);
    if (status == MB_OK) status = add_inputs(store, &lost, *origin, error);
    if (status == MB_OK && lost) status = mb_fail_memory(error);
    if (status == MB_OK) return MB_OK;
    json_decref(*origin);
    *origin = NULL;
    return status;
}
