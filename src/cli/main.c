// SPDX-License-Identifier: MIT
#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/bundle.h"
#include "cli/commands.h"
#include "cli/stop.h"
#include "policy/policy_lua.h"
#include "run/walls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const mb_verb VERBS[] = {
    {"run", mb_cmd_run, "run a scenario (the verb may be left out: mbsand SCENARIO.lua)"},
    {"sweep", mb_cmd_sweep, "run a grid into a database, resumable"},
    {"search", mb_cmd_search, "the highest load, or the fewest GPUs, that meet an SLO"},
    {"explain", mb_cmd_explain, "where two policies differ, on the fewest requests, as a chart"},
    {"show", mb_cmd_show, "print a database of results"},
    {"show-scenario", mb_cmd_show_scenario, "print a scenario with every default filled in, as JSON"},
    {"report", mb_cmd_report, "one page of HTML to look at: of a scenario, or of a database of results"},
    {"plot", mb_cmd_plot, "a figure for a paper: of a scenario, or of a database of results"},
    {"compare", mb_cmd_compare, "two databases of results side by side"},
    {"merge", mb_cmd_merge, "the parts of a sweep into one database"},
    {"pack", mb_cmd_pack, "everything that a run rests on, in one file to share"},
    {"verify", mb_cmd_verify, "does such a file give the same bits here?"},
    {"plan", mb_cmd_plan, "what fits: memory budget, KV tables, GPUs needed, longest context"},
    {"fit", mb_cmd_fit, "fit a latency model to measured times, with its errors"},
    {"probe", mb_cmd_probe, "time a model's shapes on this machine, for fit"},
    {"list", mb_cmd_list, "list the bundled policies, bin-boundary rules, scenarios, models or GPUs"},
    {"check", mb_cmd_check, "load a policy or a scenario, say what is wrong, run nothing"},
    {"repl", mb_cmd_repl, "stop a simulation, look at queues and replicas, go on"},
    {"test", mb_cmd_test, "does what a scenario expects come out? for tests of a policy of your own"},
    {"playground", mb_cmd_playground, "the sandbox as a page in your browser"},
    {"new", mb_cmd_new, "write a starting point for a policy, router, rule or scenario of your own"},
    {"init", mb_cmd_init, "write all that is bundled into a folder, to edit and run it there"},
};
enum { VERB_COUNT = sizeof VERBS / sizeof *VERBS };

static void print_help(void) {
    mb_cli_say(stdout, "usage: mbsand SCENARIO.lua [options]\n"
                       "       mbsand VERB [arguments] [options]\n\n"
                       "Compare schedulers for LLM serving on the same simulated requests.\n\n");
    mb_strbuf list = {0};
    for (int i = 0; i < VERB_COUNT; i++)
        mb_strbuf_printf(&list, "  %-14s%s\n", VERBS[i].name, VERBS[i].summary);
    mb_cli_say(stdout, "%s", list.text ? list.text : "");
    mb_strbuf_deinit(&list);
    mb_cli_say(
        stdout,
        "\n  --version   version and Lua engine\n"
        "  --help      this text; `mbsand VERB --help` for a verb's options\n"
        "  help WORD   where something is said of it: verbs, measures, keys, scripts, the API, pages\n\n"
        "Try: mbsand scenarios/burst.lua\n");
}

// A file, or the name of a bundled scenario.
static bool is_scenario(const char *argument) {
    const size_t length = strlen(argument);
    if (length > 4 && strcmp(argument + length - 4, ".mbs") == 0) return true; // a case
    if (strchr(argument, '/') || (length > 4 && strcmp(argument + length - 4, ".lua") == 0)) return true;
    char *root = NULL, *path = NULL;
    mb_error ignored;
    const bool found = mb_paths_root(&root, &ignored) == MB_OK &&
                       mb_paths_find_scenario(root, argument, &path, &ignored) == MB_OK;
    free(root);
    free(path);
    return found;
}

// Neither a verb nor a scenario, nor anything like a verb.
static int wrong_word(const char *word) {
    char *root = NULL, **names = NULL;
    size_t count = 0;
    mb_error ignored;
    const bool listed = mb_paths_root(&root, &ignored) == MB_OK &&
                        mb_paths_list(root, "scenarios", ".lua", &names, &count, &ignored) == MB_OK;
    const char *near = listed ? mb_nearest_word(word, (const char *const *)names, count) : NULL;
    const int code = near
                         ? mb_cli_usage("", "'%s' is no verb, nor a scenario; did you mean '%s'?", word, near)
                         : mb_cli_usage("", "unknown verb '%s'; a scenario's file ends in .lua", word);
    if (listed) mb_paths_free_names(names, count);
    free(root);
    return code;
}

static int run_verb(int argc, char **argv) {
    if (argc < 2) {
        print_help();
        return 2;
    }
    const char *first = argv[1];
    const bool help = strcmp(first, "help") == 0;
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || (help && argc == 2)) {
        print_help();
        return mb_cli_finish();
    }
    if (strcmp(first, "--version") == 0) {
        printf("mbsand %s (%s)\n", MB_VERSION, mb_lua_engine());
        printf("the kernel's walls around policies: %s\n", mb_walls_name(mb_walls_available()));
        return mb_cli_finish();
    }
    mb_error error = {0};
    if (mb_bundle_open(&error) != MB_OK) return mb_cli_fail(&error);
    if (help) return mb_help(VERBS, VERB_COUNT, argc - 1, argv + 1);
    if (strcmp(first, "complete") == 0) return mb_complete(VERBS, VERB_COUNT, argc - 1, argv + 1);
    for (int i = 0; i < VERB_COUNT; i++)
        if (strcmp(first, VERBS[i].name) == 0) return VERBS[i].run(argc - 1, argv + 1);
    if (first[0] == '-' || is_scenario(first)) return mb_cmd_run(argc, argv);
    const char *names[VERB_COUNT];
    for (int i = 0; i < VERB_COUNT; i++)
        names[i] = VERBS[i].name;
    const char *nearest = mb_nearest_word(first, names, VERB_COUNT);
    char file[256];
    if (snprintf(file, sizeof file, "%s.lua", first) < (int)sizeof file && access(file, R_OK) == 0)
        return mb_cli_usage("", "'%s' is no verb, nor a bundled scenario; did you mean the file %s?", first,
                            file);
    if (nearest) return mb_cli_usage("", "unknown verb '%s'; did you mean '%s'?", first, nearest);
    return wrong_word(first);
}

int main(int argc, char **argv) {
    mb_stop_not_on_full_files();
    const int code = run_verb(argc, argv);
    // A thread that was left behind may hold what exit() would wait for.
    if (atomic_load(mb_stop_flag())) _exit(code);
    return code;
}
