// SPDX-License-Identifier: MIT
// mbsand run SCENARIO.lua: the main job.
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/demands.h"
#include "cli/enter.h"
#include "cli/live.h"
#include "cli/options.h"
#include "cli/preflight.h"
#include "cli/print_section.h"
#include "cli/rerun.h"
#include "cli/stop.h"
#include "cli/warnings.h"
#include "cli/watch.h"
#include "page/terminal.h"
#include "policy/policy_lua.h"
#include "report/files.h"
#include "report/format.h"
#include "report/json.h"
#include "report/progress.h"
#include "report/runs_csv.h"
#include "report/standing.h"
#include "report/table.h"
#include "report/terminal.h"
#include "run/control.h"
#include "run/reference.h"
#include "run/until.h"
#include "scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool interrupted(void) {
    return atomic_load(mb_stop_flag());
}

typedef struct run_context {
    const mb_run_arguments *arguments;
    mb_manifest manifest;
    mb_scenario *scenario;
    mb_results *results;         // [sections]
    const mb_results **finished; // pointers to those that were run
    size_t count;
    mb_watch watch;
    mb_progress progress;
    mb_demand *demands; // [arguments->assert_count]
    size_t broken;      // demands, at policies and points
} run_context;

// --- results ---------------------------------------------------------------------------------------------

static mb_status print_section(const run_context *all, const mb_results *results, mb_error *error) {
    const bool markdown = all->arguments->format == MB_OUTPUT_MD;
    if (!markdown && all->arguments->format != MB_OUTPUT_TABLE) {
        mb_print_warnings(results);
        return MB_OK; // at the end, all sections in one
    }
    if (results->section > 0) putchar('\n');
    if (markdown) return mb_report_markdown(results, stdout, error);
    return mb_print_section(results, NULL, error);
}

static mb_status write_all(const run_context *all, mb_error *error) {
    mb_status status = MB_OK;
    if (all->arguments->format == MB_OUTPUT_CSV)
        status = (mb_has_parties(all->finished, all->count) ? mb_report_parties_csv : mb_report_csv)(
            all->finished, all->count, stdout, error);
    if (all->arguments->format == MB_OUTPUT_JSON)
        status = mb_report_json(all->finished, all->count, &all->manifest, stdout, error);
    if (status == MB_OK && all->arguments->out)
        status = mb_output_summary(all->arguments->out, all->finished, all->count, &all->manifest, error);
    return status;
}

static int exit_code(const mb_results *results) {
    int code = results->interrupted ? 1 : 0;
    for (size_t i = 0; i < results->count; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        if (outcome->started && (int)outcome->status > code) code = (int)outcome->status;
    }
    return code;
}

// --- running --------------------------------------------------------------------------------------------

static void show_progress(void *context, size_t done, size_t jobs, uint64_t arrived, double elapsed_s) {
    const mb_progress_state state = {
        .done = done, .total = jobs, .requests = arrived, .elapsed_s = elapsed_s};
    mb_progress_update(context, &state);
}

// The section with the seeds of the scenario, or as many as --until wants.
static mb_status run_jobs(const run_context *all, const mb_run_options *options, mb_results *results,
                          mb_error *error) {
    const mb_run_arguments *arguments = all->arguments;
    if (!(arguments->until > 0)) return mb_run_section(all->scenario, all->count, options, results, error);
    mb_until until = {.width = arguments->until,
                      .measure = arguments->until_measure,
                      .most = arguments->max_seeds ? arguments->max_seeds : MB_UNTIL_MOST};
    int measures[MB_MAX_HEADLINES];
    if (until.measure < 0) {
        if (!mb_headlines(mb_scenario_section(all->scenario, all->count), measures))
            return mb_fail(
                error, MB_BAD_INPUT,
                "--until: none of this scenario's columns has a better side; name a measure, such as "
                "--until 2%%,e2e_mean_s");
        until.measure = measures[0];
    }
    return mb_run_until(all->scenario, all->count, &until, options, results, error);
}

static size_t width_of_terminal(void) {
    const char *columns = getenv("COLUMNS");
    const long said = columns ? strtol(columns, NULL, 10) : 0;
    const size_t width = mb_terminal_width(stdout, said > 0 ? (size_t)said : 80);
    return width < 200 ? width : 200;
}

static mb_status run_section(run_context *all, int *code, mb_error *error) {
    const char *baseline = all->arguments->baseline;
    mb_run_options options = {.threads = all->arguments->threads,
                              .stop = mb_stop_flag(),
                              .walls = !all->arguments->no_walls,
                              .progress = show_progress,
                              .progress_context = &all->progress};
    const mb_status made = mb_watch_section(&all->watch, all->count, &options, error);
    if (made != MB_OK) return made;
    mb_results *results = &all->results[all->count];
    mb_status status = run_jobs(all, &options, results, error);
    results->baseline = baseline;
    mb_watch_ran(&all->watch, results);
    if (status == MB_OK && all->arguments->control && !interrupted())
        status = mb_run_control(results, &options, error);
    if (status == MB_OK && all->arguments->bound && !interrupted())
        status = mb_run_reference(results, mb_scenario_root(all->scenario), &options, error);
    mb_progress_clear(&all->progress);
    all->finished[all->count++] = results;
    if (status == MB_OK) status = print_section(all, results, error);
    if (status == MB_OK && all->arguments->plot && all->arguments->format == MB_OUTPUT_TABLE)
        mb_terminal_plot(&all->watch.gathered, stdout, width_of_terminal(), mb_locale_utf8(false));
    fflush(stdout); // what is not kept comes after what it is about
    for (size_t i = 0; i < all->arguments->assert_count && status == MB_OK && !interrupted(); i++)
        all->broken += mb_demand_check(&all->demands[i], results);
    if (status == MB_OK && all->arguments->live && !interrupted())
        status = mb_live_compare(all->scenario, results,
                                 &(mb_live_question){.backend = all->arguments->live,
                                                     .model_file = all->arguments->model_file,
                                                     .stop = mb_stop_flag()},
                                 error);
    const int worst = exit_code(results);
    if (worst > *code) *code = worst;
    return status;
}

static mb_status read_demands(run_context *all, mb_error *error) {
    const size_t count = all->arguments->assert_count;
    all->demands = calloc(count + 1, sizeof *all->demands);
    mb_status status = all->demands ? MB_OK : mb_fail_memory(error);
    for (size_t i = 0; i < count && status == MB_OK; i++)
        status = mb_demand_parse(all->arguments->asserts[i], &all->demands[i], error);
    return status;
}

static int run_sections(run_context *all, mb_error *error) {
    const size_t sections = mb_scenario_section_count(all->scenario);
    int code = 0;
    all->results = calloc(sections + 1, sizeof *all->results);
    all->finished = calloc(sections + 1, sizeof *all->finished);
    mb_status status = all->results && all->finished ? MB_OK : mb_fail_memory(error);
    if (status == MB_OK) status = read_demands(all, error);
    if (status == MB_OK) status = mb_check_before(all->scenario, all->arguments->baseline, error);
    if (status == MB_OK && all->arguments->out) status = mb_output_dir(all->arguments->out, error);
    if (status == MB_OK) status = mb_watch_open(&all->watch, all->arguments, all->scenario, error);
    mb_progress_init(&all->progress, stderr, all->arguments->quiet);
    while (status == MB_OK && all->count < sections && !interrupted())
        status = run_section(all, &code, error);
    if (status == MB_OK)
        status = write_all(all, error);
    else if (interrupted())
        write_all(all, &(mb_error){0}); // and what went wrong before is told
    if (status != MB_OK)
        code = mb_cli_fail(error);
    else if (interrupted())
        fputs("mbsand: interrupted; what was finished is above\n", stderr);
    const mb_status kept = mb_watch_finish(&all->watch, error);
    if (kept != MB_OK && status == MB_OK) code = mb_cli_fail(error);
    if (!code && all->broken) code = MB_DEMANDS_BROKEN;
    for (size_t i = 0; i < all->count; i++)
        mb_results_deinit(&all->results[i]);
    free(all->demands);
    free(all->results);
    free(all->finished);
    mb_watch_close(&all->watch);
    return code;
}

static int run(const mb_run_arguments *arguments, int argc, char **argv) {
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    run_context all = {.arguments = arguments};
    mb_overrides overrides = mb_run_overrides(arguments);
    if (arguments->until_measure >= 0) overrides.wants[arguments->until_measure] = true;
    mb_status status = mb_paths_root(&root, &error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, &error);
    if (status == MB_OK) status = mb_scenario_load(path, &overrides, &all.scenario, &error);
    int code;
    if (status != MB_OK)
        code = mb_cli_fail(&error);
    else if (mb_scenario_skipped(all.scenario)) {
        mb_cli_say(stdout, "skipped: %s\n", mb_scenario_skipped(all.scenario));
        code = 0;
    } else {
        all.manifest = (mb_manifest){.scenario_path = mb_scenario_path(all.scenario),
                                     .scenario_text = mb_scenario_text(all.scenario),
                                     .lua_engine = mb_lua_engine(),
                                     .argc = argc,
                                     .argv = argv};
        mb_stop_on_signals(); // until here there is nothing to lose
        code = run_sections(&all, &error);
    }
    mb_scenario_free(all.scenario);
    free(path);
    free(root);
    return code;
}

// --- again and again
// ------------------------------------------------------------------------------------------

typedef struct repeated {
    const mb_run_arguments *arguments;
    int argc;
    char **argv;
} repeated;

static int run_again(void *context) {
    const repeated *what = context;
    return run(what->arguments, what->argc, what->argv);
}

// Where the scenario lies, and each policy that is named by its file.
static int rerun(const mb_run_arguments *arguments, int argc, char **argv) {
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    char **folders = calloc(arguments->policy_count + 1, sizeof *folders);
    size_t count = 0;
    mb_status status = folders ? mb_paths_root(&root, &error) : mb_fail_memory(&error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, &error);
    if (status == MB_OK) folders[count++] = mb_paths_folder(path);
    for (size_t i = 0; i < arguments->policy_count && status == MB_OK; i++) {
        char *file = mb_strdup(arguments->policies[i]);
        if (file) file[strcspn(file, ",")] = '\0';
        if (file && mb_paths_is_file(file)) folders[count++] = mb_paths_folder(file);
        free(file);
    }
    for (size_t i = 0; i < count && status == MB_OK; i++)
        if (!folders[i]) status = mb_fail_memory(&error);
    const int code = status == MB_OK ? mb_rerun(folders, count, run_again, &(repeated){arguments, argc, argv})
                                     : mb_cli_fail(&error);
    for (size_t i = 0; i < count; i++)
        free(folders[i]);
    free(folders);
    free(path);
    free(root);
    return code;
}

int mb_cmd_run(int argc, char **argv) {
    mb_run_arguments arguments;
    mb_entered entered = {0};
    int code = mb_run_arguments_parse(argc, argv, &arguments);
    const bool wanted = code == 0 && !arguments.help;
    if (code == 0 && arguments.help) mb_run_arguments_help();
    if (wanted && arguments.watch && mb_case_is(arguments.scenario))
        code = mb_cli_usage("run", "--watch: nothing in a case is edited; give a scenario");
    else if (wanted && mb_case_is(arguments.scenario))
        code = mb_enter_case(&entered, &arguments, argc, argv);
    if (wanted && code == 0) code = (arguments.watch ? rerun : run)(&arguments, argc, argv);
    mb_run_arguments_deinit(&arguments);
    mb_leave_case(&entered);
    const int written = mb_cli_finish();
    return code ? code : written;
}
