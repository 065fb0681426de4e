// SPDX-License-Identifier: MIT
// mbsand new KIND NAME: a starting point in the current folder.
#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "report/fitting.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct kind {
    const char *name, *template;
    mb_status (*find)(const char *root, const char *folder, const char *name, char **path, mb_error *error);
    const char *try; // what comes before its file
} kind;

static mb_status find_scenario(const char *root, const char *folder, const char *name, char **path,
                               mb_error *error) {
    (void)folder;
    return mb_paths_find_scenario(root, name, path, error);
}

static const kind KINDS[] = {
    {"policy", "lua/template_policy.lua", mb_paths_find_policy, "scenarios/burst.lua --policy ./"},
    {"router", "lua/template_router.lua", mb_paths_find_policy, "continuous_burst --policy ./"},
    {"rule", "lua/template_rule.lua", mb_paths_find_bin_rule,
     "scenarios/burst.lua --policy multi_bin_dynamic,rule=./"},
    {"test", "lua/template_test.lua", find_scenario, "test ./"},
    {"scenario", "lua/template_scenario.lua", find_scenario, "./"},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static void print_help(void) {
    mb_print_help(
        "usage: mbsand new policy|router|rule|scenario|test NAME [--like OTHER]\n\n"
        "Write NAME.lua, a commented starting point that runs as it is, into the current folder. What is "
        "there\n"
        "already is not overwritten.\n\n"
        "      --like OTHER         a copy of this one, bundled or a file: --like sarathi\n"
        "  -h, --help               this text\n");
}

static bool good_name(const char *name) {
    if (!*name) return false;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_'))
            return false;
    return true;
}

// The text with NAME replaced.
static void add_named(mb_strbuf *text, const char *template, const char *name) {
    const char *rest = template;
    for (const char *at; (at = strstr(rest, "NAME")); rest = at + 4) {
        mb_strbuf_add_bytes(text, rest, (size_t)(at - rest));
        mb_strbuf_add(text, name);
    }
    mb_strbuf_add(text, rest);
}

static mb_status read_start(const kind *what, const char *name, const char *like, mb_strbuf *text,
                            mb_error *error) {
    char *root = NULL, *path = NULL;
    mb_strbuf whole = {0};
    mb_status status = mb_paths_root(&root, error);
    if (status == MB_OK && like) status = what->find(root, NULL, like, &path, error);
    if (status == MB_OK && !like && !(path = mb_paths_join(root, what->template)))
        status = mb_fail_memory(error);
    if (status == MB_OK) status = mb_paths_read(path, 1u << 20, &whole, error);
    const char *script = status == MB_OK ? whole.text : "";
    if (like) { // a shebang line would not come first any more
        mb_strbuf_printf(text, "-- %s: made from %s of mbsand %s.\n", name, like, MB_VERSION);
        mb_strbuf_add(text, strncmp(script, "#!", 2) == 0 ? strchr(script, '\n') : script);
    } else
        add_named(text, script, name);
    mb_strbuf_deinit(&whole);
    free(path);
    free(root);
    return status == MB_OK && text->failed ? mb_fail_memory(error) : status;
}

static mb_status write_new(const char *path, const mb_strbuf *text, mb_error *error) {
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (descriptor < 0 && errno == EEXIST)
        return mb_fail(error, MB_BAD_INPUT, "%s: exists already; choose another name", path);
    if (descriptor < 0) return mb_fail(error, MB_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    const bool whole = write(descriptor, text->text, text->length) == (ssize_t)text->length;
    const int reason = errno;
    if (close(descriptor) == 0 && whole) return MB_OK;
    unlink(path);
    return mb_fail(error, MB_FAILED, "%s: cannot be written: %s", path, strerror(whole ? errno : reason));
}

static mb_status make(const kind *what, const char *name, const char *like, mb_error *error) {
    mb_strbuf text = {0}, path = {0};
    mb_strbuf_printf(&path, "%s.lua", name);
    mb_status status = path.text ? read_start(what, name, like, &text, error) : mb_fail_memory(error);
    if (status == MB_OK) status = write_new(path.text, &text, error);
    if (status == MB_OK) printf("%s written; try: mbsand %s%s\n", path.text, what->try, path.text);
    mb_strbuf_deinit(&text);
    mb_strbuf_deinit(&path);
    return status;
}

int mb_cmd_new(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"like", required_argument, NULL, MB_OPTION_WORDS},
                                            {NULL, 0, NULL, 0}};
    const char *like = NULL;
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'h') {
            print_help();
            return mb_cli_finish();
        }
        if (option != MB_OPTION_WORDS) return mb_cli_wrong_option("new", options, option, argv);
        like = optarg;
    }
    const kind *what = NULL;
    for (int i = 0; i < KIND_COUNT && optind < argc; i++)
        if (strcmp(argv[optind], KINDS[i].name) == 0) what = &KINDS[i];
    if (optind + 2 != argc || !what)
        return mb_cli_usage("new",
                            "expected: mbsand new policy|router|rule|scenario|test NAME [--like OTHER]");
    const char *name = argv[optind + 1];
    if (!good_name(name))
        return mb_cli_usage("new", "'%s' is not a good name; use letters, digits and underscores", name);
    mb_error error = {0};
    return make(what, name, like, &error) == MB_OK ? mb_cli_finish() : mb_cli_fail(&error);
}
