// SPDX-License-Identifier: MIT
#include "cli/print_section.h"

#include "cli/commands.h"
#include "cli/own_report.h"
#include "cli/stop.h"
#include "cli/warnings.h"
#include "report/asked.h"
#include "report/format.h"
#include "report/table.h"

static bool interrupted(void) {
    return atomic_load(mb_stop_flag());
}

static void put_line(const char *text) { // NULL: none
    if (!text) return;
    mb_cli_put(text);
    putchar('\n');
}

static mb_status print_own_report(const mb_results *results, const char *answer, mb_error *error) {
    const mb_section *section = mb_scenario_section(results->scenario, results->section);
    put_line(section->title);
    put_line(section->question);
    mb_strbuf description = {0};
    mb_describe_point(results, 0, &description);
    printf("%s%s\n\n", description.text ? description.text : "",
           section->point_count > 1 ? ", and other points" : "");
    mb_strbuf_deinit(&description);
    if (!answer) return mb_own_report(results, error);
    fputs(answer, stdout);
    return MB_OK;
}

static bool any_finished(const mb_results *results) {
    for (size_t i = 0; i < results->count; i++)
        if (results->outcomes[i].finished) return true;
    return false;
}

mb_status mb_print_section(const mb_results *results, const char *answer, mb_error *error) {
    const mb_section *section = mb_scenario_section(results->scenario, results->section);
    if (!section->has_report || !any_finished(results))
        return mb_report_table(results, stdout, mb_wants_color(stdout), error);
    if (!answer) mb_print_warnings(results);
    const mb_status status = print_own_report(results, answer, error);
    if (status != MB_OK && interrupted())
        mb_report_table(results, stdout, mb_wants_color(stdout), &(mb_error){0});
    if (status != MB_OK || mb_report_extras(results, stdout, mb_wants_color(stdout))) return status;
    return mb_fail_memory(error);
}
