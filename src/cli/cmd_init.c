// SPDX-License-Identifier: MIT
// mbsand init DIR: the program's scripts and data, to be edited and run there.
#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/new_file.h"
#include "report/fitting.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const FOLDERS[] = {"policies", "scenarios", "lua", "data"};
enum { FOLDER_COUNT = sizeof FOLDERS / sizeof *FOLDERS };

// For editors: where the annotations lie.
static const char EDITOR[] = "{ \"workspace.library\": [\"lua/meta\"], \"runtime.version\": \"Lua 5.4\" }\n";
static const char MARK[] =
    "Scenarios in the folder beside this file take policies, rules, models and data from the "
    "folders beside it first.\nWritten by mbsand " MB_VERSION ".\n";

static void print_help(void) {
    mb_print_help(
        "usage: mbsand init DIR\n\n"
        "Write the bundled policies, scenarios, data and Lua modules into DIR, which is new or empty, to "
        "edit "
        "and\n"
        "run them there: `mbsand DIR/scenarios/burst.lua` takes policies, bin-boundary rules, models and "
        "data "
        "by\n"
        "name from DIR first. DIR/lua has the annotations for editors, which DIR/.luarc.json names, and the\n"
        "modules that scripts may read; the program runs its own unless MBSAND_HOME=DIR.\n\n"
        "  -h, --help               this text\n");
}

static mb_status copy_file(const char *from, const char *to, mode_t mode, mb_error *error) {
    mb_strbuf text = {0};
    mb_status status = mb_paths_read(from, 1u << 30, &text, error);
    if (status == MB_OK) status = mb_new_file(to, text.text, text.length, mode & 0111 ? 0777 : 0666, error);
    mb_strbuf_deinit(&text);
    return status;
}

// What data/fetch brought is large, and found where it is.
static bool left_out(const char *name) {
    return name[0] == '.' || strcmp(name, "traces") == 0 || strcmp(name, "perf") == 0;
}

static mb_status copy_folder(const char *from, const char *to, mb_error *error);

static mb_status copy_entry(const char *from, const char *to, mb_error *error) {
    struct stat info;
    if (stat(from, &info) != 0)
        return mb_fail(error, MB_FAILED, "%s: cannot be read: %s", from, strerror(errno));
    return S_ISDIR(info.st_mode) ? copy_folder(from, to, error) : copy_file(from, to, info.st_mode, error);
}

static mb_status copy_folder(const char *from, const char *to, mb_error *error) {
    DIR *folder = opendir(from);
    if (!folder) return mb_fail(error, MB_FAILED, "%s: cannot be read: %s", from, strerror(errno));
    mb_status status = mkdir(to, 0777) == 0 ? MB_OK : mb_not_written(to, errno, error);
    for (const struct dirent *entry; status == MB_OK && (entry = readdir(folder));) {
        if (left_out(entry->d_name)) continue;
        char *source = mb_paths_join(from, entry->d_name), *target = mb_paths_join(to, entry->d_name);
        status = source && target ? copy_entry(source, target, error) : mb_fail_memory(error);
        free(source);
        free(target);
    }
    closedir(folder);
    return status;
}

static mb_status open_new(const char *path, mb_error *error) {
    if (mkdir(path, 0777) == 0) return MB_OK;
    if (errno != EEXIST) return mb_not_written(path, errno, error);
    DIR *folder = opendir(path);
    if (!folder && errno == ENOTDIR)
        return mb_fail(error, MB_BAD_INPUT, "%s: is a file; expected a new or an empty folder", path);
    if (!folder) return mb_not_written(path, errno, error);
    bool empty = true;
    for (const struct dirent *entry; empty && (entry = readdir(folder));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    return empty ? MB_OK
                 : mb_fail(error, MB_BAD_INPUT,
                           "%s: is not empty; expected a new or an empty folder, so that nothing of "
                           "yours is written over",
                           path);
}

static mb_status write_named(const char *folder, const char *name, const char *text, mb_error *error) {
    char *path = mb_paths_join(folder, name);
    const mb_status status =
        path ? mb_new_file(path, text, strlen(text), 0666, error) : mb_fail_memory(error);
    free(path);
    return status;
}

static mb_status fill(const char *target, mb_error *error) {
    char *root = NULL;
    mb_status status = mb_paths_root(&root, error);
    if (status == MB_OK) status = open_new(target, error);
    for (int i = 0; i < FOLDER_COUNT && status == MB_OK; i++) {
        char *from = mb_paths_join(root, FOLDERS[i]), *to = mb_paths_join(target, FOLDERS[i]);
        status = from && to ? copy_folder(from, to, error) : mb_fail_memory(error);
        free(from);
        free(to);
    }
    if (status == MB_OK) status = write_named(target, ".luarc.json", EDITOR, error);
    if (status == MB_OK) status = write_named(target, MB_PATHS_MARK, MARK, error);
    free(root);
    return status;
}

int mb_cmd_init(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option != 'h') return mb_cli_wrong_option("init", options, option, argv);
        print_help();
        return mb_cli_finish();
    }
    if (optind + 1 != argc)
        return mb_cli_usage("init", "into which folder? For example: mbsand init sandbox");
    mb_error error = {0};
    if (fill(argv[optind], &error) != MB_OK) return mb_cli_fail(&error);
    mb_cli_say(stdout, "%s written; try: mbsand %s/scenarios/burst.lua\n", argv[optind], argv[optind]);
    return mb_cli_finish();
}
