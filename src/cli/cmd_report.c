// SPDX-License-Identifier: MIT
// mbsand report SCENARIO|RESULTS: one page to look at.
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/enter.h"
#include "cli/options.h"
#include "cli/own_report.h"
#include "cli/preflight.h"
#include "cli/stop.h"
#include "cli/warnings.h"
#include "page/page.h"
#include "report/files.h"
#include "report/progress.h"
#include "run/experiment.h"
#include "run/reference.h"
#include "sweep/record.h"
#include "sweep/references.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool interrupted(void) {
    return atomic_load(mb_stop_flag());
}

static mb_status put_page(const mb_run_arguments *arguments, const mb_page_section *sections, size_t count,
                          int argc, char **argv, mb_error *error) {
    mb_strbuf html = {0}, command = {0};
    mb_strbuf_add(&command, "mbsand");
    for (int i = 0; i < argc; i++)
        mb_strbuf_printf(&command, " %s", argv[i]);
    const mb_page_options options = {.source = arguments->scenario,
                                     .command = command.failed ? "" : command.text};
    const char *path = arguments->output ? arguments->output : "report.html";
    mb_status status = mb_page_write(sections, count, &options, &html, error);
    if (status == MB_OK && strcmp(path, "-") == 0)
        fwrite(html.text, 1, html.length, stdout);
    else if (status == MB_OK) {
        status = mb_output_text(path, &html, error);
        if (status == MB_OK) mb_cli_say(stdout, "%s: %.0f KB\n", path, (double)html.length / 1000);
    }
    mb_strbuf_deinit(&html);
    mb_strbuf_deinit(&command);
    return status;
}

// --- of a database ---------------------------------------------------------------------------------------

static int report_database(const mb_run_arguments *arguments, int argc, char **argv) {
    if (arguments->policy_count || arguments->set_count > 1 || arguments->over_count || arguments->seeds ||
        arguments->has_seed || arguments->only || arguments->bound || arguments->stepwise)
        return mb_cli_usage("report",
                            "%s holds results, which nothing can change: of the options that are given, only "
                            "-o, --baseline and -q are for it",
                            arguments->scenario);
    mb_store store;
    mb_stored stored = {0};
    mb_error error = {0};
    mb_status status = mb_store_read(&store, arguments->scenario, &error);
    if (status == MB_OK) status = mb_stored_read(&store, &stored, &error);
    if (status == MB_OK) status = mb_references_read(&store, &stored, &error);
    mb_page_section *sections = calloc(stored.count + 1, sizeof *sections);
    if (status == MB_OK && !sections) status = mb_fail_memory(&error);
    for (size_t i = 0; i < stored.count && status == MB_OK; i++) {
        stored.results[i].baseline = arguments->baseline;
        sections[i].results = &stored.results[i];
        mb_print_warnings(&stored.results[i]);
    }
    if (status == MB_OK) status = put_page(arguments, sections, stored.count, argc, argv, &error);
    free(sections);
    mb_stored_deinit(&stored);
    mb_store_close(&store);
    return status == MB_OK ? 0 : mb_cli_fail(&error);
}

// --- of a scenario, which is run -------------------------------------------------------------------------

typedef struct reporting {
    const mb_run_arguments *arguments;
    mb_scenario *scenario;
    mb_results *results; // [sections], with the next two
    mb_gathered *gathered;
    mb_page_section *sections;
    size_t count;
    mb_progress progress;
} reporting;

static void show_progress(void *context, size_t done, size_t jobs, uint64_t arrived, double elapsed_s) {
    const mb_progress_state state = {
        .done = done, .total = jobs, .requests = arrived, .elapsed_s = elapsed_s};
    mb_progress_update(context, &state);
}

static mb_status run_section(reporting *all, mb_error *error) {
    const size_t number = all->count;
    mb_results *results = &all->results[number];
    mb_gathered *gathered = &all->gathered[number];
    const mb_section *section = mb_scenario_section(all->scenario, number);
    mb_run_options options = {.threads = all->arguments->threads,
                              .stop = mb_stop_flag(),
                              .walls = !all->arguments->no_walls,
                              .progress = show_progress,
                              .progress_context = &all->progress};
    mb_status status = mb_gathered_init(gathered, section, error);
    options.observer = mb_gathered_observer(gathered);
    all->count++;
    if (status == MB_OK) status = mb_run_section(all->scenario, number, &options, results, error);
    results->baseline = all->arguments->baseline;
    options.observer = (mb_job_observer){0};
    if (status == MB_OK && all->arguments->bound && !interrupted())
        status = mb_run_reference(results, mb_scenario_root(all->scenario), &options, error);
    mb_progress_clear(&all->progress);
    all->sections[number] = (mb_page_section){.results = results, .gathered = gathered};
    if (status == MB_OK && section->has_report && !interrupted())
        status = mb_own_report_text(results, &all->sections[number].answer, error);
    if (status == MB_OK) mb_print_warnings(results);
    return status;
}

static int worst_of(const reporting *all) {
    int code = interrupted() ? 1 : 0;
    for (size_t i = 0; i < all->count; i++)
        for (size_t j = 0; j < all->results[i].count; j++) {
            const mb_outcome *outcome = &all->results[i].outcomes[j];
            if (outcome->started && (int)outcome->status > code) code = (int)outcome->status;
        }
    return code;
}

static int run_all(reporting *all, int argc, char **argv, mb_error *error) {
    const size_t sections = mb_scenario_section_count(all->scenario);
    all->results = calloc(sections + 1, sizeof *all->results);
    all->gathered = calloc(sections + 1, sizeof *all->gathered);
    all->sections = calloc(sections + 1, sizeof *all->sections);
    mb_status status = all->results && all->gathered && all->sections ? MB_OK : mb_fail_memory(error);
    if (status == MB_OK) status = mb_check_before(all->scenario, all->arguments->baseline, error);
    mb_progress_init(&all->progress, stderr, all->arguments->quiet);
    while (status == MB_OK && all->count < sections && !interrupted())
        status = run_section(all, error);
    if (status == MB_OK) status = put_page(all->arguments, all->sections, all->count, argc, argv, error);
    int code = status == MB_OK ? worst_of(all) : mb_cli_fail(error);
    if (status == MB_OK && interrupted())
        fputs("mbsand: interrupted; the page has what was finished\n", stderr);
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

static int report_scenario(const mb_run_arguments *arguments, int argc, char **argv) {
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    reporting all = {.arguments = arguments};
    const mb_overrides overrides = mb_run_overrides(arguments);
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
        code = run_all(&all, argc, argv, &error);
    }
    mb_scenario_free(all.scenario);
    free(path);
    free(root);
    return code;
}

// Both are SQLite's; a case has a name of its own.
static bool is_database(const char *path) {
    const size_t length = strlen(path);
    return mb_case_is(path) && (length < 4 || strcmp(path + length - 4, ".mbs") != 0);
}

int mb_cmd_report(int argc, char **argv) {
    mb_run_arguments arguments;
    mb_entered entered = {0};
    int code = mb_report_arguments_parse(argc, argv, &arguments);
    const bool wanted = code == 0 && !arguments.help;
    if (code == 0 && arguments.help) mb_report_arguments_help();
    const bool stored = wanted && is_database(arguments.scenario);
    if (wanted && !stored && mb_case_is(arguments.scenario))
        code = mb_enter_case(&entered, &arguments, argc, argv);
    if (wanted && code == 0)
        code = stored ? report_database(&arguments, argc, argv) : report_scenario(&arguments, argc, argv);
    mb_run_arguments_deinit(&arguments);
    mb_leave_case(&entered);
    const int written = mb_cli_finish();
    return code ? code : written;
}
