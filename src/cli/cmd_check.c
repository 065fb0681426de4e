// SPDX-License-Identifier: MIT
// mbsand check FILE.lua: load a policy or a scenario, say what is wrong, run nothing.
#include "base/paths.h"
#include "cli/commands.h"
#include "policy/policy_lua.h"
#include "report/fitting.h"
#include "scenario/scenario.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void) {
    mb_print_help(
        "usage: mbsand check FILE.lua|NAME ...\n\n"
        "Load policies or scenarios and say what is wrong; nothing is run.\n"
        "A file whose script uses the word `scenario` is checked as a scenario, any other as a policy.\n");
}

static bool in_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

// Does a line use the word `scenario` or `skip`, outside quotes and comments, as a value and not as a key?
static bool uses_scenario(const char *line) {
    char quote = '\0', before = ' ';
    for (const char *c = line; *c; before = *c++) {
        if (quote) {
            if (*c == '\\' && c[1])
                c++;
            else if (*c == quote)
                quote = '\0';
            continue;
        }
        if (*c == '"' || *c == '\'') quote = *c;
        if (c[0] == '-' && c[1] == '-') return false;
        if (!in_word(*c) || in_word(before)) continue;
        const size_t length = strspn(c, "abcdefghijklmnopqrstuvwxyz");
        const char *after = c + length + strspn(c + length, " \t");
        const bool word =
            (length == 8 && strncmp(c, "scenario", 8) == 0) || (length == 4 && strncmp(c, "skip", 4) == 0);
        if (word && !in_word(c[length]) && before != '.' && before != ':' &&
            (*after != '=' || after[1] == '='))
            return true;
    }
    return false;
}

// Which check a file gets: a scenario uses words that a policy does not have. Good enough for that choice.
static bool looks_like_scenario(const char *path) {
    mb_strbuf text = {0};
    mb_error ignored; // whoever loads it will say
    bool found = false;
    if (mb_paths_read(path, 16u << 20, &text, &ignored) == MB_OK)
        for (char *line = text.text, *end; line && !found; line = end ? end + 1 : NULL) {
            end = strchr(line, '\n');
            if (end) *end = '\0';
            found = uses_scenario(line);
        }
    mb_strbuf_deinit(&text);
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
            checked =
                mb_lua_policy_open(&policy, &experiment->policies[i], &experiment->limits, NULL, 0, 0, error);
            if (checked == MB_OK) mb_lua_policy_close(&policy);
        }
    }
    mb_scenario_free(scenario);
    return checked;
}

static mb_status check_one(const char *name, mb_error *error) {
    char *root = NULL, *path = NULL;
    mb_status status = mb_paths_root(&root, error);
    if (status == MB_OK) status = mb_paths_find_policy(root, NULL, name, &path, error);
    if (status == MB_OK) {
        const bool scenario = looks_like_scenario(path);
        status = scenario ? check_scenario(path, error) : mb_lua_policy_check(path, error);
        if (status == MB_OK) {
            mb_cli_put(path);
            printf(": a good %s\n", scenario ? "scenario" : "policy");
        }
    }
    free(root);
    free(path);
    return status;
}

int mb_cmd_check(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option != 'h') return mb_cli_wrong_option("check", options, option, argv);
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
