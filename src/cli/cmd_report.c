// SPDX-License-Identifier: MIT
// mbsand report SCENARIO|RESULTS: one page to look at.
#include "cli/commands.h"
#include "cli/look.h"
#include "report/files.h"

#include <stdio.h>
#include <string.h>

typedef struct command {
    const mb_run_arguments *arguments;
    int argc;
    char **argv;
} command;

static mb_status put_page(void *context, const mb_page_section *sections, size_t count, mb_error *error) {
    const command *given = context;
    const mb_run_arguments *arguments = given->arguments;
    mb_strbuf html = {0}, words = {0};
    mb_strbuf_add(&words, "mbsand");
    for (int i = 0; i < given->argc; i++)
        mb_strbuf_printf(&words, " %s", given->argv[i]);
    const mb_page_options options = {.source = arguments->scenario,
                                     .command = words.failed ? "" : words.text};
    const char *path = arguments->output ? arguments->output : "report.html";
    mb_status status = mb_page_write(sections, count, &options, &html, error);
    if (status == MB_OK && strcmp(path, "-") == 0)
        fwrite(html.text, 1, html.length, stdout);
    else if (status == MB_OK) {
        status = mb_output_text(path, &html, error);
        if (status == MB_OK) mb_cli_say(stdout, "%s: %.0f KB\n", path, (double)html.length / 1000);
    }
    mb_strbuf_deinit(&html);
    mb_strbuf_deinit(&words);
    return status;
}

int mb_cmd_report(int argc, char **argv) {
    mb_run_arguments arguments;
    int code = mb_report_arguments_parse(argc, argv, &arguments);
    command given = {.arguments = &arguments, .argc = argc, .argv = argv};
    const mb_look look = {.show = put_page, .context = &given, .own_sets = 1, .wanted = -1};
    if (code == 0 && arguments.help)
        mb_report_arguments_help();
    else if (code == 0)
        code = mb_look_at(&arguments, &look, argc, argv);
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}
