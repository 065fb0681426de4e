// SPDX-License-Identifier: MIT
// mbsand plan: what fits on which GPU.
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/plan_options.h"
#include "planner/report.h"
#include "planner/search.h"
#include "planner/sets.h"
#include "report/fitting.h"
#include "report/terminal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static mb_status put(const mb_plan_options *options, FILE *file, mb_strbuf *text, mb_status status,
                     mb_error *error) {
    if (!status && text->failed) status = mb_fail_memory(error);
    if (!status && text->text) mb_make_printable(text->text, "\n\t");
    if (!status && text->text && options->format == MB_PLAN_AS_TABLE)
        mb_print_fitting(file, text->text);
    else if (!status && text->text)
        fwrite(text->text, 1, text->length, file);
    mb_strbuf_deinit(text);
    return status;
}

static mb_status print_plan(const mb_plan_options *options, mb_error *error) {
    mb_plan_answer answer;
    mb_strbuf text = {0};
    const mb_status status = mb_plan_answer_make(options, &answer, error);
    answer.width = mb_terminal_width(stdout, 80);
    answer.table_width = mb_terminal_width(stdout, SIZE_MAX);
    if (!status) mb_plan_report_write(&text, &answer);
    mb_plan_answer_deinit(&answer);
    return put(options, stdout, &text, status, error);
}

static mb_status print_cheapest(const mb_plan_options *options, int *code, mb_error *error) {
    mb_strbuf text = {0}, notes = {0};
    bool met = false;
    mb_status status = mb_plan_cheapest(options, &text, &notes, &met, error);
    *code = met ? 0 : 1;
    status = put(options, stdout, &text, status, error);
    return put(options, stderr, &notes, status, error);
}

static mb_status warn(const mb_plan_options *options, mb_error *error) {
    mb_plan_answer answer;
    mb_strbuf text = {0};
    const mb_status status = mb_plan_answer_make(options, &answer, error);
    fflush(stdout);
    if (!status) mb_plan_report_warnings(&text, &answer);
    mb_plan_answer_deinit(&answer);
    return put(options, stderr, &text, status, error);
}

static mb_status run_pages(const mb_plan_options *options, int *code, mb_error *error) {
    static const char *const formats[] = {"table", "csv", "json", "md"};
    mb_plan_sets sets;
    mb_status status = mb_plan_sets_pages(options, &sets, error);
    char *path = mb_paths_join(options->root, "lua/mbsand/plan_pages.lua");
    if (!status && !path) status = mb_fail_memory(error);
    char *argv[2 * MB_PLAN_MOST_SETS + 8] = {"run", path, "--quiet", "--format",
                                             (char *)formats[options->format]};
    int argc = 5;
    for (size_t i = 0; i < sets.count; i++) {
        argv[argc++] = "--set";
        argv[argc++] = sets.items[i];
    }
    if (!status) *code = mb_cmd_run(argc, argv);
    if (!status && *code == 0) status = warn(options, error);
    mb_plan_sets_deinit(&sets);
    free(path);
    return status;
}

int mb_cmd_plan(int argc, char **argv) {
    mb_plan_options options;
    int code = mb_plan_options_parse(argc, argv, &options);
    if (code == 0 && options.help) {
        mb_plan_options_help();
    } else if (code == 0) {
        mb_plan_opened opened;
        mb_error error = {0};
        mb_status status = mb_plan_open(&options, &opened, &error);
        if (!status && options.slo)
            status = print_cheapest(&options, &code, &error);
        else if (!status && options.pages.count)
            status = run_pages(&options, &code, &error);
        else if (!status)
            status = print_plan(&options, &error);
        if (status) code = mb_cli_fail(&error);
        mb_plan_close(&opened);
    }
    mb_plan_options_deinit(&options);
    const int written = mb_cli_finish();
    return code ? code : written;
}
