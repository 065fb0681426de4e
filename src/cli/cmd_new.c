// SPDX-License-Identifier: MIT
// mbsand new policy NAME: a commented starting point in the current folder.
#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(void) {
    fputs("usage: mbsand new policy NAME\n\n"
          "Write NAME.lua, a commented policy that runs as it is, into the current folder.\n",
          stdout);
}

static bool good_name(const char *name) {
    if (!*name) return false;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_'))
            return false;
    return true;
}

// The template with NAME replaced.
static mb_status read_template(const char *name, mb_strbuf *text, mb_error *error) {
    char *root = NULL, line[512];
    mb_status status = mb_paths_root(&root, error);
    char *path = status == MB_OK ? mb_paths_join(root, "lua/template_policy.lua") : NULL;
    FILE *file = path ? fopen(path, "r") : NULL;
    if (status == MB_OK && !file)
        status =
            mb_fail(error, MB_FAILED, "%s: cannot be read: %s", path ? path : "template", strerror(errno));
    while (file && fgets(line, sizeof line, file)) {
        const char *rest = line;
        for (const char *at; (at = strstr(rest, "NAME")); rest = at + 4) {
            mb_strbuf_add_bytes(text, rest, (size_t)(at - rest));
            mb_strbuf_add(text, name);
        }
        mb_strbuf_add(text, rest);
    }
    if (file) fclose(file);
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

int mb_cmd_new(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option != 'h') return mb_cli_usage("new", "no option %s", argv[optind - 1]);
        print_help();
        return mb_cli_finish();
    }
    if (optind + 2 != argc || strcmp(argv[optind], "policy") != 0)
        return mb_cli_usage("new", "expected: mbsand new policy NAME");
    const char *name = argv[optind + 1];
    if (!good_name(name))
        return mb_cli_usage("new", "'%s' is not a good name; use letters, digits and underscores", name);
    mb_error error = {0};
    mb_strbuf text = {0}, path = {0};
    mb_strbuf_printf(&path, "%s.lua", name);
    mb_status status = path.text ? read_template(name, &text, &error) : mb_fail_memory(&error);
    if (status == MB_OK) status = write_new(path.text, &text, &error);
    if (status == MB_OK)
        printf("%s written; try: mbsand scenarios/burst.lua --policy ./%s\n", path.text, path.text);
    mb_strbuf_deinit(&text);
    mb_strbuf_deinit(&path);
    return status == MB_OK ? mb_cli_finish() : mb_cli_fail(&error);
}
