// SPDX-License-Identifier: MIT
// mbsand list policies|bins|scenarios
#include "base/paths.h"
#include "cli/commands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void) {
    fputs("usage: mbsand list policies|bins|scenarios\n\n"
          "Names of what is bundled, each with the first line of its script.\n",
          stdout);
}

// The first comment line of a script, without its dashes and its own name: what the script is, in a line.
static void print_summary(const char *path, const char *name) {
    FILE *file = fopen(path, "r");
    char line[256] = "";
    if (file) {
        while (fgets(line, sizeof line, file) && line[0] == '#') line[0] = '\0';
        fclose(file);
    }
    const char *text = line;
    if (strncmp(text, "--", 2) == 0) text += 2 + strspn(text + 2, " ");
    else text = "";
    const char *own = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    const char *colon = strstr(text, ": ");
    if (colon && strncmp(text, own, strlen(own)) == 0) text = colon + 2;
    printf("  %-28s%.*s\n", name, (int)strcspn(text, "\r\n"), text);
}

static mb_status list(const char *folder, mb_error *error) {
    char *root = NULL, **names = NULL;
    size_t count = 0;
    mb_status status = mb_paths_root(&root, error);
    if (status == MB_OK) status = mb_paths_list(root, folder, &names, &count, error);
    for (size_t i = 0; i < count && status == MB_OK; i++) {
        char path[2048];
        snprintf(path, sizeof path, "%s/%s/%s.lua", root, folder, names[i]);
        print_summary(path, names[i]);
    }
    mb_paths_free_names(names, count);
    free(root);
    return status;
}

int mb_cmd_list(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    static const char *const folders[][2] = {
        {"policies", "policies"}, {"bins", "policies/bins"}, {"scenarios", "scenarios"}};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option != 'h') return 2;
        print_help();
        return mb_cli_finish();
    }
    if (optind + 1 != argc) return mb_cli_usage("list", "list needs one of: policies, bins, scenarios");
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (strcmp(argv[optind], folders[i][0]) != 0) continue;
        mb_error error = {0};
        return list(folders[i][1], &error) == MB_OK ? mb_cli_finish() : mb_cli_fail(&error);
    }
    return mb_cli_usage("list", "'%s' cannot be listed; expected policies, bins or scenarios", argv[optind]);
}
