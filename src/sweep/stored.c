// SPDX-License-Identifier: MIT
// Rows of a database as results, for everything that prints results.
#include "base/strbuf.h"
#include "sweep/outcome_json.h"
#include "sweep/record.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *column_json(sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

static mb_status fail_damaged(const mb_store *store, const char *what, mb_error *error) {
    return mb_fail(error, MB_FAILED, "%s is damaged: %s", store->path, what);
}

// A list with room for one more behind its `count`; NULL: no memory. What a damaged file counts and what it
// holds may differ, so no room is made by a count of its.
static void *with_room(void *list, size_t count, size_t size) {
    if (list && (count == 0 || count & (count - 1))) return list;
    const size_t room = count ? 2 * count : 1;
    char *grown = realloc(list, room * size);
    if (grown) memset(grown + count * size, 0, (room - count) * size);
    return grown;
}

// The texts of a list, ended by NULL, or NULL; false: no such list, or no memory (NULL there).
static bool read_texts(const json_t *list, char ***texts) {
    *texts = calloc(json_array_size(list) + 1, sizeof **texts);
    bool whole = *texts && json_is_array(list);
    for (size_t i = 0; whole && i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        (*texts)[i] = text ? mb_strdup(text) : NULL;
        whole = (*texts)[i];
    }
    return whole;
}

// --- what was to run -------------------------------------------------------------------------------------

static mb_status read_section(mb_store *store, sqlite3_stmt *statement, mb_section *section,
                              mb_error *error) {
    section->title = mb_column_text(statement, 0);
    section->question = mb_column_text(statement, 1);
    section->points = calloc(1, sizeof *section->points);
    if (!section->points) return mb_fail_memory(error);
    if (sqlite3_column_type(statement, 2) == SQLITE_NULL) return MB_OK;
    json_t *columns = column_json(statement, 2);
    const bool whole = read_texts(columns, &section->columns);
    json_decref(columns);
    return whole ? MB_OK : fail_damaged(store, "a section's columns are no list of names", error);
}

static mb_status read_sections(mb_store *store, mb_stored *stored, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_status status = mb_store_prepare(
        store, "SELECT title, question, columns FROM sections ORDER BY section", &statement, error);
    while (status == MB_OK && (status = mb_store_next(store, statement, &row, error)) == MB_OK && row) {
        mb_section *sections = with_room(stored->sections, stored->count, sizeof *sections);
        if (sections) stored->sections = sections;
        status = sections ? read_section(store, statement, &sections[stored->count++], error)
                          : mb_fail_memory(error);
    }
    sqlite3_finalize(statement);
    if (status != MB_OK) return status;
    stored->results = calloc(stored->count + 1, sizeof *stored->results);
    stored->list = calloc(stored->count + 1, sizeof *stored->list);
    if (!stored->results || !stored->list) return mb_fail_memory(error);
    for (size_t i = 0; i < stored->count; i++)
        stored->list[i] = &stored->results[i];
    return MB_OK;
}

static mb_status read_facts(mb_store *store, const json_t *facts, mb_experiment *experiment,
                            mb_error *error) {
    mb_workload *workload = &experiment->workload;
    experiment->slo = (mb_slo){.ttft_s = mb_json_number_of(facts, "slo_ttft_s", INFINITY),
                               .tbt_s = mb_json_number_of(facts, "slo_tbt_s", INFINITY),
                               .e2e_s = mb_json_number_of(facts, "slo_e2e_s", INFINITY),
                               .gap_s = mb_json_number_of(facts, "slo_gap_s", INFINITY),
                               .late = mb_json_number_of(facts, "slo_late", -1)};
    experiment->slo.of_late = experiment->slo.late >= 0;
    experiment->reader = (mb_reader){.speed = mb_json_number_of(facts, "qoe_speed", 0),
                                     .ttft_s = mb_json_number_of(facts, "qoe_ttft_s", 0)};
    experiment->oracle = mb_json_truth_of(facts, "oracle");
    experiment->seed = mb_json_count_of(facts, "seed");
    experiment->stop_s = mb_json_number_of(facts, "stop_s", 0);
    workload->kind = mb_json_truth_of(facts, "trace") ? MB_WORKLOAD_TRACE : MB_WORKLOAD_SYNTHETIC;
    if (workload->kind == MB_WORKLOAD_TRACE)
        workload->trace.turns = mb_json_truth_of(facts, "closed") ? MB_TURNS_WAIT : MB_TURNS_STAMPS;
    else
        workload->sessions.on = mb_json_truth_of(facts, "closed");
    workload->limit = mb_json_count_of(facts, "limit");
    workload->until_s = mb_json_number_of(facts, "until_s", INFINITY);
    workload->trace.to_s = mb_json_number_of(facts, "to_s", INFINITY);
    const json_t *classes = json_object_get(facts, "classes");
    char **names = NULL;
    const bool whole = read_texts(classes, &names);
    workload->classes = whole ? calloc(json_array_size(classes) + 1, sizeof *workload->classes) : NULL;
    for (size_t i = 0; names && names[i]; i++)
        if (workload->classes)
            workload->classes[workload->class_count++].name = names[i];
        else
            free(names[i]);
    free(names);
    if (!whole) return fail_damaged(store, "a point's classes are no list of names", error);
    return workload->classes ? MB_OK : mb_fail_memory(error);
}

static mb_status read_point(mb_store *store, sqlite3_stmt *statement, mb_section *section, mb_error *error) {
    mb_point *points = with_room(section->points, section->point_count, sizeof *points);
    if (!points) return mb_fail_memory(error);
    section->points = points;
    mb_point *point = &points[section->point_count++];
    mb_experiment *experiment = &point->experiment;
    point->label = mb_column_text(statement, 1);
    experiment->description = mb_column_text(statement, 2);
    const sqlite3_int64 seeds = sqlite3_column_int64(statement, 3);
    if (seeds < 1 || seeds > UINT32_MAX) return fail_damaged(store, "a point without seeds", error);
    experiment->seeds = (uint32_t)seeds;
    if (!point->label) return mb_fail_memory(error);
    json_t *facts = column_json(statement, 4);
    const mb_status status = read_facts(store, facts, experiment, error);
    json_decref(facts);
    return status;
}

static mb_status read_points(mb_store *store, mb_stored *stored, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_status status = mb_store_prepare(store,
                                        "SELECT section, label, description, seeds, facts"
                                        " FROM points ORDER BY point",
                                        &statement, error);
    while (status == MB_OK && (status = mb_store_next(store, statement, &row, error)) == MB_OK && row) {
        const size_t number = (size_t)sqlite3_column_int64(statement, 0);
        status = number < 1 || number > stored->count
                     ? fail_damaged(store, "a point of a section that it has not", error)
                     : read_point(store, statement, &stored->sections[number - 1], error);
    }
    sqlite3_finalize(statement);
    return status;
}

static bool read_param(const char *name, json_t *value, mb_param *param) {
    *param = (mb_param){
        .name = mb_strdup(name), .kind = MB_PARAM_NUMBER, .number = mb_json_number_of(value, "", NAN)};
    if (json_is_number(value))
        param->number = json_number_value(value);
    else if (json_is_boolean(value)) {
        param->kind = MB_PARAM_BOOLEAN;
        param->boolean = json_is_true(value);
    } else if (json_is_string(value)) {
        param->kind = MB_PARAM_TEXT;
        param->text = mb_strdup(json_string_value(value));
    } else if (json_is_array(value)) {
        param->kind = MB_PARAM_NUMBERS;
        param->number_count = json_array_size(value);
        param->numbers = calloc(param->number_count + 1, sizeof *param->numbers);
        for (size_t i = 0; param->numbers && i < param->number_count; i++)
            param->numbers[i] = json_number_value(json_array_get(value, i));
        return param->name && param->numbers;
    }
    return param->name && (param->kind != MB_PARAM_TEXT || param->text);
}

static mb_status read_policy(sqlite3_stmt *statement, mb_policy_spec *policy, mb_error *error) {
    policy->label = mb_column_text(statement, 1);
    policy->path = mb_column_text(statement, 2);
    json_t *params = column_json(statement, 3);
    policy->params = calloc(json_object_size(params) + 1, sizeof *policy->params);
    bool complete = policy->label && policy->params;
    const char *name;
    json_t *value;
    json_object_foreach(params, name, value) {
        if (complete) complete = read_param(name, value, &policy->params[policy->param_count++]);
    }
    json_decref(params);
    return complete ? MB_OK : mb_fail_memory(error);
}

bool mb_stored_point(const mb_stored *stored, sqlite3_int64 number, size_t *section, size_t *point) {
    size_t at = (size_t)number - 1;
    for (size_t i = 0; i < stored->count; i++) {
        if (at < stored->sections[i].point_count) {
            *section = i;
            *point = at;
            return true;
        }
        at -= stored->sections[i].point_count;
    }
    return false;
}

static mb_status add_policy(sqlite3_stmt *statement, mb_experiment *experiment, mb_error *error) {
    mb_policy_spec *policies =
        with_room(experiment->policies, experiment->policy_count, sizeof *experiment->policies);
    if (!policies) return mb_fail_memory(error);
    experiment->policies = policies;
    return read_policy(statement, &policies[experiment->policy_count++], error);
}

static mb_status read_policies(mb_store *store, mb_stored *stored, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_status status = mb_store_prepare(
        store, "SELECT point, label, path, params FROM policies ORDER BY point, policy", &statement, error);
    while (status == MB_OK && (status = mb_store_next(store, statement, &row, error)) == MB_OK && row) {
        size_t at, index;
        if (!mb_stored_point(stored, sqlite3_column_int64(statement, 0), &at, &index))
            status = fail_damaged(store, "a policy of a point that it has not", error);
        else
            status = add_policy(statement, &stored->sections[at].points[index].experiment, error);
    }
    sqlite3_finalize(statement);
    return status;
}

// Does each point have the runs that it was planned with? A damaged number of seeds would ask for any memory.
static mb_status check_plan(mb_store *store, const mb_stored *stored, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    sqlite3_int64 number = 0;
    mb_status status = mb_store_prepare(store, "SELECT runs FROM points ORDER BY point", &statement, error);
    while (status == MB_OK && (status = mb_store_next(store, statement, &row, error)) == MB_OK && row) {
        size_t at, index;
        const sqlite3_int64 runs = sqlite3_column_int64(statement, 0);
        const mb_experiment *experiment = mb_stored_point(stored, ++number, &at, &index)
                                              ? &stored->sections[at].points[index].experiment
                                              : NULL;
        if (!experiment || runs < 1 || experiment->policy_count != (size_t)runs / experiment->seeds ||
            (size_t)runs % experiment->seeds)
            status = fail_damaged(store, "a point whose runs are not its policies times its seeds", error);
    }
    sqlite3_finalize(statement);
    return status;
}

// --- what ran --------------------------------------------------------------------------------------------

static mb_status read_run(sqlite3_stmt *statement, mb_outcome *outcome, mb_error *error) {
    outcome->started = true;
    const char *ended = (const char *)sqlite3_column_text(statement, 3);
    outcome->finished = ended && strcmp(ended, "finished") == 0;
    outcome->status = (mb_status)sqlite3_column_int(statement, 4);
    const char *message = (const char *)sqlite3_column_text(statement, 5),
               *traceback = (const char *)sqlite3_column_text(statement, 6);
    if (message) {
        outcome->error = calloc(1, sizeof *outcome->error);
        if (!outcome->error) return mb_fail_memory(error);
        outcome->error->status = outcome->status;
        snprintf(outcome->error->message, sizeof outcome->error->message, "%s", message);
        mb_make_printable(outcome->error->message, "");
        snprintf(outcome->error->traceback, sizeof outcome->error->traceback, "%s",
                 traceback ? traceback : "");
        mb_make_printable(outcome->error->traceback, "\n\t");
    }
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        outcome->values[i] = sqlite3_column_type(statement, 8 + i) == SQLITE_NULL
                                 ? (double)NAN
                                 : sqlite3_column_double(statement, 8 + i);
    json_t *details = column_json(statement, 7);
    const bool complete = mb_outcome_read(details, outcome);
    json_decref(details);
    return complete ? MB_OK : mb_fail_memory(error);
}

// Where a row's run belongs, and how many classes its point has; NULL: nowhere.
static mb_outcome *outcome_at(const mb_stored *stored, sqlite3_stmt *statement, size_t *classes) {
    size_t section, index;
    *classes = 0;
    if (!mb_stored_point(stored, sqlite3_column_int64(statement, 0), &section, &index)) return NULL;
    const mb_experiment *experiment = &stored->sections[section].points[index].experiment;
    const sqlite3_int64 policy = sqlite3_column_int64(statement, 1),
                        seed = sqlite3_column_int64(statement, 2);
    if (policy < 1 || policy > (sqlite3_int64)experiment->policy_count || seed < 1 ||
        seed > experiment->seeds)
        return NULL;
    *classes = experiment->workload.class_count;
    return mb_results_at(&stored->results[section], index, (size_t)policy - 1, (uint32_t)seed - 1);
}

static mb_status read_runs(mb_store *store, mb_stored *stored, mb_error *error) {
    mb_strbuf sql = {0};
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_strbuf_add(&sql, "SELECT point, policy, seed, ended, status, error, traceback, details");
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        mb_strbuf_printf(&sql, ", %s", mb_measures[i].name);
    mb_strbuf_add(&sql, " FROM runs ORDER BY run");
    mb_status status =
        sql.failed ? mb_fail_memory(error) : mb_store_prepare(store, sql.text, &statement, error);
    mb_strbuf_deinit(&sql);
    while (status == MB_OK && (status = mb_store_next(store, statement, &row, error)) == MB_OK && row) {
        size_t classes;
        mb_outcome *outcome = outcome_at(stored, statement, &classes);
        status = outcome && !outcome->started
                     ? read_run(statement, outcome, error)
                     : fail_damaged(store, "a run that its plan does not have", error);
        if (status == MB_OK && outcome->finished && outcome->class_count != classes)
            status = fail_damaged(store, "a run with other classes than its point", error);
        stored->runs++;
    }
    sqlite3_finalize(statement);
    return status;
}

mb_status mb_stored_read(mb_store *store, mb_stored *stored, mb_error *error) {
    *stored = (mb_stored){0};
    // One transaction, so that a sweep that goes on meanwhile is seen at one moment.
    mb_status status = mb_store_execute(store, "BEGIN", error);
    if (status == MB_OK) status = read_sections(store, stored, error);
    if (status == MB_OK) status = read_points(store, stored, error);
    if (status == MB_OK) status = read_policies(store, stored, error);
    if (status == MB_OK) status = check_plan(store, stored, error);
    for (size_t i = 0; i < stored->count && status == MB_OK; i++) {
        stored->results[i] = (mb_results){.section = i, .view = &stored->sections[i]};
        status = mb_results_init(&stored->results[i], error);
        stored->wanted += (sqlite3_int64)stored->results[i].count;
    }
    if (status == MB_OK) status = read_runs(store, stored, error);
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    for (size_t i = 0; i < stored->count && status == MB_OK; i++)
        for (size_t j = 0; j < stored->results[i].count; j++)
            if (!stored->results[i].outcomes[j].started) stored->results[i].interrupted = true;
    return status;
}

static void free_policy(mb_policy_spec *policy) {
    for (size_t i = 0; i < policy->param_count; i++) {
        free(policy->params[i].name);
        free(policy->params[i].text);
        free(policy->params[i].numbers);
    }
    free(policy->params);
    free(policy->label);
    free(policy->path);
}

static void free_point(mb_point *point) {
    mb_experiment *experiment = &point->experiment;
    for (size_t i = 0; i < experiment->policy_count; i++)
        free_policy(&experiment->policies[i]);
    for (size_t i = 0; experiment->workload.classes && i < experiment->workload.class_count; i++)
        free(experiment->workload.classes[i].name);
    free(experiment->workload.classes);
    free(experiment->policies);
    free(experiment->description);
    free(point->label);
}

void mb_stored_deinit(mb_stored *stored) {
    for (size_t i = 0; i < stored->count; i++) {
        mb_section *section = &stored->sections[i];
        if (stored->results) mb_results_deinit(&stored->results[i]);
        for (size_t j = 0; j < section->point_count; j++)
            free_point(&section->points[j]);
        for (char **name = section->columns; name && *name; name++)
            free(*name);
        free(section->columns);
        free(section->points);
        free(section->title);
        free(section->question);
    }
    free(stored->sections);
    free(stored->results);
    free(stored->list);
    *stored = (mb_stored){0};
}
