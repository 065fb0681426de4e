// SPDX-License-Identifier: MIT
// mbsand pack SCENARIO.lua -o case.mbs: everything that a run rests on in one file; mbsand verify case.mbs.
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/enter.h"
#include "cli/options.h"
#include "cli/stop.h"
#include "cli/verify_engine.h"
#include "policy/policy_lua.h"
#include "report/files.h"
#include "report/runs_csv.h"
#include "run/params.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mb_status load(const mb_run_arguments *arguments, mb_scenario **scenario, mb_error *error) {
    char *root = NULL, *path = NULL;
    const mb_overrides overrides = mb_run_overrides(arguments);
    mb_status status = mb_paths_root(&root, error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, arguments->scenario, &path, error);
    if (status == MB_OK) status = mb_scenario_load(path, &overrides, scenario, error);
    free(root);
    free(path);
    if (status != MB_OK || !mb_scenario_skipped(*scenario)) return status;
    return mb_fail(error, MB_FAILED, "the scenario cannot run here: %s", mb_scenario_skipped(*scenario));
}

static mb_status run_all(const mb_run_arguments *arguments, mb_scenario *scenario, mb_case_run *run,
                         mb_error *error) {
    const mb_run_options options = {
        .threads = arguments->threads, .stop = mb_stop_flag(), .walls = !arguments->no_walls};
    const mb_status status = mb_check_scenario(scenario, NULL, error);
    return status == MB_OK ? mb_case_run_all(scenario, &options, run, error) : status;
}

// --- pack

// The options that results depend on, as words of a command; freed with free_words.
typedef struct word_list {
    char **words;
    size_t count;
} word_list;

static void free_words(word_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->words[i]);
    free(list->words);
}

static bool add_word(word_list *list, const char *word) {
    char *copy = mb_strdup(word);
    if (copy) list->words[list->count++] = copy;
    return copy != NULL;
}

static bool add_pair(word_list *list, const char *option, const char *value) {
    return add_word(list, option) && add_word(list, value);
}

static bool add_number(word_list *list, const char *option, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    return value == 0 || add_pair(list, option, text);
}

static bool list_words(const mb_run_arguments *arguments, word_list *list) {
    const size_t pairs = arguments->policy_count + arguments->set_count + arguments->over_count + 8;
    *list = (word_list){.words = calloc(2 * pairs + 3, sizeof *list->words)};
    bool good = list->words != NULL;
    for (size_t i = 0; good && i < arguments->policy_count; i++)
        good = add_pair(list, "--policy", arguments->policies[i]);
    for (size_t i = 0; good && i < arguments->set_count; i++)
        good = add_pair(list, "--set", arguments->sets[i]);
    for (size_t i = 0; good && i < arguments->over_count; i++)
        good = add_pair(list, "--over", arguments->overs[i]);
    if (good && arguments->only) good = add_pair(list, "--only", arguments->only);
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)arguments->seed);
    if (good && arguments->has_seed) good = add_pair(list, "--seed", seed);
    if (good && arguments->stepwise) good = add_word(list, "--step");
    if (good && arguments->limits.jit) good = add_word(list, "--jit");
    return good && add_number(list, "--seeds", arguments->seeds) &&
           add_number(list, "--hook-seconds", arguments->limits.hook_s) &&
           add_number(list, "--hook-instructions", (double)arguments->limits.hook_instructions) &&
           add_number(list, "--memory-mb", (double)(arguments->limits.memory_bytes >> 20));
}

// Load it as somebody else would: nothing may be missing, and nothing may come from outside.
static int try_case(const char *path, const char *shown) {
    char *argv[] = {(char[]){"run"}, mb_strdup(path), NULL};
    mb_run_arguments arguments = {0};
    mb_entered entered = {0};
    mb_scenario *scenario = NULL;
    mb_error error = {0}, why = {0};
    int code = argv[1] ? mb_run_arguments_parse(2, argv, &arguments) : 1;
    if (code == 0) code = mb_enter_case(&entered, &arguments, 2, argv);
    if (code == 0 && (load(&arguments, &scenario, &error) != MB_OK ||
                      mb_case_covers(&entered.opened, scenario, &error) != MB_OK)) {
        mb_fail(&why, MB_BAD_INPUT, "%s is not written, since it would not run elsewhere: %s", shown,
                error.message);
        code = mb_cli_fail(&why);
    }
    mb_scenario_free(scenario);
    mb_run_arguments_deinit(&arguments);
    mb_leave_case(&entered);
    free(argv[1]);
    return code;
}

static mb_status write_case(const mb_run_arguments *arguments, const mb_scenario *scenario,
                            const mb_case_run *run, const char *file, mb_error *error) {
    word_list words;
    mb_strbuf made_by = {0};
    mb_strbuf_printf(&made_by, "mbsand %s (%s)", MB_VERSION, mb_lua_engine());
    mb_status status = list_words(arguments, &words) && !made_by.failed ? MB_OK : mb_fail_memory(error);
    const mb_case_options options = {.root = mb_scenario_root(scenario),
                                     .words = (const char *const *)words.words,
                                     .made_by = made_by.text,
                                     .called = arguments->output};
    if (status == MB_OK) status = mb_case_pack(file, scenario, run, &options, error);
    free_words(&words);
    mb_strbuf_deinit(&made_by);
    return status;
}

static int put_in_place(mb_output_file *output, const mb_case_run *run) {
    struct stat info = {0};
    mb_error error = {0};
    size_t runs = 0;
    for (size_t i = 0; i < run->count; i++)
        runs += run->sections[i].count;
    stat(output->temporary, &info);
    char *path = mb_strdup(output->path);
    if (mb_output_commit(output, &error) != MB_OK) {
        free(path);
        return mb_cli_fail(&error);
    }
    mb_cli_put(path ? path : "");
    printf(": %.1f MB, whole files of data, %zu runs; `mbsand run` runs it, `mbsand verify` checks that it "
           "gives the same bits\n",
           (double)info.st_size / 1e6, runs);
    free(path);
    return 0;
}

static int pack(const mb_run_arguments *arguments) {
    mb_scenario *scenario = NULL;
    mb_case_run run = {0};
    mb_error error = {0};
    mb_output_file output = {0}; // not in its place until it was tried
    char here[PATH_MAX];
    mb_status status = getcwd(here, sizeof here) ? MB_OK : mb_fail_memory(&error);
    char *path = mb_paths_join(here, arguments->output);
    if (status == MB_OK && !path) status = mb_fail_memory(&error);
    mb_stop_on_signals();
    if (status == MB_OK) status = load(arguments, &scenario, &error);
    if (status == MB_OK) status = mb_output_at(path, &output, &error);
    if (status == MB_OK) status = run_all(arguments, scenario, &run, &error);
    if (status == MB_OK) status = write_case(arguments, scenario, &run, output.temporary, &error);
    int code = status == MB_OK ? try_case(output.temporary, arguments->output) : mb_cli_fail(&error);
    if (code == 0) code = put_in_place(&output, &run);
    mb_output_abandon(&output);
    mb_case_run_deinit(&run);
    mb_scenario_free(scenario);
    free(path);
    return code;
}

int mb_cmd_pack(int argc, char **argv) {
    mb_run_arguments arguments;
    int code = mb_pack_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        mb_pack_arguments_help();
    else if (code == 0)
        code = pack(&arguments);
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}

// --- verify

// The line on which two texts differ first, from 1.
static size_t first_difference(const char *a, const char *b, int length[2], const char *line[2]) {
    for (size_t number = 1;; number++) {
        const size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0 || !a[n] || !b[m]) {
            length[0] = (int)n, length[1] = (int)m;
            line[0] = a, line[1] = b;
            return number;
        }
        a += n + 1, b += m + 1;
    }
}

static int judge(const char *path, const mb_case *opened, const char *results, size_t runs) {
    mb_strbuf made_by = {0};
    mb_add_printable(&made_by, opened->made_by);
    const char *maker = made_by.text ? made_by.text : "";
    int code = 0;
    if (strcmp(opened->results, results) == 0)
        mb_cli_say(stdout, "%s: the same bits in all %zu runs (packed by %s, run by mbsand %s (%s))\n", path,
                   runs, maker, MB_VERSION, mb_lua_engine());
    else {
        int length[2];
        const char *line[2];
        const size_t number = first_difference(opened->results, results, length, line);
        mb_cli_say(stdout,
                   "%s: other results: packed by %s, run by mbsand %s (%s). They differ first in line %zu of "
                   "results.csv:\npacked: ",
                   path, maker, MB_VERSION, mb_lua_engine(), number);
        for (size_t i = 0; i < 2; i++) {
            mb_strbuf text = {0};
            mb_strbuf_add_bytes(&text, line[i], (size_t)length[i]);
            mb_cli_put(text.text ? text.text : "");
            mb_strbuf_deinit(&text);
            fputs(i ? "\n" : "\nhere:   ", stdout);
        }
        code = 1;
    }
    mb_strbuf_deinit(&made_by);
    return code;
}

static int verify(mb_run_arguments *arguments, mb_entered *entered) {
    mb_scenario *scenario = NULL;
    mb_case_run run = {0};
    mb_error error = {0};
    char *results = NULL;
    size_t runs = 0;
    mb_stop_on_signals();
    mb_status status = load(arguments, &scenario, &error);
    if (status == MB_OK) status = run_all(arguments, scenario, &run, &error);
    if (status == MB_OK) status = mb_case_results(&run, &results, &error);
    for (size_t i = 0; i < run.count; i++)
        runs += run.sections[i].count;
    const int code =
        status == MB_OK ? judge(entered->words[0], &entered->opened, results, runs) : mb_cli_fail(&error);
    free(results);
    mb_case_run_deinit(&run);
    mb_scenario_free(scenario);
    return code;
}

static bool names_engine(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--engine", strlen("--engine")) == 0) return true;
    return false;
}

int mb_cmd_verify(int argc, char **argv) {
    if (names_engine(argc, argv)) return mb_verify_engine(argc, argv);
    mb_run_arguments arguments;
    mb_entered entered = {0};
    int code = mb_verify_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        mb_verify_arguments_help();
    else if (code == 0) {
        char *path = mb_strdup(arguments.scenario);
        mb_error error = {0};
        if (!path) mb_fail_memory(&error);
        code = path ? mb_enter_case(&entered, &arguments, argc, argv) : mb_cli_fail(&error);
        if (code == 0) {
            entered.words[0] = path; // what results are of
            code = verify(&arguments, &entered);
        }
        free(path);
    }
    mb_run_arguments_deinit(&arguments);
    mb_leave_case(&entered);
    const int written = mb_cli_finish();
    return code ? code : written;
}
