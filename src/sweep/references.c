// SPDX-License-Identifier: MIT
#include "sweep/references.h"

#include "run/reference.h"
#include "sweep/stretch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Policy 0 is the bound; the others, from 1, are the point's own and those who know every length. Made where
// somebody asks for bounds.
static mb_status make_tables(mb_store *store, mb_error *error) {
    mb_strbuf sql = {0};
    mb_strbuf_add(&sql,
                  "CREATE TABLE IF NOT EXISTS oracles(section INTEGER PRIMARY KEY, first TEXT NOT NULL,"
                  " second TEXT NOT NULL);"
                  "CREATE TABLE IF NOT EXISTS bounds(point INTEGER NOT NULL, policy INTEGER NOT NULL,"
                  " label TEXT NOT NULL, seed INTEGER NOT NULL, ended TEXT NOT NULL, status INTEGER NOT NULL,"
                  " error TEXT");
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        mb_strbuf_printf(&sql, ", %s REAL", mb_measures[i].name);
    mb_strbuf_add(&sql, ", PRIMARY KEY(point, policy, seed)) WITHOUT ROWID;");
    const mb_status status = sql.failed ? mb_fail_memory(error) : mb_store_execute(store, sql.text, error);
    mb_strbuf_deinit(&sql);
    return status;
}

static mb_status has_tables(mb_store *store, const char *database, bool *there, mb_error *error) {
    char sql[128];
    sqlite3_int64 count = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s.sqlite_schema WHERE name = 'bounds'", database);
    const mb_status status = mb_store_number(store, sql, &count, error);
    *there = count > 0;
    return status;
}

// --- running ---------------------------------------------------------------------------------------------

static mb_status insert_outcomes(mb_store *store, sqlite3_int64 point, const mb_results *results,
                                 size_t first_policy, mb_error *error) {
    mb_strbuf sql = {0};
    sqlite3_stmt *row = NULL;
    mb_strbuf_add(&sql, "INSERT INTO bounds VALUES(?, ?, ?, ?, ?, ?, ?");
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        mb_strbuf_add(&sql, ", ?");
    mb_strbuf_add(&sql, ")");
    mb_status status = sql.failed ? mb_fail_memory(error) : mb_store_prepare(store, sql.text, &row, error);
    mb_strbuf_deinit(&sql);
    const mb_experiment *experiment = &mb_results_section(results)->points[0].experiment;
    for (size_t i = 0; i < results->count && status == MB_OK; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        sqlite3_bind_int64(row, 1, point);
        sqlite3_bind_int64(row, 2, (sqlite3_int64)(outcome->policy + first_policy));
        mb_bind_text(row, 3, experiment->policies[outcome->policy].label);
        sqlite3_bind_int64(row, 4, (sqlite3_int64)outcome->seed_index + 1);
        mb_bind_text(row, 5, outcome->finished ? "finished" : "failed");
        sqlite3_bind_int(row, 6, (int)outcome->status);
        mb_bind_text(row, 7, outcome->error ? outcome->error->message : NULL);
        for (int m = 0; m < MB_MEASURE_COUNT; m++)
            mb_bind_number(row, 8 + m, outcome->finished ? outcome->values[m] : (double)NAN);
        status = mb_store_step(store, row, error);
    }
    sqlite3_finalize(row);
    return status;
}

static mb_status name_oracles(mb_store *store, sqlite3_int64 section, const mb_reference *reference,
                              mb_error *error) {
    sqlite3_stmt *row = NULL;
    mb_status status = mb_store_prepare(store, "INSERT OR IGNORE INTO oracles VALUES(?, ?, ?)", &row, error);
    if (status != MB_OK) return status;
    sqlite3_bind_int64(row, 1, section);
    mb_bind_text(row, 2, reference->oracles[0].label);
    mb_bind_text(row, 3, reference->oracles[1].label);
    status = mb_store_step(store, row, error);
    sqlite3_finalize(row);
    return status;
}

static mb_status record(mb_store *store, mb_inputs *inputs, sqlite3_int64 section, sqlite3_int64 point,
                        const mb_reference *reference, mb_error *error) {
    const mb_results *runs = &reference->clairvoyant;
    mb_status status = mb_inputs_unchanged(inputs, error);
    if (status == MB_OK) status = mb_store_execute(store, "BEGIN IMMEDIATE", error);
    if (status != MB_OK) return status;
    for (size_t i = 0; i < runs->count && status == MB_OK; i++)
        for (size_t k = 0; k < runs->outcomes[i].script_count && status == MB_OK; k++)
            status = mb_inputs_add(inputs, "module", runs->outcomes[i].scripts[k], error);
    if (status == MB_OK) status = name_oracles(store, section, reference, error);
    if (status == MB_OK) status = insert_outcomes(store, point, &reference->bound, 0, error);
    if (status == MB_OK) status = insert_outcomes(store, point, runs, 1, error);
    if (status == MB_OK) status = mb_store_execute(store, "COMMIT", error);
    if (status != MB_OK) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static mb_status is_there(mb_store *store, size_t point, bool *there, mb_error *error) {
    char sql[64];
    sqlite3_int64 count = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM bounds WHERE point = %zu", point);
    const mb_status status = mb_store_number(store, sql, &count, error);
    *there = count > 0;
    return status;
}

typedef struct run_of {
    mb_store *store;
    mb_inputs *inputs;
    const mb_sweep_options *options;
    size_t *done, *total;
} run_of;

// `point` counts from 1 over the whole sweep.
static mb_status run_point(const run_of *r, const mb_stretch *stretch, size_t section, size_t local,
                           size_t point, mb_error *error) {
    bool there = false;
    mb_status status = is_there(r->store, point, &there, error);
    if (status != MB_OK || there) {
        *r->done += there;
        return status;
    }
    mb_section one = *mb_scenario_section(stretch->scenario, section);
    one.points = &one.points[local];
    one.point_count = 1;
    mb_results results = {.scenario = stretch->scenario, .section = section, .view = &one};
    status = mb_run_reference(&results, mb_scenario_root(stretch->scenario), &r->options->run, error);
    const bool cut = atomic_load(r->options->run.stop);
    if (status == MB_OK && !cut) {
        status = record(r->store, r->inputs, (sqlite3_int64)section + 1, (sqlite3_int64)point,
                        results.reference, error);
        *r->done += status == MB_OK;
    }
    mb_results_deinit(&results);
    return cut ? MB_OK : status;
}

static mb_status run_stretch(const run_of *r, const mb_stretch *stretch, mb_error *error) {
    mb_status status = MB_OK;
    size_t point = stretch->first_point;
    for (size_t i = 0; i < mb_scenario_section_count(stretch->scenario); i++)
        for (size_t j = 0; j < mb_scenario_section(stretch->scenario, i)->point_count; j++) {
            const bool mine = point++ % r->options->shards == r->options->shard;
            *r->total += mine;
            if (mine && status == MB_OK && !atomic_load(r->options->run.stop))
                status = run_point(r, stretch, i, j, point, error);
        }
    return status;
}

mb_status mb_references_run(mb_store *store, mb_inputs *inputs, const mb_sweep_options *options,
                            size_t points, size_t *done, size_t *total, mb_error *error) {
    const run_of r = {store, inputs, options, done, total};
    mb_status status = make_tables(store, error);
    for (size_t first = 0; first < points && status == MB_OK; first += MB_STRETCH_POINTS) {
        mb_stretch *stretch = NULL;
        status = mb_stretch_load(options->scenario, options->overrides, first, &stretch, error);
        if (status == MB_OK) status = run_stretch(&r, stretch, error);
        mb_stretch_release(stretch);
    }
    return status;
}

// --- reading ---------------------------------------------------------------------------------------------

static mb_status make_references(mb_store *store, mb_stored *stored, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_status status =
        mb_store_prepare(store, "SELECT section, first, second FROM oracles", &statement, error);
    while (status == MB_OK && (status = mb_store_next(store, statement, &row, error)) == MB_OK && row) {
        const sqlite3_int64 section = sqlite3_column_int64(statement, 0);
        if (section < 1 || section > (sqlite3_int64)stored->count) continue;
        if (stored->results[section - 1].reference) continue;
        const char *labels[2] = {mb_column_words(statement, 1), mb_column_words(statement, 2)};
        status = mb_reference_make(&stored->results[section - 1], labels, error);
    }
    sqlite3_finalize(statement);
    return status;
}

// Of a clairvoyant: those of the point by their numbers, the others by their names.
static mb_outcome *outcome_of(const mb_reference *reference, size_t point, sqlite3_int64 policy,
                              const char *label, sqlite3_int64 seed) {
    const mb_results *runs = policy == 0 ? &reference->bound : &reference->clairvoyant;
    const mb_experiment *experiment = &mb_results_section(runs)->points[point].experiment;
    size_t index = policy > 0 ? (size_t)policy - 1 : 0;
    const size_t others = sizeof reference->oracles / sizeof *reference->oracles;
    const size_t own = experiment->policy_count > others ? experiment->policy_count - others : 0;
    if (policy > 0 && index >= own)
        for (index = own; index < experiment->policy_count; index++)
            if (label && strcmp(experiment->policies[index].label, label) == 0) break;
    if (index >= experiment->policy_count || seed < 1 || seed > experiment->seeds) return NULL;
    return mb_results_at(runs, point, index, (uint32_t)seed - 1);
}

static mb_status read_outcome(sqlite3_stmt *row, mb_outcome *outcome, mb_error *error) {
    const char *ended = (const char *)sqlite3_column_text(row, 4);
    const char *message = (const char *)sqlite3_column_text(row, 6);
    outcome->started = true;
    outcome->finished = ended && strcmp(ended, "finished") == 0;
    outcome->status = (mb_status)sqlite3_column_int(row, 5);
    for (int m = 0; m < MB_MEASURE_COUNT; m++)
        outcome->values[m] =
            sqlite3_column_type(row, 7 + m) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(row, 7 + m);
    if (!message || outcome->error) return MB_OK;
    outcome->error = calloc(1, sizeof *outcome->error);
    if (!outcome->error) return mb_fail_memory(error);
    mb_fail(outcome->error, MB_FAILED, "%s", message);
    return MB_OK;
}

static mb_status read_rows(mb_store *store, mb_stored *stored, mb_error *error) {
    sqlite3_stmt *row = NULL;
    bool more = false;
    mb_status status = mb_store_prepare(store, "SELECT * FROM bounds", &row, error);
    while (status == MB_OK && (status = mb_store_next(store, row, &more, error)) == MB_OK && more) {
        size_t section, point;
        if (!mb_stored_point(stored, sqlite3_column_int64(row, 0), &section, &point)) continue;
        const mb_reference *reference = stored->results[section].reference;
        mb_outcome *outcome =
            reference ? outcome_of(reference, point, sqlite3_column_int64(row, 1),
                                   (const char *)sqlite3_column_text(row, 2), sqlite3_column_int64(row, 3))
                      : NULL;
        if (outcome) status = read_outcome(row, outcome, error);
    }
    sqlite3_finalize(row);
    return status;
}

mb_status mb_references_read(mb_store *store, mb_stored *stored, mb_error *error) {
    bool there = false;
    mb_status status = has_tables(store, "main", &there, error);
    if (status != MB_OK || !there) return status;
    status = make_references(store, stored, error);
    return status == MB_OK ? read_rows(store, stored, error) : status;
}

mb_status mb_references_merge(mb_store *store, mb_error *error) {
    bool there = false;
    mb_status status = has_tables(store, "part", &there, error);
    if (status != MB_OK || !there) return status;
    status = make_tables(store, error);
    if (status != MB_OK) return status;
    return mb_store_execute(store,
                            "INSERT OR IGNORE INTO main.oracles SELECT * FROM part.oracles;"
                            "INSERT OR IGNORE INTO main.bounds SELECT * FROM part.bounds",
                            error);
}
