// SPDX-License-Identifier: MIT
#include "cli/answer.h"

#include "cli/commands.h"
#include "report/format.h"
#include "report/json_values.h"
#include "report/table.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

// The next line of *at into `line`; false after the last.
static bool next_line(const char **at, mb_strbuf *line) {
    const char *end = *at ? strchr(*at, '\n') : NULL;
    if (!end) return false;
    mb_strbuf_deinit(line);
    mb_strbuf_add_bytes(line, *at, (size_t)(end - *at));
    *at = end + 1;
    if (!line->failed) mb_make_printable(line->text, ""); // labels may hold anything
    return !line->failed;
}

static bool is_warning(const mb_strbuf *line) {
    return strncmp(line->text, "warning: ", 9) == 0;
}

mb_status mb_answer_print(const mb_sheet *sheet, const char *sentences, bool markdown, mb_error *error) {
    mb_strbuf line = {0};
    if (markdown)
        mb_markdown_sheet(sheet, &line);
    else
        mb_print_sheet(sheet, stdout, mb_wants_color(stdout));
    bool lost = line.failed;
    fputs(line.text && !lost ? line.text : "", stdout);
    if (!markdown) putchar('\n');
    while (!lost && next_line(&sentences, &line))
        if (markdown)
            printf("\n%s\n", line.text);
        else
            mb_print_wrapped(stdout, line.text, is_warning(&line) ? 2 : 0);
    lost = lost || line.failed;
    mb_strbuf_deinit(&line);
    return lost ? mb_fail_memory(error) : MB_OK;
}

void mb_answer_warn(const char *sentences) {
    mb_strbuf line = {0};
    while (next_line(&sentences, &line))
        if (is_warning(&line)) mb_cli_say(stderr, "mbsand: %s\n", line.text);
    mb_strbuf_deinit(&line);
}

json_t *mb_answer_json(bool *lost, const char *sentences) {
    json_t *list = json_array();
    mb_strbuf line = {0};
    while (next_line(&sentences, &line))
        mb_json_append(lost, list, mb_json_text(line.text));
    *lost = *lost || line.failed;
    mb_strbuf_deinit(&line);
    return list;
}

mb_status mb_answer_print_json(json_t *whole, bool lost, mb_error *error) {
    const bool good = !lost && json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) == 0;
    json_decref(whole);
    putchar('\n');
    return good ? MB_OK : mb_fail_memory(error);
}
