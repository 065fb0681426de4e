// SPDX-License-Identifier: MIT
#include "sweep/record.h"

#include "base/strbuf.h"
#include "report/json_values.h"
#include "report/labels.h"
#include "report/manifest.h"
#include "sweep/outcome_json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Binds a JSON value as text and lets it go; false when out of memory.
static bool bind_json(sqlite3_stmt *statement, int index, json_t *value, bool lost) {
    char *text = lost ? NULL : json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY);
    json_decref(value);
    mb_bind_text(statement, index, text);
    free(text);
    return text != NULL;
}

static mb_status step_or_memory(mb_store *store, sqlite3_stmt *statement, bool complete, mb_error *error) {
    return complete ? mb_store_step(store, statement, error) : mb_fail_memory(error);
}

mb_status mb_record_section(mb_store *store, sqlite3_int64 section, const mb_section *what, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    mb_status status = mb_store_prepare(
        store, "INSERT OR IGNORE INTO sections(section, title, question, columns) VALUES(?, ?, ?, ?)",
        &statement, error);
    if (status != MB_OK) return status;
    bool lost = false, complete = true;
    sqlite3_bind_int64(statement, 1, section);
    mb_bind_text(statement, 2, what->title);
    mb_bind_text(statement, 3, what->question);
    if (what->columns) {
        json_t *columns = json_array();
        for (char **name = what->columns; *name; name++)
            mb_json_append(&lost, columns, mb_json_text(*name));
        complete = bind_json(statement, 4, columns, lost);
    }
    status = step_or_memory(store, statement, complete, error);
    sqlite3_finalize(statement);
    return status;
}

// What tables and notes say of a point beside its numbers.
static json_t *facts_json(bool *lost, const mb_experiment *experiment) {
    const mb_workload *workload = &experiment->workload;
    json_t *facts = json_object(), *classes = json_array();
    mb_json_set(lost, facts, "slo_ttft_s", mb_json_number(experiment->slo.ttft_s));
    mb_json_set(lost, facts, "slo_tbt_s", mb_json_number(experiment->slo.tbt_s));
    if (isfinite(experiment->slo.gap_s))
        mb_json_set(lost, facts, "slo_gap_s", mb_json_number(experiment->slo.gap_s));
    if (experiment->slo.of_late) mb_json_set(lost, facts, "slo_late", mb_json_number(experiment->slo.late));
    mb_json_set(lost, facts, "slo_e2e_s", mb_json_number(experiment->slo.e2e_s));
    if (experiment->reader.speed > 0) {
        mb_json_set(lost, facts, "qoe_speed", mb_json_number(experiment->reader.speed));
        mb_json_set(lost, facts, "qoe_ttft_s", mb_json_number(experiment->reader.ttft_s));
    }
    mb_json_set(lost, facts, "oracle", json_boolean(experiment->oracle));
    mb_json_set(lost, facts, "seed", json_integer((json_int_t)experiment->seed));
    mb_json_set(lost, facts, "trace", json_boolean(workload->kind == MB_WORKLOAD_TRACE));
    mb_json_set(lost, facts, "closed", json_boolean(mb_workload_closed(workload)));
    mb_json_set(lost, facts, "limit", json_integer((json_int_t)workload->limit));
    mb_json_set(lost, facts, "until_s", mb_json_number(workload->until_s));
    mb_json_set(lost, facts, "to_s", mb_json_number(workload->trace.to_s));
    mb_json_set(lost, facts, "stop_s", mb_json_number(experiment->stop_s));
    for (size_t i = 0; i < workload->class_count; i++)
        mb_json_append(lost, classes, mb_json_text(workload->classes[i].name));
    mb_json_set(lost, facts, "classes", classes);
    return facts;
}

static mb_status record_keys(mb_store *store, sqlite3_int64 point, const mb_section *where, const char *label,
                             mb_error *error) {
    sqlite3_stmt *statement = NULL;
    mb_status status =
        mb_store_prepare(store, "INSERT INTO keys(point, key, value) VALUES(?, ?, ?)", &statement, error);
    const mb_label_columns columns = mb_label_columns_of(where);
    for (size_t i = 0; i < columns.count && status == MB_OK; i++) {
        const mb_slice value = mb_label_value(&columns, label, i);
        char text[64], *end = text;
        double number = 0;
        if (value.length < sizeof text) {
            memcpy(text, value.text, value.length);
            text[value.length] = '\0';
            number = strtod(text, &end);
        }
        sqlite3_bind_int64(statement, 1, point);
        sqlite3_bind_text(statement, 2, columns.names[i].text, (int)columns.names[i].length,
                          SQLITE_TRANSIENT);
        if (end == text || *end)
            sqlite3_bind_text(statement, 3, value.text, (int)value.length, SQLITE_TRANSIENT);
        else if (number == floor(number) && fabs(number) < 0x1p53)
            sqlite3_bind_int64(statement, 3, (sqlite3_int64)number);
        else
            sqlite3_bind_double(statement, 3, number);
        status = mb_store_step(store, statement, error);
    }
    sqlite3_finalize(statement);
    return status;
}

static mb_status record_policies(mb_store *store, sqlite3_int64 point, const mb_experiment *experiment,
                                 mb_error *error) {
    sqlite3_stmt *statement = NULL;
    mb_status status = mb_store_prepare(
        store, "INSERT INTO policies(point, policy, label, path, params) VALUES(?, ?, ?, ?, ?)", &statement,
        error);
    for (size_t i = 0; i < experiment->policy_count && status == MB_OK; i++) {
        bool lost = false;
        sqlite3_bind_int64(statement, 1, point);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)i + 1);
        mb_bind_text(statement, 3, experiment->policies[i].label);
        mb_bind_text(statement, 4, experiment->policies[i].path);
        json_t *params = mb_params_json(&lost, &experiment->policies[i]);
        status = step_or_memory(store, statement, bind_json(statement, 5, params, lost), error);
    }
    sqlite3_finalize(statement);
    return status;
}

mb_status mb_record_point(mb_store *store, sqlite3_int64 section, sqlite3_int64 point,
                          sqlite3_int64 first_run, const mb_section *where, size_t index, mb_error *error) {
    const mb_experiment *experiment = &where->points[index].experiment;
    const char *label = where->points[index].label ? where->points[index].label : "";
    sqlite3_stmt *statement = NULL;
    mb_status status =
        mb_store_prepare(store, "INSERT INTO points VALUES(?, ?, ?, ?, ?, ?, ?, ?)", &statement, error);
    if (status == MB_OK) {
        bool lost = false;
        sqlite3_bind_int64(statement, 1, point);
        sqlite3_bind_int64(statement, 2, section);
        mb_bind_text(statement, 3, label);
        mb_bind_text(statement, 4, experiment->description);
        sqlite3_bind_int64(statement, 5, experiment->seeds);
        sqlite3_bind_int64(statement, 6, first_run);
        sqlite3_bind_int64(statement, 7, (sqlite3_int64)(experiment->policy_count * experiment->seeds));
        json_t *facts = facts_json(&lost, experiment);
        status = step_or_memory(store, statement, bind_json(statement, 8, facts, lost), error);
    }
    sqlite3_finalize(statement);
    if (status == MB_OK) status = record_keys(store, point, where, label, error);
    if (status == MB_OK) status = record_policies(store, point, experiment, error);
    return status;
}

// In SQL a name stands in double quotes, a text in single ones, and one within is doubled.
static void add_quoted(mb_strbuf *sql, const char *text, char quote) {
    mb_strbuf_add_bytes(sql, &quote, 1);
    for (; *text; text++) {
        if (*text == quote) mb_strbuf_add_bytes(sql, text, 1);
        mb_strbuf_add_bytes(sql, text, 1);
    }
    mb_strbuf_add_bytes(sql, &quote, 1);
}

mb_status mb_record_view(mb_store *store, mb_error *error) {
    mb_strbuf sql = {0};
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_strbuf_add(&sql, "CREATE VIEW results AS SELECT runs.run, points.section, points.point");
    mb_status status = mb_store_prepare(store, "SELECT key FROM keys GROUP BY key ORDER BY min(point), key",
                                        &statement, error);
    while (status == MB_OK && (status = mb_store_next(store, statement, &row, error)) == MB_OK && row) {
        const char *key = (const char *)sqlite3_column_text(statement, 0);
        mb_strbuf_add(&sql, ", (SELECT value FROM keys WHERE keys.point = runs.point AND keys.key = ");
        add_quoted(&sql, key, '\'');
        mb_strbuf_add(&sql, ") AS ");
        add_quoted(&sql, key, '"');
    }
    sqlite3_finalize(statement);
    mb_strbuf_add(&sql, ", policies.label AS policy, runs.seed, runs.ended");
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        mb_strbuf_printf(&sql, ", runs.%s", mb_measures[i].name);
    mb_strbuf_add(&sql, " FROM runs JOIN points USING(point)"
                        " JOIN policies ON policies.point = runs.point AND policies.policy = runs.policy");
    if (status == MB_OK)
        status = sql.failed ? mb_fail_memory(error) : mb_store_execute(store, sql.text, error);
    mb_strbuf_deinit(&sql);
    return status;
}

// --- runs ------------------------------------------------------------------------------------------------

mb_status mb_recorder_init(mb_recorder *recorder, mb_store *store, mb_error *error) {
    *recorder = (mb_recorder){.store = store};
    mb_strbuf sql = {0};
    mb_strbuf_add(&sql, "INSERT INTO runs VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?");
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        mb_strbuf_add(&sql, ", ?");
    mb_strbuf_add(&sql, ")");
    const mb_status status =
        sql.failed ? mb_fail_memory(error) : mb_store_prepare(store, sql.text, &recorder->insert, error);
    mb_strbuf_deinit(&sql);
    return status;
}

mb_status mb_record_run(mb_recorder *recorder, sqlite3_int64 run, sqlite3_int64 point,
                        const mb_outcome *outcome, mb_error *error) {
    sqlite3_stmt *row = recorder->insert;
    bool lost = false;
    sqlite3_bind_int64(row, 1, run);
    sqlite3_bind_int64(row, 2, point);
    sqlite3_bind_int64(row, 3, (sqlite3_int64)outcome->policy + 1);
    sqlite3_bind_int64(row, 4, (sqlite3_int64)outcome->seed_index + 1);
    mb_bind_text(row, 5, outcome->finished ? "finished" : "failed");
    sqlite3_bind_int(row, 6, (int)outcome->status);
    mb_bind_text(row, 7, outcome->error ? outcome->error->message : NULL);
    mb_bind_text(row, 8, outcome->error && outcome->error->traceback[0] ? outcome->error->traceback : NULL);
    json_t *details = mb_outcome_json(&lost, outcome);
    const bool complete = bind_json(row, 9, details, lost);
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        mb_bind_number(row, 10 + i, outcome->finished ? outcome->values[i] : (double)NAN);
    return step_or_memory(recorder->store, row, complete, error);
}

void mb_recorder_deinit(mb_recorder *recorder) {
    sqlite3_finalize(recorder->insert);
    recorder->insert = NULL;
}
