// SPDX-License-Identifier: MIT
#include "cli/enter.h"

#include "base/paths.h"
#include "cli/commands.h"
#include "cli/stop.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The path as it is from anywhere; NULL when out of memory.
static const char *keep(mb_entered *entered, size_t *kept, const char *path, const char *here) {
    char *whole = mb_paths_join(here, path);
    if (whole) entered->renamed[(*kept)++] = whole;
    return whole;
}

// The files that the command names, before the current folder is another one.
static bool rename_paths(mb_entered *entered, mb_run_arguments *arguments, size_t from) {
    char here[PATH_MAX];
    size_t kept = 0;
    entered->renamed = calloc(arguments->policy_count + 4, sizeof *entered->renamed);
    if (!entered->renamed || !getcwd(here, sizeof here)) return false;
    const char **written[] = {&arguments->out, &arguments->timeline, &arguments->output};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        if (*written[i] && strcmp(*written[i], "-") != 0) {
            *written[i] = keep(entered, &kept, *written[i], here);
            if (!*written[i]) return false;
        }
    for (size_t i = from; i < arguments->policy_count; i++) {
        const char *name = arguments->policies[i];
        char *file = mb_strdup(name);
        if (!file) return false;
        file[strcspn(file, ",")] = '\0';
        const bool here_it_is = mb_paths_is_file(file);
        free(file);
        if (!here_it_is) continue;
        arguments->policies[i] = keep(entered, &kept, name, here);
        if (!arguments->policies[i]) return false;
    }
    return true;
}

static int merge(mb_entered *entered, mb_run_arguments *arguments, int argc, char **argv) {
    const mb_case *opened = &entered->opened;
    mb_error error = {0};
    size_t count = 0, packed_policies = 0;
    entered->words = calloc((size_t)argc + opened->option_count + 2, sizeof *entered->words);
    if (!entered->words) {
        mb_fail_memory(&error);
        return mb_cli_fail(&error);
    }
    entered->words[count++] = argv[0];
    for (size_t i = 0; i < opened->option_count; i++) {
        entered->words[count++] = opened->options[i];
        packed_policies += strcmp(opened->options[i], "--policy") == 0;
    }
    for (int i = 1; i < argc - 1; i++) // options were sorted before the only other word
        entered->words[count++] = argv[i];
    entered->words[count++] = opened->scenario;
    mb_run_arguments_deinit(arguments);
    int (*const parse)(int, char **, mb_run_arguments *) =
        strcmp(argv[0], "report") == 0 ? mb_report_arguments_parse
        : strcmp(argv[0], "plot") == 0 ? mb_plot_arguments_parse
                                       : mb_run_arguments_parse;
    const int code = parse((int)count, entered->words, arguments);
    if (code) return code;
    if (!rename_paths(entered, arguments, packed_policies)) {
        mb_fail_memory(&error);
        return mb_cli_fail(&error);
    }
    return 0;
}

int mb_enter_case(mb_entered *entered, mb_run_arguments *arguments, int argc, char **argv) {
    mb_error error = {0};
    char *root = NULL;
    *entered = (mb_entered){0};
    mb_stop_on_signals(); // its files are removed whatever happens
    mb_status status = mb_paths_root(&root, &error);
    if (status == MB_OK)
        status = mb_case_open(&entered->opened, arguments->scenario, root, mb_stop_flag(), &error);
    free(root);
    if (status != MB_OK) return mb_cli_fail(&error);
    const int code = merge(entered, arguments, argc, argv);
    if (code) return code;
    return mb_case_enter(&entered->opened, &error) == MB_OK ? 0 : mb_cli_fail(&error);
}

void mb_leave_case(mb_entered *entered) {
    for (char **path = entered->renamed; path && *path; path++)
        free(*path);
    free(entered->renamed);
    free(entered->words);
    mb_error error = {0};
    if (mb_case_close(&entered->opened, &error) != MB_OK) mb_cli_fail(&error); // and what was done stands
    entered->renamed = entered->words = NULL;
}
