// SPDX-License-Identifier: MIT
// mbsand check FILE.lua: load a policy or a scenario, say what is wrong, run nothing.
#include "base/paths.h"
#include "cli/commands.h"
#include "script/policy_lua.h"
#include "script/scenario.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void) {
    fputs("usage: mbsand check FILE.lua|NAME ...\n\n"
          "Load policies or scenarios and say what is wrong; nothing is run.\n"
          "A file whose script calls `scenario` is checked as a scenario, any other as a policy.\n",
          stdout);
}

// Does the text name `scenario` as a word that is called? Good enough to choose which check a file gets.
static bool looks_like_scenario(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    char line[512];
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        const char *code = line + strspn(line, " \t");
        if (strncmp(code, "--", 2) == 0) continue;
        const char *word = strstr(code, "scenario");
        found = word && (word == code || strchr(" \t({,", word[-1])) && strpbrk(word + 8, "{(") == word + 8 +
                strspn(word + 8, " \t");
        found = found || strncmp(code, "return skip", 11) == 0;
    }
    fclose(file);
    return found;
}

static mb_status check_scenario(const char *path, mb_error *error) {
    const mb_overrides none = {0};
    mb_scenario *scenario = NULL;
    const mb_status status = mb_scenario_load(path, &none, &scenario, error);
    if (status != MB_OK) return status;
    const mb_section *section = mb_scenario_section_count(scenario) ? mb_scenario_section(scenario, 0) : NULL;
    mb_status checked = MB_OK;
    if (section && section->point_count) { // its policies as well, with the parameters that it gives them
        const mb_experiment *experiment = &section->points[0].experiment;
        for (size_t i = 0; i < experiment->policy_count && checked == MB_OK; i++) {
            mb_lua_policy policy;
            checked = mb_lua_policy_open(&policy, &experiment->policies[i], &experiment->limits, NULL, 0, 0, error);
            if (checked == MB_OK) mb_lua_policy_close(&policy);
        }
    }
    mb_scenario_free(scenario);
    return checked;
}

static mb_status check_one(const char *name, mb_error *error) {
    char *root = NULL, *path = NULL;
    mb_status status = mb_paths_root(&root, error);
    if (status == MB_OK) status = mb_paths_find_policy(root, name, &path, error);
    if (status == MB_OK) {
        const bool scenario = looks_like_scenario(path);
        status = scenario ? check_scenario(path, error) : mb_lua_policy_check(path, error);
        if (status == MB_OK) printf("%s: a good %s\n", path, scenario ? "scenario" : "policy");
    }
    free(root);
    free(path);
    return status;
}

int mb_cmd_check(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option != 'h') return 2;
        print_help();
        return mb_cli_finish();
    }
    if (optind == argc) return mb_cli_usage("check", "check needs a file");
    int worst = 0;
    for (int i = optind; i < argc; i++) {
        mb_error error = {0};
        if (check_one(argv[i], &error) == MB_OK) continue;
        const int code = mb_cli_fail(&error);
        if (code > worst) worst = code;
    }
    const int written = mb_cli_finish();
    return worst ? worst : written;
}
