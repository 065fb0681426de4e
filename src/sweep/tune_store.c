// SPDX-License-Identifier: MIT
#include "sweep/tune_store.h"

#include "base/strbuf.h"
#include "sweep/plan_store.h"
#include "sweep/stretch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

mb_status mb_tune_store_open(mb_tune_store *all, const mb_tune_options *options, const mb_scenario *scenario,
                             mb_error *error) {
    *all = (mb_tune_store){.store = {.lock = -1}};
    all->inputs = (mb_inputs){.store = &all->store, .root = mb_strdup(mb_scenario_root(scenario))};
    if (!all->inputs.root) return mb_fail_memory(error);
    const mb_sweep_options as_sweep = {.scenario = options->scenario,
                                       .db = options->db,
                                       .overrides = options->overrides,
                                       .settings = options->settings,
                                       .setting_count = options->setting_count,
                                       .argc = options->argc,
                                       .argv = options->argv};
    bool planned = false;
    mb_status status = mb_store_open(&all->store, options->db, error);
    if (status == MB_OK) status = mb_plan_begin(&all->store, &all->inputs, &as_sweep, &planned, error);
    all->fresh = all->writing = !planned;
    if (status != MB_OK && all->store.fresh) all->store.discard = true;
    if (status == MB_OK)
        status = mb_store_number(&all->store, "SELECT count(*) FROM points", &all->known, error);
    if (status == MB_OK) status = mb_recorder_init(&all->recorder, &all->store, error);
    return status;
}

mb_status mb_tune_store_begin(mb_tune_store *all, mb_error *error) {
    if (all->writing) return MB_OK; // the plan's transaction goes on
    const mb_status status = mb_store_execute(&all->store, "BEGIN IMMEDIATE", error);
    all->writing = status == MB_OK;
    return status;
}

mb_status mb_tune_store_end(mb_tune_store *all, bool good, mb_error *error) {
    mb_status status = MB_OK;
    if (good && all->fresh) status = mb_record_view(&all->store, error);
    if (good && status == MB_OK) status = mb_store_execute(&all->store, "COMMIT", error);
    if (!good || status != MB_OK) {
        sqlite3_exec(all->store.db, "ROLLBACK", NULL, NULL, NULL);
        all->store.discard = all->fresh;
    } else
        all->fresh = false;
    all->writing = false;
    return status;
}

bool mb_tune_store_knows(const mb_tune_store *all) {
    return all->points < all->known;
}

mb_status mb_tune_store_add(mb_tune_store *all, const mb_tune_point *what, mb_error *error) {
    const mb_experiment *experiment = what->experiment;
    char *title = mb_strdup(what->title), *label = mb_strdup(what->label);
    mb_point point = {.label = label, .experiment = *experiment};
    const mb_section section = {.title = title, .points = &point, .point_count = 1};
    const mb_stretch stretch = {.scenario = (mb_scenario *)(uintptr_t)what->scenario};
    mb_status status = title && label ? MB_OK : mb_fail_memory(error);
    if (status == MB_OK) status = mb_stretch_inputs(&stretch, &all->inputs, error);
    if (status == MB_OK) status = mb_record_section(&all->store, what->section, &section, error);
    if (status == MB_OK)
        status =
            mb_record_point(&all->store, what->section, ++all->points, all->runs + 1, &section, 0, error);
    all->runs += (sqlite3_int64)(experiment->policy_count * experiment->seeds);
    free(title);
    free(label);
    return status;
}

static mb_status read_run(sqlite3_stmt *row, uint32_t seeds, mb_tune_run *const *runs, mb_error **failure,
                          mb_error *error) {
    const sqlite3_int64 policy = sqlite3_column_int64(row, 0), seed = sqlite3_column_int64(row, 1);
    if (policy < 1 || policy > 2 || seed < 1 || seed > seeds) return MB_OK;
    mb_tune_run *run = &runs[policy - 1][seed - 1];
    const char *message = (const char *)sqlite3_column_text(row, 6);
    run->done = true;
    double *const values[] = {&run->value, &run->e2e, &run->served};
    for (int i = 0; i < 3; i++)
        *values[i] =
            sqlite3_column_type(row, 3 + i) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(row, 3 + i);
    if (sqlite3_column_int(row, 2) == 0 || *failure) return MB_OK;
    *failure = calloc(1, sizeof **failure);
    if (!*failure) return mb_fail_memory(error);
    mb_fail(*failure, MB_FAILED, "%s", message ? message : "it failed");
    return MB_OK;
}

mb_status mb_tune_store_read(mb_tune_store *all, const char *label, int measure, uint32_t seeds,
                             mb_tune_run *const *runs, mb_error **failure, mb_error *error) {
    mb_strbuf sql = {0};
    sqlite3_stmt *statement = NULL;
    bool row = false, same = false;
    sqlite3_int64 count = 0;
    all->points++;
    mb_status status =
        mb_store_prepare(&all->store, "SELECT label, runs FROM points WHERE point = ?", &statement, error);
    if (status == MB_OK) {
        sqlite3_bind_int64(statement, 1, all->points);
        status = mb_store_next(&all->store, statement, &row, error);
    }
    if (row) {
        same = strcmp(mb_column_words(statement, 0), label) == 0;
        count = sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    statement = NULL;
    if (status == MB_OK && !same)
        return mb_fail(error, MB_FAILED, "%s is damaged: point %lld is not %s", all->store.path,
                       (long long)all->points, label);
    mb_strbuf_printf(&sql,
                     "SELECT policy, seed, status, %s, e2e_mean_s, served_share, error FROM runs WHERE run "
                     "BETWEEN %lld AND %lld ORDER BY run",
                     mb_measures[measure].name, (long long)all->runs + 1, (long long)(all->runs + count));
    if (status == MB_OK)
        status =
            sql.failed ? mb_fail_memory(error) : mb_store_prepare(&all->store, sql.text, &statement, error);
    while (status == MB_OK && (status = mb_store_next(&all->store, statement, &row, error)) == MB_OK && row)
        status = read_run(statement, seeds, runs, failure, error);
    sqlite3_finalize(statement);
    mb_strbuf_deinit(&sql);
    all->runs += count;
    return status;
}

mb_status mb_tune_store_run(mb_tune_store *all, sqlite3_int64 run, sqlite3_int64 point,
                            const mb_outcome *outcome, mb_error *error) {
    mb_status status = mb_inputs_unchanged(&all->inputs, error);
    if (status == MB_OK) status = mb_store_execute(&all->store, "BEGIN IMMEDIATE", error);
    if (status != MB_OK) return status;
    for (size_t i = 0; i < outcome->script_count && status == MB_OK; i++)
        status = mb_inputs_add(&all->inputs, "module", outcome->scripts[i], error);
    if (status == MB_OK) status = mb_record_run(&all->recorder, run, point, outcome, error);
    if (status == MB_OK) status = mb_store_execute(&all->store, "COMMIT", error);
    if (status != MB_OK) sqlite3_exec(all->store.db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

mb_status mb_tune_store_measure(mb_store *store, int *measure, mb_error *error) {
    static const char sql[] = "SELECT substr(setting, 11) FROM settings WHERE setting LIKE '--measure %'";
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_status status = mb_store_prepare(store, sql, &statement, error);
    if (status == MB_OK) status = mb_store_next(store, statement, &row, error);
    *measure = row ? mb_measure_index(mb_column_words(statement, 0)) : -1;
    sqlite3_finalize(statement);
    return status;
}

void mb_tune_store_close(mb_tune_store *all) {
    mb_recorder_deinit(&all->recorder);
    mb_inputs_deinit(&all->inputs);
    mb_store_close(&all->store);
}
