// SPDX-License-Identifier: MIT
// What runs in a page's worker, and beside it in Node: the program, without what only a machine of one's own
// has - databases, threads, devices.
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/look_run.h"
#include "cli/print_section.h"
#include "playground/describe.h"
#include "report/files.h"
#include "report/runs_csv.h"
#include "report/table.h"

#include <emscripten.h>
#include <math.h>
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

// --- while it runs ---------------------------------------------------------------------------------------

EM_JS(void, tell_partly, (const char *text), {
    if (Module["onPartly"]) Module["onPartly"](UTF8ToString(text));
})

// Every policy has seen as many seeds of the point that is run: what is finished compares them on the same
// requests.
static bool round_is_over(const mb_results *results, size_t done) {
    const size_t point = results->outcomes[done - 1].point;
    return (done - results->offsets[point]) %
               mb_results_section(results)->points[point].experiment.policy_count ==
           0;
}

// The tables so far, as soon as there is something to compare, and then once a second.
static void put_partly(void *context, const mb_page_section *sections, size_t count, size_t done) {
    static double last_s = -INFINITY;
    mb_error ignored;
    char *text = NULL;
    size_t size;
    (void)context;
    if (mb_clock_wall() - last_s < 1 || !round_is_over(sections[count - 1].results, done)) return;
    FILE *out = open_memstream(&text, &size);
    mb_status status = out ? MB_OK : MB_FAILED;
    for (size_t i = 0; i < count && status == MB_OK; i++) {
        if (i > 0) putc('\n', out);
        status = mb_report_table(sections[i].results, out, false, &ignored);
    }
    if (out) fclose(out);
    if (status == MB_OK) tell_partly(text);
    free(text);
    last_s = mb_clock_wall();
}

static int run(int argc, char **argv) {
    mb_run_arguments arguments;
    int code = mb_report_arguments_parse(argc, argv, &arguments);
    const mb_look look = {.show = put_all, .partly = put_partly, .context = &arguments, .wanted = -1};
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
