// SPDX-License-Identifier: MIT
// mbsand explain SCENARIO.lua: the shortest stretch of requests on which two policies differ, as a chart.
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/stop.h"
#include "explain/report.h"
#include "explain/save.h"
#include "report/fitting.h"
#include "report/format.h"
#include "report/terminal.h"
#include "run/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_REQUESTS = 1000000, USUAL_WIDTH = 100 };

static void print_help(void) {
    mb_print_help(
        "usage: mbsand explain SCENARIO.lua --policy A --policy B [options]\n\n"
        "Why do two policies differ? The shortest stretch of the same requests on which they still do, found "
        "by\n"
        "shrinking, as a chart: who ran where with whom, and who waited for what.\n\n"
        "  -p, --policy NAME|FILE[,param=value...]  the two (a label of the scenario's own policies, too);\n"
        "                           without: the scenario's own, where it has two\n"
        "      --measure MEASURE    what they differ in: e2e (default), ttft or tbt\n"
        "  -s, --set KEY=VALUE      change a value of the scenario\n"
        "      --section N          of a file that returns several scenarios, this one\n"
        "      --seed S             the seed (of several, the first is looked at)\n"
        "  -j, --jobs N             threads (default: all processors); the results do not depend on it\n"
        "      --format FORMAT      table (default), or json: all that is drawn, in numbers\n"
        "  -o, --output NAME.lua    write the stretch as a scenario, and NAME.csv, its trace\n"
        "      --step, --hook-seconds, --hook-instructions, --jit, --memory-mb, --no-os-sandbox\n"
        "                           as of `mbsand run`\n"
        "  -q, --quiet              (there is no progress bar)\n"
        "  -h, --help               this text\n\n"
        "Exit code: 0 done (also where they do not differ), 1 a run failed or was interrupted, 2 the command "
        "or "
        "its\n"
        "input is wrong.\n");
}

// --- the two policies

// A label of the scenario's own policies, or a policy to be added.
static bool is_own(const mb_experiment *experiment, const char *word, size_t *index) {
    for (size_t i = 0; i < experiment->policy_count; i++)
        if (strcmp(experiment->policies[i].label, word) == 0) {
            *index = i;
            return true;
        }
    return false;
}

// `asked`: from 1; 0: not said.
static mb_status check_scenario(const mb_scenario *scenario, uint32_t asked, mb_error *error) {
    const size_t sections = mb_scenario_section_count(scenario);
    if ((sections > 1 && !asked) || asked > sections)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: explain is for one scenario, and this file returns %zu; --section names one, from 1 to "
            "%zu",
            mb_scenario_path(scenario), sections, sections);
    const mb_section *section = mb_scenario_section(scenario, asked ? asked - 1 : 0);
    if (section->point_count != 1)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: explain is for one point, and this scenario is a sweep of %zu; give each swept key one "
            "value with --set",
            mb_scenario_path(scenario), section->point_count);
    if (mb_workload_closed(&section->points[0].experiment.workload))
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: here requests wait for answers before they come, so that each policy sees others; "
            "explain compares two on the same requests",
            mb_scenario_path(scenario));
    return mb_check_policies(&section->points[0].experiment, NULL, error);
}

typedef struct chosen {
    mb_scenario *scenario;
    uint32_t asked;     // which of its sections, from 1; 0: its only one
    size_t policies[2]; // their numbers
} chosen;

static mb_status load(const char *path, const mb_overrides *overrides, chosen *c, mb_error *error) {
    mb_scenario_free(c->scenario);
    c->scenario = NULL;
    const mb_status status = mb_scenario_load(path, overrides, &c->scenario, error);
    return status != MB_OK || mb_scenario_skipped(c->scenario) ? status
                                                               : check_scenario(c->scenario, c->asked, error);
}

static const mb_section *section_of(const chosen *c) {
    return mb_scenario_section(c->scenario, c->asked ? c->asked - 1 : 0);
}

static const mb_experiment *experiment_of(const chosen *c) {
    return &section_of(c)->points[0].experiment;
}

// The scenario alone says which labels are its own; what is none of them is added to it.
static mb_status choose(const mb_run_arguments *arguments, const char *path, chosen *c, mb_error *error) {
    const char *added[2];
    bool own[2] = {true, true};
    mb_overrides overrides = mb_run_overrides(arguments);
    overrides.policy_count = 0;
    overrides.policies = added;
    overrides.seeds = 1;
    mb_status status = load(path, &overrides, c, error);
    if (status != MB_OK || mb_scenario_skipped(c->scenario)) return status;
    const size_t count = experiment_of(c)->policy_count;
    for (size_t i = 0; i < 2; i++) {
        c->policies[i] = i;
        if (!arguments->policy_count) continue;
        own[i] = is_own(experiment_of(c), arguments->policies[i], &c->policies[i]);
        if (own[i]) continue;
        added[overrides.policy_count] = arguments->policies[i];
        c->policies[i] = count + overrides.policy_count++;
    }
    if (!arguments->policy_count && count != 2)
        return mb_fail(error, MB_BAD_INPUT,
                       "which two policies? The scenario has %zu; for example: --policy %s --policy vllm_v1",
                       count, experiment_of(c)->policies[0].label);
    return overrides.policy_count ? load(path, &overrides, c, error) : MB_OK;
}

// --- the terminal

static size_t width_of_terminal(void) {
    const char *columns = getenv("COLUMNS");
    const long said = columns ? strtol(columns, NULL, 10) : 0;
    const size_t width = mb_terminal_width(stdout, said > 0 ? (size_t)said : USUAL_WIDTH);
    if (width < MB_CHART_LEAST_WIDTH) return MB_CHART_LEAST_WIDTH;
    return width > MB_CHART_MOST_WIDTH ? MB_CHART_MOST_WIDTH : width;
}

// --- the whole

static mb_status report(const mb_run_arguments *arguments, const chosen *c, mb_duel *duel, mb_found *found,
                        mb_error *error) {
    mb_explanation explanation;
    mb_status status = mb_explanation_make(duel, found, section_of(c)->title, &explanation, error);
    const mb_chart_style style = {
        .width = width_of_terminal(), .utf8 = mb_locale_utf8(false), .color = mb_wants_color(stdout)};
    if (status == MB_OK && arguments->format == MB_OUTPUT_JSON)
        status = mb_explain_json(&explanation, stdout, error);
    else if (status == MB_OK)
        status = mb_explain_text(&explanation, style, stdout, error);
    mb_explanation_deinit(&explanation);
    return status;
}

static mb_status save(const mb_run_arguments *arguments, const chosen *c, const mb_duel *duel,
                      const mb_found *found, mb_error *error) {
    bool same = true;
    if (!found->stretch.count)
        return mb_fail(error, MB_FAILED, "%s is not written: there is nothing on which the two differ",
                       arguments->output);
    fflush(stdout); // what is known, before what may fail
    const mb_status status = mb_stretch_save(duel, c->scenario, found, arguments->output, &same, error);
    if (status == MB_OK && !same)
        mb_cli_say(
            stderr,
            "mbsand: warning: run alone, %s does not give the times above: its policies or its clock know "
            "more of the whole run than a trace can say\n",
            arguments->output);
    return status;
}

static mb_status explain(const mb_run_arguments *arguments, const chosen *c, mb_error *error) {
    const mb_run_options options = {
        .threads = arguments->threads, .stop = mb_stop_flag(), .walls = !arguments->no_walls};
    mb_experiment experiment = *experiment_of(c); // what it owns stays the scenario's
    mb_policy_spec policies[2];
    for (int i = 0; i < 2; i++)
        policies[i] = experiment.policies[c->policies[i]];
    experiment.policies = policies;
    experiment.policy_count = 2;
    mb_requests requests;
    mb_found found = {0};
    mb_duel duel = {.experiment = &experiment,
                    .requests = &requests,
                    .measure = (mb_explain_measure)arguments->measure,
                    .run = &options};
    mb_status status = mb_requests_read(&experiment.workload, experiment.seed, 0, MOST_REQUESTS, options.stop,
                                        &requests, error);
    if (status == MB_OK && !requests.count)
        status = mb_fail(error, MB_BAD_INPUT, "the workload has no requests");
    if (status == MB_OK) status = mb_find_stretch(&duel, &found, error);
    if (status == MB_OK) status = report(arguments, c, &duel, &found, error);
    if (status == MB_OK && arguments->output) status = save(arguments, c, &duel, &found, error);
    mb_found_deinit(&found);
    mb_requests_deinit(&requests);
    return status;
}

static int run(const mb_run_arguments *arguments) {
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    chosen c = {.asked = arguments->section};
    mb_status status = mb_paths_root(&root, &error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, &error);
    if (status == MB_OK) status = choose(arguments, path, &c, &error);
    if (status == MB_OK && mb_scenario_skipped(c.scenario)) {
        fputs("skipped: ", stdout);
        mb_cli_put(mb_scenario_skipped(c.scenario));
        putchar('\n');
    } else if (status == MB_OK) {
        mb_stop_on_signals();
        status = explain(arguments, &c, &error);
    }
    mb_scenario_free(c.scenario);
    free(path);
    free(root);
    return status == MB_OK ? 0 : mb_cli_fail(&error);
}

int mb_cmd_explain(int argc, char **argv) {
    mb_run_arguments arguments;
    int code = mb_explain_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        print_help();
    else if (code == 0)
        code = run(&arguments);
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}
