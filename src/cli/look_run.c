// SPDX-License-Identifier: MIT
#include "cli/look_run.h"

#include "base/paths.h"
#include "cli/commands.h"
#include "cli/own_report.h"
#include "cli/preflight.h"
#include "cli/stop.h"
#include "cli/warnings.h"
#include "report/progress.h"
#include "run/experiment.h"
#include "run/reference.h"

#include <stdio.h>
#include <stdlib.h>

static bool interrupted(void) {
    return atomic_load(mb_stop_flag());
}

typedef struct looking {
    const mb_run_arguments *arguments;
    const mb_look *look;
    mb_scenario *scenario;
    mb_results *results; // [sections], with the next two
    mb_gathered *gathered;
    mb_page_section *sections;
    size_t count;
    bool growing; // the last of them
    mb_progress progress;
} looking;

static void show_progress(void *context, size_t done, size_t jobs, uint64_t arrived, double elapsed_s) {
    looking *all = context;
    const mb_progress_state state = {
        .done = done, .total = jobs, .requests = arrived, .elapsed_s = elapsed_s};
    mb_progress_update(&all->progress, &state);
    if (!all->growing || !all->look->partly || done == jobs) return;
    mb_results *results = &all->results[all->count - 1];
    results->baseline = all->arguments->baseline;
    results->interrupted = true; // so far
    all->look->partly(all->look->context, all->sections, all->count, done);
    results->interrupted = false;
}

static mb_status run_section(looking *all, mb_error *error) {
    const size_t number = all->count;
    mb_results *results = &all->results[number];
    mb_gathered *gathered = &all->gathered[number];
    const mb_section *section = mb_scenario_section(all->scenario, number);
    mb_run_options options = {.threads = all->arguments->threads,
                              .stop = mb_stop_flag(),
                              .walls = !all->arguments->no_walls,
                              .progress = show_progress,
                              .progress_context = all};
    mb_status status = mb_gathered_init(gathered, section, error);
    options.observer = mb_gathered_observer(gathered);
    all->sections[number] = (mb_page_section){.results = results, .gathered = gathered};
    all->count++;
    all->growing = true;
    if (status == MB_OK) status = mb_run_section(all->scenario, number, &options, results, error);
    all->growing = false;
    results->baseline = all->arguments->baseline;
    options.observer = (mb_job_observer){0};
    if (status == MB_OK && all->arguments->bound && !interrupted())
        status = mb_run_reference(results, mb_scenario_root(all->scenario), &options, error);
    mb_progress_clear(&all->progress);
    if (status == MB_OK && section->has_report && !interrupted())
        status = mb_own_report_text(results, &all->sections[number].answer, error);
    if (status == MB_OK) mb_print_warnings(results);
    return status;
}

static int worst_of(const looking *all) {
    int code = interrupted() ? 1 : 0;
    for (size_t i = 0; i < all->count; i++)
        for (size_t j = 0; j < all->results[i].count; j++) {
            const mb_outcome *outcome = &all->results[i].outcomes[j];
            if (outcome->started && (int)outcome->status > code) code = (int)outcome->status;
        }
    return code;
}

static bool nothing_finished(const looking *all) {
    for (size_t i = 0; i < all->count; i++)
        for (size_t j = 0; j < all->results[i].count; j++)
            if (all->results[i].outcomes[j].finished) return false;
    return true;
}

static int run_all(looking *all, mb_error *error) {
    const size_t sections = mb_scenario_section_count(all->scenario);
    all->results = calloc(sections + 1, sizeof *all->results);
    all->gathered = calloc(sections + 1, sizeof *all->gathered);
    all->sections = calloc(sections + 1, sizeof *all->sections);
    mb_status status = all->results && all->gathered && all->sections ? MB_OK : mb_fail_memory(error);
    if (status == MB_OK) status = mb_check_before(all->scenario, all->arguments->baseline, error);
    mb_progress_init(&all->progress, stderr, all->arguments->quiet);
    while (status == MB_OK && all->count < sections && !interrupted())
        status = run_section(all, error);
    if (status == MB_OK && interrupted() && nothing_finished(all))
        status =
            mb_fail(error, MB_FAILED, "interrupted before the first run was over: there is nothing to show");
    if (status == MB_OK) status = all->look->show(all->look->context, all->sections, all->count, error);
    int code = status == MB_OK ? worst_of(all) : mb_cli_fail(error);
    if (status == MB_OK && interrupted()) fputs("mbsand: interrupted; what was finished is shown\n", stderr);
    for (size_t i = 0; i < all->count; i++) {
        free(all->sections[i].answer);
        mb_gathered_deinit(&all->gathered[i]);
        mb_results_deinit(&all->results[i]);
    }
    free(all->sections);
    free(all->gathered);
    free(all->results);
    return code;
}

int mb_look_at_scenario(const mb_run_arguments *arguments, const mb_look *look) {
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    looking all = {.arguments = arguments, .look = look};
    mb_overrides overrides = mb_run_overrides(arguments);
    if (look->wanted >= 0) overrides.wants[look->wanted] = true;
    mb_status status = mb_paths_root(&root, &error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, &error);
    if (status == MB_OK) status = mb_scenario_load(path, &overrides, &all.scenario, &error);
    int code = 0;
    if (status != MB_OK)
        code = mb_cli_fail(&error);
    else if (mb_scenario_skipped(all.scenario))
        mb_cli_say(stdout, "skipped: %s\n", mb_scenario_skipped(all.scenario));
    else {
        mb_stop_on_signals();
        code = run_all(&all, &error);
    }
    mb_scenario_free(all.scenario);
    free(path);
    free(root);
    return code;
}
