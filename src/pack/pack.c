// SPDX-License-Identifier: MIT
// What a run rests on, into a case.
#define _XOPEN_SOURCE 700 // realpath
#include "base/paths.h"
#include "pack/archive.h"
#include "pack/case.h"
#include "report/hash.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct packing {
    const mb_case_options *options;
    char **files; // whole paths, each once
    size_t count, capacity;
    char root[PATH_MAX], here[PATH_MAX];
    char data[2][PATH_MAX]; // folders that data is looked for in; "" where there is none
    char base[PATH_MAX];    // a folder above all other files
} packing;

static bool below(const char *path, const char *folder) {
    const size_t length = strlen(folder);
    if (!length) return false;
    if (strcmp(folder, "/") == 0) return true;
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || !path[length]);
}

static mb_status add(packing *p, const char *path, mb_error *error) {
    char whole[PATH_MAX];
    if (!path || !*path || !realpath(path, whole)) return MB_OK;
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->files[i], whole) == 0) return MB_OK;
    if (p->count == p->capacity) {
        const size_t capacity = p->capacity ? 2 * p->capacity : 64;
        char **files = realloc(p->files, capacity * sizeof *files);
        if (!files) return mb_fail_memory(error);
        p->files = files;
        p->capacity = capacity;
    }
    p->files[p->count] = mb_strdup(whole);
    return p->files[p->count++] ? MB_OK : mb_fail_memory(error);
}

// What is bundled may be named by options that are given later.
static mb_status add_bundled(packing *p, const char *folder, mb_error *error) {
    char **names = NULL;
    size_t count = 0;
    mb_status status = mb_paths_list(p->root, folder, ".lua", &names, &count, error);
    for (size_t i = 0; status == MB_OK && i < count; i++) {
        mb_strbuf path = {0};
        mb_strbuf_printf(&path, "%s/%s/%s.lua", p->root, folder, names[i]);
        status = path.failed ? mb_fail_memory(error) : add(p, path.text, error);
        mb_strbuf_deinit(&path);
    }
    mb_paths_free_names(names, count);
    return status;
}

static mb_status collect(packing *p, const mb_scenario *scenario, const mb_case_run *run, mb_error *error) {
    mb_status status = add(p, mb_scenario_path(scenario), error);
    const char *path;
    for (size_t i = 0; status == MB_OK && (path = mb_scenario_module(scenario, i)) != NULL; i++)
        if (!below(path, p->root) || strstr(path, "/lua/mbsand/") == NULL) status = add(p, path, error);
    for (size_t i = 0; status == MB_OK && (path = mb_scenario_file(scenario, i)) != NULL; i++)
        status = add(p, path, error);
    for (size_t s = 0; s < run->count; s++) {
        const mb_section *section = mb_results_section(&run->sections[s]);
        for (size_t i = 0; i < section->point_count; i++)
            for (size_t k = 0; status == MB_OK && k < section->points[i].experiment.policy_count; k++)
                status = add(p, section->points[i].experiment.policies[k].path, error);
        for (size_t i = 0; i < run->sections[s].count; i++) {
            const mb_outcome *outcome = &run->sections[s].outcomes[i];
            for (size_t k = 0; status == MB_OK && k < outcome->script_count; k++)
                if (!strstr(outcome->scripts[k], "/lua/mbsand/")) status = add(p, outcome->scripts[k], error);
        }
    }
    if (status == MB_OK) status = add_bundled(p, "policies", error);
    return status == MB_OK ? add_bundled(p, "policies/bins", error) : status;
}

// --- names

static const char *data_folder(const packing *p, const char *path) {
    for (size_t i = 0; i < 2; i++)
        if (below(path, p->data[i])) return p->data[i];
    return NULL;
}

// The folder above every file that lies in no other: the current one, if the scenario is below it.
static void find_base(packing *p) {
    bool any = false;
    for (size_t i = 0; i < p->count; i++) {
        const char *path = p->files[i];
        if (below(path, p->root) || data_folder(p, path)) continue;
        if (!any) snprintf(p->base, sizeof p->base, "%s", below(path, p->here) ? p->here : path);
        any = true;
        while (!below(path, p->base) || strcmp(path, p->base) == 0) {
            char *slash = strrchr(p->base, '/');
            if (slash == p->base) slash++;
            *slash = '\0';
        }
    }
}

// The place of a file in the case; false: it has none.
static bool name_in_case(const packing *p, const char *path, mb_strbuf *name) {
    const char *folder = p->root, *kind = "root";
    if (!below(path, folder)) {
        folder = data_folder(p, path);
        kind = "data";
        if (!folder) folder = p->base, kind = "files";
    }
    if (!below(path, folder)) return false;
    const char *rest = path + (strcmp(folder, "/") == 0 ? 0 : strlen(folder));
    mb_strbuf_printf(name, "%s%s", kind, strcmp(rest, "/") == 0 ? "" : rest);
    return true;
}

static mb_status put_files(const packing *p, mb_archive *archive, mb_error *error) {
    mb_status status = MB_OK;
    for (size_t i = 0; status == MB_OK && i < p->count; i++) {
        mb_strbuf name = {0};
        name_in_case(p, p->files[i], &name);
        status = name.text && !name.failed ? mb_archive_put_file(archive, name.text, p->files[i], error)
                                           : mb_fail_memory(error);
        mb_strbuf_deinit(&name);
    }
    return status;
}

// --- the description

static json_t *describe(const packing *p, const char *results) {
    mb_strbuf scenario = {0}, place = {0};
    char hash[MB_SHA256_TEXT];
    json_t *meta = json_object(), *options = json_array();
    name_in_case(p, p->files[0], &scenario);
    if (!name_in_case(p, p->here, &place)) { // from elsewhere: names are those from the scenario's folder
        char *folder = mb_paths_folder(scenario.text ? scenario.text : "");
        mb_strbuf_add(&place, folder ? folder : "");
        free(folder);
    }
    mb_sha256(results, strlen(results), hash);
    for (const char *const *word = p->options->words; *word; word++)
        json_array_append_new(options, json_string(*word));
    json_object_set_new(meta, "format", json_integer(1));
    json_object_set_new(meta, "made_by", json_string(p->options->made_by));
    json_object_set_new(meta, "scenario", json_string(scenario.text ? scenario.text : ""));
    json_object_set_new(meta, "folder", json_string(place.text ? place.text : ""));
    json_object_set_new(meta, "options", options);
    json_object_set_new(meta, "results_sha256", json_string(hash));
    mb_strbuf_deinit(&scenario);
    mb_strbuf_deinit(&place);
    return meta;
}

static mb_status put_description(const packing *p, const mb_case_run *run, mb_archive *archive,
                                 mb_error *error) {
    char *results = NULL;
    mb_status status = mb_case_results(run, &results, error);
    json_t *meta = status == MB_OK ? describe(p, results) : NULL;
    char *text = meta ? json_dumps(meta, JSON_INDENT(1)) : NULL;
    if (status == MB_OK && !text) status = mb_fail(error, MB_FAILED, "the options are no text in UTF-8");
    if (status == MB_OK) status = mb_archive_put(archive, "case.json", text, strlen(text), error);
    if (status == MB_OK) status = mb_archive_put(archive, "results.csv", results, strlen(results), error);
    // A folder comes with a file in it, and the current one may have none.
    const char *place = json_string_value(json_object_get(meta, "folder"));
    mb_strbuf mark = {0};
    mb_strbuf_printf(&mark, "%s/.case", place ? place : "");
    if (status == MB_OK && !mark.failed) status = mb_archive_put(archive, mark.text, "", 0, error);
    mb_strbuf_deinit(&mark);
    free(text);
    json_decref(meta);
    free(results);
    return status;
}

mb_status mb_case_pack(const char *file, const mb_scenario *scenario, const mb_case_run *run,
                       const mb_case_options *options, mb_error *error) {
    packing *p = calloc(1, sizeof *p);
    if (!p) return mb_fail_memory(error);
    p->options = options;
    const char *data = getenv("MBSAND_DATA");
    char shared[PATH_MAX + 16];
    mb_archive archive = {0};
    if (data && *data && !realpath(data, p->data[0])) p->data[0][0] = '\0';
    mb_status status =
        realpath(options->root, p->root) && getcwd(p->here, sizeof p->here)
            ? MB_OK
            : mb_fail(error, MB_FAILED, "the current folder, or %s, cannot be read", options->root);
    snprintf(shared, sizeof shared, "%s/../shared/data", p->root);
    if (!realpath(shared, p->data[1])) p->data[1][0] = '\0';
    if (status == MB_OK) status = collect(p, scenario, run, error);
    if (status == MB_OK) find_base(p);
    if (status == MB_OK) status = mb_archive_create(&archive, file, options->called, error);
    if (status == MB_OK) status = put_files(p, &archive, error);
    if (status == MB_OK) status = put_description(p, run, &archive, error);
    if (status == MB_OK) status = mb_archive_commit(&archive, error);
    mb_archive_close(&archive);
    for (size_t i = 0; i < p->count; i++)
        free(p->files[i]);
    free(p->files);
    free(p);
    return status;
}
