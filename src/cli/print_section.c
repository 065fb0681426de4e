// SPDX-License-Identifier: MIT
#include "cli/print_section.h"

#include "cli/commands.h"
#include "cli/own_report.h"
#include "cli/stop.h"
#include "cli/warnings.h"
#include "report/asked.h"
#include "report/fitting.h"
#include "report/format.h"
#include "report/table.h"
#include "report/terminal.h"

#include <stdlib.h>
#include <string.h>

static bool interrupted(void) {
    return atomic_load(mb_stop_flag());
}

static void put_line(const char *text) { // NULL: none
    mb_strbuf line = {0};
    if (text) mb_add_printable(&line, text);
    if (line.text) mb_print_fitting(stdout, line.text);
    if (text) putchar('\n');
    mb_strbuf_deinit(&line);
}

static void print_heading(const mb_results *results) {
    const mb_section *section = mb_scenario_section(results->scenario, results->section);
    put_line(section->title);
    put_line(section->question);
    mb_strbuf description = {0};
    mb_describe_point(results, 0, &description);
    mb_strbuf_add(&description, section->point_count > 1 ? ", and other points\n\n" : "\n\n");
    mb_print_fitting(stdout, description.text ? description.text : "");
    mb_strbuf_deinit(&description);
}

// A scenario's report may print rows of the policies that it knows alone. Those of the command line that
// `answer` does not name: "a, b"; returns how many.
static size_t left_out(const mb_results *results, const char *answer, mb_strbuf *names) {
    const mb_section *section = mb_scenario_section(results->scenario, results->section);
    const mb_experiment *experiment = &section->points[0].experiment;
    size_t count = 0;
    for (size_t i = experiment->policy_count - section->added; i < experiment->policy_count; i++)
        if (!strstr(answer, experiment->policies[i].label))
            mb_strbuf_printf(names, "%s%s", count++ ? ", " : "", experiment->policies[i].label);
    return count;
}

static bool any_finished(const mb_results *results) {
    for (size_t i = 0; i < results->count; i++)
        if (results->outcomes[i].finished) return true;
    return false;
}

mb_status mb_print_section(const mb_results *results, const char *answer, mb_error *error) {
    const mb_section *section = mb_scenario_section(results->scenario, results->section);
    const bool color = mb_wants_color(stdout), given = answer;
    if (!section->has_report || !any_finished(results)) return mb_report_table(results, stdout, color, error);
    char *own = NULL;
    mb_strbuf names = {0};
    mb_status status = MB_OK;
    // (A terminal may be narrower than what it prints, and lack its letters.)
    const bool fit = !given && (mb_terminal_width(stdout, 0) || !mb_locale_utf8(true));
    if (!given && (section->added || fit)) status = mb_own_report_text(results, &own, error);
    if (own) answer = own;
    const bool lacks = answer && (given || section->added) && left_out(results, answer, &names) > 0;
    if (!given && !lacks) mb_print_warnings(results);
    print_heading(results);
    if (answer)
        mb_print_fitting(stdout, answer);
    else if (status == MB_OK)
        status = mb_own_report(results, error);
    free(own);
    if (status == MB_OK && lacks)
        printf("\nThe scenario's own report leaves out %s. As a table:\n\n", names.text ? names.text : "");
    bool whole = !names.failed;
    mb_strbuf_deinit(&names);
    if (status == MB_OK && lacks) return mb_report_table(results, stdout, color, error);
    if (status != MB_OK && (section->added || interrupted()))
        mb_report_table(results, stdout, color, &(mb_error){0});
    if (status == MB_OK) whole = mb_report_extras(results, stdout, color) && whole;
    return status == MB_OK && !whole ? mb_fail_memory(error) : status;
}
