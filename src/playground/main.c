// SPDX-License-Identifier: MIT
// What runs in a page's worker, and beside it in Node: the program, without what only a machine of one's own
// has - databases, threads, devices.
#include "cli/commands.h"
#include "cli/look_run.h"
#include "cli/print_section.h"
#include "playground/describe.h"
#include "report/files.h"
#include "report/runs_csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS "runs.csv"

static mb_status put_page(const mb_page_section *sections, size_t count, const mb_run_arguments *arguments,
                          mb_error *error) {
    mb_strbuf html = {0};
    const mb_page_options options = {.source = arguments->scenario, .command = "the playground"};
    mb_status status = mb_page_write(sections, count, &options, &html, error);
    if (status == MB_OK) status = mb_output_text(arguments->output, &html, error);
    mb_strbuf_deinit(&html);
    return status;
}

static mb_status put_runs(const mb_page_section *sections, size_t count, mb_error *error) {
    const mb_results **results = calloc(count + 1, sizeof *results);
    FILE *file = results ? fopen(RUNS, "w") : NULL;
    for (size_t i = 0; results && i < count; i++)
        results[i] = sections[i].results;
    const mb_status status =
        file ? mb_report_csv(results, count, file, error) : mb_fail(error, MB_FAILED, "cannot write " RUNS);
    if (file) fclose(file);
    free(results);
    return status;
}

// The table on standard output; where a page is asked for, that too, and every measure of every run beside
// it.
static mb_status put_all(void *context, const mb_page_section *sections, size_t count, mb_error *error) {
    const mb_run_arguments *arguments = context;
    mb_status status = MB_OK;
    for (size_t i = 0; i < count && status == MB_OK; i++) {
        if (i > 0) putchar('\n');
        status = mb_print_section(sections[i].results, sections[i].answer, error);
    }
    if (status == MB_OK && arguments->output) status = put_page(sections, count, arguments, error);
    if (status == MB_OK && arguments->output) status = put_runs(sections, count, error);
    return status;
}

static int run(int argc, char **argv) {
    mb_run_arguments arguments;
    int code = mb_report_arguments_parse(argc, argv, &arguments);
    const mb_look look = {.show = put_all, .context = &arguments, .wanted = -1};
    if (code == 0 && arguments.help)
        mb_report_arguments_help();
    else if (code == 0)
        code = mb_look_at_scenario(&arguments, &look);
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}

int main(int argc, char **argv) {
    static const mb_verb verbs[] = {{"run", run, NULL},
                                    {"check", mb_cmd_check, NULL},
                                    {"list", mb_cmd_list, NULL},
                                    {"describe", mb_playground_describe, NULL}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs && argc > 1; i++)
        if (strcmp(argv[1], verbs[i].name) == 0) return verbs[i].run(argc - 1, argv + 1);
    fputs("mbsand: expected run, check, list or describe\n", stderr);
    return 2;
}
