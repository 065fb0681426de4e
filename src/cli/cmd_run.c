// SPDX-License-Identifier: MIT
// mbsand run SCENARIO.lua: the main job.
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "report/table.h"
#include "run/experiment.h"
#include "script/policy_lua.h"
#include "script/scenario.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Set by Ctrl-C: runs end at their next look, and what is finished is printed.
static atomic_bool interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    if (atomic_exchange(&interrupted, true)) _exit(130); // the second time at once
}

static mb_status print_own_report(const mb_results *results, mb_error *error) {
    (void)results;
    (void)error;
    return MB_OK;
}

static mb_status print_results(const mb_run_arguments *arguments, const mb_results *results, mb_error *error) {
    const mb_section *section = mb_scenario_section(results->scenario, results->section);
    if (section->has_report) return print_own_report(results, error);
    (void)arguments;
    return mb_report_table(results, stdout, false, error);
}

static int exit_code(const mb_results *results) {
    int code = results->interrupted ? 1 : 0;
    for (size_t i = 0; i < results->count; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        if (outcome->started && !outcome->finished && (int)outcome->status > code) code = (int)outcome->status;
    }
    return code;
}

static int run_sections(const mb_run_arguments *arguments, mb_scenario *scenario, mb_error *error) {
    int code = 0;
    for (size_t i = 0; i < mb_scenario_section_count(scenario) && !atomic_load(&interrupted); i++) {
        const mb_run_options options = {.threads = arguments->threads, .stop = &interrupted};
        mb_results results;
        mb_status status = mb_run_section(scenario, i, &options, &results, error);
        if (status == MB_OK) status = print_results(arguments, &results, error);
        const int worst = exit_code(&results);
        mb_results_deinit(&results);
        if (status != MB_OK) return mb_cli_fail(error);
        if (worst > code) code = worst;
    }
    return code;
}

static int run(const mb_run_arguments *arguments) {
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    mb_scenario *scenario = NULL;
    const mb_overrides overrides = {.sets = arguments->sets,
                                    .set_count = arguments->set_count,
                                    .policies = arguments->policies,
                                    .policy_count = arguments->policy_count,
                                    .seeds = arguments->seeds,
                                    .seed = arguments->seed,
                                    .has_seed = arguments->has_seed,
                                    .limits = arguments->limits};
    mb_status status = mb_paths_root(&root, &error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, &error);
    if (status == MB_OK) status = mb_scenario_load(path, &overrides, &scenario, &error);
    int code;
    if (status != MB_OK) code = mb_cli_fail(&error);
    else if (mb_scenario_skipped(scenario)) {
        printf("skipped: %s\n", mb_scenario_skipped(scenario));
        code = 0;
    } else code = run_sections(arguments, scenario, &error);
    mb_scenario_free(scenario);
    free(path);
    free(root);
    return code;
}

int mb_cmd_run(int argc, char **argv) {
    mb_run_arguments arguments;
    int code = mb_run_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help) mb_run_arguments_help();
    else if (code == 0) {
        struct sigaction action = {.sa_handler = on_interrupt};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        code = run(&arguments);
    }
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}
