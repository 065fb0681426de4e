// SPDX-License-Identifier: MIT
// mbsand show-scenario SCENARIO --resolved: what a run would read, every default filled in.
#include "cli/commands.h"
#include "cli/options.h"
#include "report/fitting.h"

#include <jansson.h>
#include <stdio.h>

static void print_help(void) {
    mb_print_help(
        "usage: mbsand show-scenario SCENARIO.lua --resolved [options]\n\n"
        "Print a scenario as a run reads it, with every default filled in, as one object of JSON: its "
        "\"points\" "
        "are\n"
        "what is run, one for each section and point of a sweep. Nothing is run. A function is named by "
        "its file "
        "and\n"
        "line; parameters that the scenario leaves to a policy are in the policy's own file, whose path is "
        "there.\n\n"
        "      --resolved           with the defaults (so far the only way to show one)\n"
        "  -p, --policy NAME|FILE[,param=value...]  add a policy\n"
        "      --only NAME[,NAME...]    of the scenario's own policies, these alone\n"
        "  -s, --set KEY=VALUE      change a value of the scenario: --set cluster.gpus=8\n"
        "      --over KEY=VALUES    every combination\n"
        "      --seeds N            number of seeds\n"
        "  -h, --help               this text\n");
}

// A JSON text; what is no UTF-8 is said so, and not made up.
static mb_status put_text(const char *name, const char *value, mb_error *error) {
    json_t *text = json_string(value);
    if (!text) return mb_fail(error, MB_BAD_INPUT, "the scenario's %s is not UTF-8, which JSON wants", name);
    printf("\"%s\": ", name);
    json_dumpf(text, stdout, JSON_ENCODE_ANY);
    json_decref(text);
    return MB_OK;
}

static mb_status put_point(mb_scenario *scenario, size_t section, const mb_point *point, mb_error *error) {
    mb_strbuf text = {0};
    mb_status status = mb_scenario_resolved(scenario, &point->experiment, &text, error);
    if (status == MB_OK) {
        printf("{ \"section\": %zu, ", section + 1);
        status = put_text("label", point->label ? point->label : "", error);
    }
    if (status == MB_OK) printf(", \"scenario\":\n    %s }", text.text);
    mb_strbuf_deinit(&text);
    return status;
}

static mb_status show(mb_scenario *scenario, mb_error *error) {
    fputs("{\n  ", stdout);
    mb_status status = put_text("path", mb_scenario_path(scenario), error);
    if (mb_scenario_skipped(scenario) && status == MB_OK) {
        fputs(",\n  ", stdout);
        status = put_text("skipped", mb_scenario_skipped(scenario), error);
    }
    fputs(",\n  \"points\": [", stdout);
    bool first = true;
    for (size_t i = 0; i < mb_scenario_section_count(scenario) && status == MB_OK; i++) {
        const mb_section *section = mb_scenario_section(scenario, i);
        for (size_t j = 0; j < section->point_count && status == MB_OK; j++, first = false) {
            fputs(first ? "\n    " : ",\n    ", stdout);
            status = put_point(scenario, i, &section->points[j], error);
        }
    }
    puts("\n  ]\n}");
    return status;
}

int mb_cmd_show_scenario(int argc, char **argv) {
    mb_run_arguments arguments;
    mb_error error = {0};
    int code = mb_show_scenario_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        print_help();
    else if (code == 0) {
        const mb_overrides overrides = mb_run_overrides(&arguments);
        mb_scenario *scenario = NULL;
        mb_status status = mb_scenario_load(arguments.scenario, &overrides, &scenario, &error);
        if (status == MB_OK) status = show(scenario, &error);
        mb_scenario_free(scenario);
        if (status != MB_OK) code = mb_cli_fail(&error);
    }
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}
