// SPDX-License-Identifier: MIT
#define _XOPEN_SOURCE 700 // nftw, realpath
#include "pack/case.h"

#include "base/paths.h"
#include "pack/archive.h"
#include "report/runs_csv.h"

#include <errno.h>
#include <ftw.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT = 1, MOST_META = 1 << 20, MOST_RESULTS = 1 << 28, OPEN_FILES = 16 };

bool mb_case_is(const char *path) {
    return mb_archive_is(path);
}

// --- opening

static mb_status make_folder(mb_case *opened, mb_error *error) {
    const mb_status status = mb_paths_temporary("the files of the case", &opened->folder, error);
    if (status != MB_OK) return status;
    char whole[PATH_MAX]; // the current folder will be another one
    char *path = realpath(opened->folder, whole) ? mb_strdup(whole) : NULL;
    if (!path) return mb_fail_memory(error);
    free(opened->folder);
    opened->folder = path;
    return MB_OK;
}

// The part of the program that is written in Lua is the program's own: it belongs to its C.
static mb_status copy_program(const mb_case *opened, const char *root, mb_error *error) {
    char **names = NULL;
    size_t count = 0;
    mb_status status = mb_paths_list(root, "lua/mbsand", ".lua", &names, &count, error);
    const char *const folders[] = {"", "/lua", "/lua/mbsand"};
    for (size_t i = 0; status == MB_OK && i < 3; i++) {
        mb_strbuf folder = {0};
        mb_strbuf_printf(&folder, "%s%s", opened->home, folders[i]);
        if (folder.failed || (mkdir(folder.text, 0700) != 0 && errno != EEXIST))
            status = mb_fail(error, MB_FAILED, "%s cannot be made", opened->home);
        mb_strbuf_deinit(&folder);
    }
    for (size_t i = 0; status == MB_OK && i < count; i++) {
        mb_strbuf from = {0}, to = {0}, text = {0};
        mb_strbuf_printf(&from, "%s/lua/mbsand/%s.lua", root, names[i]);
        mb_strbuf_printf(&to, "%s/lua/mbsand/%s.lua", opened->home, names[i]);
        if (from.failed || to.failed) status = mb_fail_memory(error);
        if (status == MB_OK) status = mb_paths_read(from.text, MOST_META, &text, error);
        FILE *file = status == MB_OK ? fopen(to.text, "wbx") : NULL;
        const bool good = file && fwrite(text.text ? text.text : "", 1, text.length, file) == text.length;
        if ((file && fclose(file) != 0) || (status == MB_OK && !good))
            status = mb_fail(error, MB_FAILED, "%s cannot be written", to.text);
        mb_strbuf_deinit(&from);
        mb_strbuf_deinit(&to);
        mb_strbuf_deinit(&text);
    }
    mb_paths_free_names(names, count);
    return status;
}

static char *text_of(const json_t *meta, const char *key) {
    const char *text = json_string_value(json_object_get(meta, key));
    return text && *text ? mb_strdup(text) : NULL;
}

// A name of the case as a path; no name leads out of it.
static char *place_of(const mb_case *opened, const json_t *meta, const char *key) {
    char whole[PATH_MAX];
    const char *name = json_string_value(json_object_get(meta, key));
    char *path = name ? mb_paths_join(opened->folder, name) : NULL;
    const size_t length = strlen(opened->folder);
    const bool inside = path && realpath(path, whole) && strncmp(whole, opened->folder, length) == 0 &&
                        (whole[length] == '/' || !whole[length]);
    free(path);
    return inside ? mb_strdup(whole) : NULL;
}

static bool read_options(const json_t *meta, mb_case *opened) {
    const json_t *list = json_object_get(meta, "options");
    const size_t count = json_array_size(list);
    opened->options = calloc(count + 1, sizeof *opened->options);
    for (size_t i = 0; opened->options && i < count; i++) {
        const char *word = json_string_value(json_array_get(list, i));
        opened->options[i] = word ? mb_strdup(word) : NULL;
        if (!opened->options[i]) return false;
        opened->option_count++;
    }
    return opened->options != NULL && json_is_array(list);
}

static mb_status read_meta(mb_archive *archive, mb_case *opened, mb_error *error) {
    mb_strbuf text = {0}, results = {0};
    json_error_t ignored;
    mb_status status = mb_archive_get(archive, "case.json", MOST_META, &text, error);
    json_t *meta = status == MB_OK ? json_loadb(text.text ? text.text : "", text.length, 0, &ignored) : NULL;
    if (status == MB_OK && json_integer_value(json_object_get(meta, "format")) != FORMAT)
        status = mb_fail(error, MB_BAD_INPUT,
                         "%s is no case that this mbsand reads: its case.json is no description of format %d",
                         archive->path, FORMAT);
    if (status == MB_OK) {
        opened->scenario = place_of(opened, meta, "scenario");
        opened->place = place_of(opened, meta, "folder");
        opened->made_by = text_of(meta, "made_by");
        const bool options = read_options(meta, opened);
        if (!opened->scenario || !mb_paths_is_file(opened->scenario) || !opened->place || !opened->made_by ||
            !options)
            status = mb_fail(error, MB_BAD_INPUT, "%s is damaged: its case.json names no scenario in it",
                             archive->path);
    }
    if (status == MB_OK) status = mb_archive_get(archive, "results.csv", MOST_RESULTS, &results, error);
    json_decref(meta);
    mb_strbuf_deinit(&text);
    opened->results = results.text;
    if (status == MB_OK && !opened->results)
        status = mb_fail(error, MB_BAD_INPUT, "%s is damaged: it has no results", archive->path);
    return status;
}

mb_status mb_case_open(mb_case *opened, const char *path, const char *root, const atomic_bool *stop,
                       mb_error *error) {
    *opened = (mb_case){0};
    mb_archive archive = {0};
    mb_status status = mb_archive_open(&archive, path, error);
    if (status == MB_OK) status = make_folder(opened, error);
    if (status == MB_OK) {
        opened->home = mb_paths_join(opened->folder, "root");
        opened->data = mb_paths_join(opened->folder, "data");
        if (!opened->home || !opened->data) status = mb_fail_memory(error);
    }
    if (status == MB_OK) status = mb_archive_extract(&archive, opened->folder, stop, error);
    if (status == MB_OK) status = copy_program(opened, root, error);
    if (status == MB_OK) status = read_meta(&archive, opened, error);
    mb_archive_close(&archive);
    return status;
}

mb_status mb_case_enter(const mb_case *opened, mb_error *error) {
    if (setenv("MBSAND_HOME", opened->home, 1) != 0 || setenv("MBSAND_DATA", opened->data, 1) != 0)
        return mb_fail_memory(error);
    if (chdir(opened->place) == 0) return MB_OK;
    return mb_fail(error, MB_FAILED, "%s: %s", opened->place, strerror(errno));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where) {
    (void)info, (void)type, (void)where;
    remove(path);
    return 0;
}

mb_status mb_case_close(mb_case *opened, mb_error *error) {
    mb_status status = MB_OK;
    // Memory or handles may be short once, and there again.
    for (int i = 0; opened->folder && i < 2 && access(opened->folder, F_OK) == 0; i++)
        errno = 0, nftw(opened->folder, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
    if (opened->folder && access(opened->folder, F_OK) == 0)
        status = mb_fail(error, MB_FAILED, "%s, with the files of the case, could not be removed: %s",
                         opened->folder, strerror(errno));
    for (size_t i = 0; i < opened->option_count; i++)
        free(opened->options[i]);
    free(opened->options);
    free(opened->folder);
    free(opened->home);
    free(opened->data);
    free(opened->scenario);
    free(opened->place);
    free(opened->made_by);
    free(opened->results);
    *opened = (mb_case){0};
    return status;
}

static mb_status covers(const mb_case *opened, const char *path, mb_error *error) {
    char whole[PATH_MAX];
    const size_t length = strlen(opened->folder);
    if (realpath(path, whole) && strncmp(whole, opened->folder, length) == 0 && whole[length] == '/')
        return MB_OK;
    return mb_fail(
        error, MB_BAD_INPUT,
        "the scenario finds %s only where it lies here: name it by a path from the scenario's folder, "
        "so that it can be found elsewhere",
        path);
}

mb_status mb_case_covers(const mb_case *opened, const mb_scenario *scenario, mb_error *error) {
    const char *path;
    mb_status status = MB_OK;
    for (size_t i = 0; status == MB_OK && (path = mb_scenario_module(scenario, i)) != NULL; i++)
        status = covers(opened, path, error);
    for (size_t i = 0; status == MB_OK && (path = mb_scenario_file(scenario, i)) != NULL; i++)
        status = covers(opened, path, error);
    for (size_t s = 0; s < mb_scenario_section_count(scenario); s++) {
        const mb_section *section = mb_scenario_section(scenario, s);
        for (size_t i = 0; i < section->point_count; i++) {
            const mb_experiment *experiment = &section->points[i].experiment;
            for (size_t p = 0; status == MB_OK && p < experiment->policy_count; p++)
                status = covers(opened, experiment->policies[p].path, error);
        }
    }
    return status;
}

// --- running

mb_status mb_case_run_all(mb_scenario *scenario, const mb_run_options *options, mb_case_run *run,
                          mb_error *error) {
    const size_t sections = mb_scenario_section_count(scenario);
    *run = (mb_case_run){.sections = calloc(sections + 1, sizeof *run->sections)};
    mb_status status = run->sections ? MB_OK : mb_fail_memory(error);
    while (status == MB_OK && run->count < sections) {
        mb_results *results = &run->sections[run->count];
        status = mb_run_section(scenario, run->count++, options, results, error);
        if (status == MB_OK && results->interrupted) status = mb_fail(error, MB_FAILED, "interrupted");
        for (size_t i = 0; status == MB_OK && i < results->count; i++) {
            const mb_outcome *outcome = &results->outcomes[i];
            if (outcome->status != MB_OK)
                status = mb_fail(error, MB_FAILED, "a run failed: %s",
                                 outcome->error ? outcome->error->message : "out of memory");
        }
    }
    return status;
}

void mb_case_run_deinit(mb_case_run *run) {
    for (size_t i = 0; i < run->count; i++)
        mb_results_deinit(&run->sections[i]);
    free(run->sections);
    *run = (mb_case_run){0};
}

// Two cells off the end of every line: sim_wall_s and sim_requests_per_s, the last of the measures.
static void drop_clocks(char *text) {
    char *to = text;
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        if (!end) end = line + strlen(line);
        char *cut = end;
        for (int commas = 0; cut > line && commas < 2;)
            commas += *--cut == ',';
        const size_t length = (size_t)(cut - line);
        memmove(to, line, length);
        to += length;
        line = end + (*end == '\n');
        *to++ = '\n';
    }
    *to = '\0';
}

mb_status mb_case_results(const mb_case_run *run, char **text, mb_error *error) {
    const mb_results **sections = calloc(run->count + 1, sizeof *sections);
    size_t size = 0;
    *text = NULL;
    FILE *stream = sections ? open_memstream(text, &size) : NULL;
    for (size_t i = 0; sections && i < run->count; i++)
        sections[i] = &run->sections[i];
    mb_status status = stream ? mb_report_csv(sections, run->count, stream, error) : mb_fail_memory(error);
    if (stream && fclose(stream) != 0 && status == MB_OK) status = mb_fail_memory(error);
    free(sections);
    if (status == MB_OK) drop_clocks(*text);
    return status;
}
