// SPDX-License-Identifier: MIT
#include "sweep/plan_store.h"

#include "base/strbuf.h"
#include "policy/policy_lua.h"
#include "run/params.h"
#include "sweep/record.h"
#include "sweep/stretch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// --- the settings: whatever on the command line changes results ------------------------------------------

typedef struct settings {
    char **items;
    size_t count, capacity;
    bool failed;
} settings;

static void add_setting(settings *list, const char *option, const char *value) {
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "--%s%s%s", option, value ? " " : "", value ? value : "");
    char **items = list->items;
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 16;
        items = realloc(list->items, list->capacity * sizeof *items);
        if (items) list->items = items;
    }
    if (items && !text.failed)
        list->items[list->count++] = text.text;
    else {
        list->failed = true;
        mb_strbuf_deinit(&text);
    }
}

static void add_number(settings *list, const char *option, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    add_setting(list, option, text);
}

static settings settings_of(const mb_sweep_options *options) {
    const mb_overrides *overrides = options->overrides;
    settings list = {0};
    for (size_t i = 0; i < options->setting_count; i++)
        add_setting(&list, options->settings[i], NULL);
    for (size_t i = 0; i < overrides->set_count; i++)
        add_setting(&list, "set", overrides->sets[i]);
    for (size_t i = 0; i < overrides->over_count; i++)
        add_setting(&list, "over", overrides->overs[i]);
    for (size_t i = 0; i < overrides->policy_count; i++)
        add_setting(&list, "policy", overrides->policies[i]);
    if (overrides->only) add_setting(&list, "only", overrides->only);
    if (overrides->seeds) add_number(&list, "seeds", overrides->seeds);
    if (overrides->has_seed) add_number(&list, "seed", (double)overrides->seed);
    if (overrides->stepwise) add_setting(&list, "step", NULL);
    if (overrides->limits.hook_s > 0) add_number(&list, "hook-seconds", overrides->limits.hook_s);
    if (overrides->limits.hook_instructions)
        add_number(&list, "hook-instructions", (double)overrides->limits.hook_instructions);
    if (overrides->limits.memory_bytes)
        add_number(&list, "memory-mb", (double)(overrides->limits.memory_bytes >> 20));
    if (overrides->limits.jit) add_setting(&list, "jit", NULL);
    return list;
}

static void free_settings(settings *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
}

static mb_status write_settings(mb_store *store, const settings *list, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    mb_status status =
        mb_store_prepare(store, "INSERT INTO settings(position, setting) VALUES(?, ?)", &statement, error);
    for (size_t i = 0; i < list->count && status == MB_OK; i++) {
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)i + 1);
        mb_bind_text(statement, 2, list->items[i]);
        status = mb_store_step(store, statement, error);
    }
    sqlite3_finalize(statement);
    return status;
}

static mb_status compare_settings(mb_store *store, const settings *list, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    size_t at = 0;
    mb_status status =
        mb_store_prepare(store, "SELECT setting FROM settings ORDER BY position", &statement, error);
    for (; status == MB_OK && (status = mb_store_next(store, statement, &row, error)) == MB_OK; at++) {
        const char *then = row ? mb_column_words(statement, 0) : NULL;
        const char *now = at < list->count ? list->items[at] : NULL;
        if (!then && !now) break;
        if (then && now && strcmp(then, now) == 0) continue;
        status = mb_fail(
            error, MB_BAD_INPUT,
            "%s holds results of another command: %s%s there, and %s%s here; give the same command or "
            "another --db",
            store->path, then ? "" : "no more than ", then ? then : "the rest", now ? "" : "nothing like it",
            now ? now : "");
    }
    sqlite3_finalize(statement);
    return status;
}

// --- the plan --------------------------------------------------------------------------------------------

static mb_status put_meta(mb_store *store, const char *key, const char *text, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    mb_status status =
        mb_store_prepare(store, "INSERT INTO meta(key, value) VALUES(?, ?)", &statement, error);
    if (status == MB_OK) {
        mb_bind_text(statement, 1, key);
        mb_bind_text(statement, 2, text);
        status = mb_store_step(store, statement, error);
    }
    sqlite3_finalize(statement);
    return status;
}

static mb_status write_meta(mb_store *store, const mb_sweep_options *options, mb_error *error) {
    mb_strbuf command = {0};
    for (int i = 0; i < options->argc; i++)
        mb_strbuf_printf(&command, "%s%s", i ? " " : "mbsand ", options->argv[i]);
    char now[32] = "", host[256] = "";
    struct tm parts;
    const time_t seconds = time(NULL);
    if (gmtime_r(&seconds, &parts)) strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &parts);
    gethostname(host, sizeof host - 1);
    mb_status status = command.failed ? mb_fail_memory(error) : MB_OK;
    if (status == MB_OK) status = put_meta(store, "mbsand", MB_VERSION, error);
    if (status == MB_OK) status = put_meta(store, "lua", mb_lua_engine(), error);
    if (status == MB_OK) status = put_meta(store, "command", command.text, error);
    if (status == MB_OK) status = put_meta(store, "begun", now, error);
    if (status == MB_OK) status = put_meta(store, "host", host, error);
    mb_strbuf_deinit(&command);
    return status;
}

typedef struct planner {
    mb_store *store;
    sqlite3_int64 points, runs;
} planner;

static mb_status plan_stretch(planner *p, const mb_stretch *stretch, mb_error *error) {
    mb_status status = MB_OK;
    for (size_t i = 0; i < mb_scenario_section_count(stretch->scenario) && status == MB_OK; i++) {
        const mb_section *section = mb_scenario_section(stretch->scenario, i);
        if (!section->point_count) continue;
        status = mb_record_section(p->store, (sqlite3_int64)i + 1, section, error);
        for (size_t j = 0; j < section->point_count && status == MB_OK; j++) {
            const mb_experiment *experiment = &section->points[j].experiment;
            if (status == MB_OK) status = mb_check_policies(experiment, NULL, error);
            if (status == MB_OK)
                status = mb_record_point(p->store, (sqlite3_int64)i + 1, ++p->points, p->runs + 1, section, j,
                                         error);
            p->runs += (sqlite3_int64)(experiment->policy_count * experiment->seeds);
        }
    }
    return status;
}

static mb_status plan_points(mb_store *store, mb_inputs *inputs, const mb_sweep_options *options,
                             mb_error *error) {
    planner p = {.store = store};
    mb_status status = MB_OK;
    for (size_t first = 0, points = 1; first < points && status == MB_OK; first += MB_STRETCH_POINTS) {
        mb_stretch *stretch = NULL;
        if (atomic_load(options->run.stop))
            return mb_fail(error, MB_FAILED, "interrupted before the first run");
        status = mb_stretch_load(options->scenario, options->overrides, first, &stretch, error);
        if (status == MB_OK) status = mb_stretch_inputs(stretch, inputs, error);
        if (status == MB_OK) status = plan_stretch(&p, stretch, error);
        if (status == MB_OK) points = mb_scenario_point_count(stretch->scenario);
        mb_stretch_release(stretch);
    }
    return status;
}

mb_status mb_plan_begin(mb_store *store, mb_inputs *inputs, const mb_sweep_options *options, bool *planned,
                        mb_error *error) {
    sqlite3_int64 known = 0;
    settings list = settings_of(options);
    mb_status status = list.failed ? mb_fail_memory(error) : MB_OK;
    if (status == MB_OK) status = mb_store_number(store, "SELECT count(*) FROM meta", &known, error);
    *planned = known > 0;
    if (status == MB_OK && !*planned) {
        status = mb_store_execute(store, "BEGIN IMMEDIATE", error);
        if (status == MB_OK) status = write_meta(store, options, error);
        if (status == MB_OK) status = write_settings(store, &list, error);
        if (status == MB_OK) status = mb_inputs_add_program(inputs, error);
    } else if (status == MB_OK) {
        status = mb_inputs_add_program(inputs, error);
        if (status == MB_OK) status = mb_inputs_check(inputs, error);
        if (status == MB_OK) status = compare_settings(store, &list, error);
    }
    free_settings(&list);
    return status;
}

mb_status mb_plan_store(mb_store *store, mb_inputs *inputs, const mb_sweep_options *options,
                        mb_error *error) {
    bool planned;
    mb_status status = mb_plan_begin(store, inputs, options, &planned, error);
    if (status == MB_OK && !planned) {
        status = plan_points(store, inputs, options, error);
        if (status == MB_OK) status = mb_record_view(store, error);
        if (status == MB_OK) status = mb_store_execute(store, "COMMIT", error);
    }
    if (status != MB_OK) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

mb_status mb_plan_first_run(mb_store *store, size_t point, sqlite3_int64 *run, mb_error *error) {
    mb_strbuf sql = {0};
    mb_strbuf_printf(&sql, "SELECT first_run FROM points WHERE point = %zu", point + 1);
    const mb_status status =
        sql.failed ? mb_fail_memory(error) : mb_store_number(store, sql.text, run, error);
    mb_strbuf_deinit(&sql);
    return status;
}
