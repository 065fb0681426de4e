// SPDX-License-Identifier: MIT
// mbsand list policies|bins|scenarios
#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/commands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void print_help(void) {
    fputs("usage: mbsand list policies|bins|scenarios\n\n"
          "Names of what is bundled, each with the first sentence of its script.\n",
          stdout);
}

// Of standard output, if that is a terminal; else as wide as the tables of `mbsand run`.
static size_t page_width(void) {
    struct winsize size;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 100;
}

// Add the comment that a script starts with, as one line of text.
static void read_comment(const char *path, mb_strbuf *text) {
    FILE *file = fopen(path, "r");
    if (!file) return;
    char line[512];
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#' && !text->length) continue; // a shebang line
        if (strncmp(line, "--", 2) != 0) break;
        const char *start = line + 2 + strspn(line + 2, " ");
        if (text->length) mb_strbuf_add(text, " ");
        mb_strbuf_add_bytes(text, start, strcspn(start, "\r\n"));
    }
    fclose(file);
}

// Length of the first sentence, or of all there is.
static size_t sentence_length(const char *text) {
    for (const char *stop = text; (stop = strpbrk(stop, ".?")); stop++)
        if (stop[1] == ' ') return (size_t)(stop - text) + 1;
    return strlen(text);
}

// Words of `text` in lines that end before `width`, each but the first behind `indent` blanks.
static void print_wrapped(const char *text, size_t length, size_t indent, size_t width) {
    size_t column = indent;
    const char *end = text + length;
    for (const char *word = text; word < end;) {
        const char *blank = memchr(word, ' ', (size_t)(end - word));
        const size_t letters = (size_t)((blank ? blank : end) - word);
        if (column > indent && column + 1 + letters > width) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)letters, word);
        column += letters;
        word += letters + strspn(word + letters, " ");
    }
    putchar('\n');
}

// The first sentence of a script's first comment, without the script's own name in front: what it is.
static void print_summary(const char *path, const char *name, size_t indent) {
    mb_strbuf comment = {0};
    read_comment(path, &comment);
    const char *text = comment.text ? comment.text : "";
    const char *own = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    const char *colon = strstr(text, ": ");
    if (colon && strncmp(text, own, strlen(own)) == 0) text = colon + 2;
    printf("  %-*s", (int)indent - 2, name);
    print_wrapped(text, sentence_length(text), indent, page_width());
    mb_strbuf_deinit(&comment);
}

static mb_status list(const char *folder, mb_error *error) {
    char *root = NULL, **names = NULL;
    size_t count = 0, longest = 0;
    mb_status status = mb_paths_root(&root, error);
    if (status == MB_OK) status = mb_paths_list(root, folder, ".lua", &names, &count, error);
    for (size_t i = 0; i < count && status == MB_OK; i++)
        if (strlen(names[i]) > longest) longest = strlen(names[i]);
    for (size_t i = 0; i < count && status == MB_OK; i++) {
        char path[2048];
        snprintf(path, sizeof path, "%s/%s/%s.lua", root, folder, names[i]);
        print_summary(path, names[i], longest + 4);
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
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option != 'h') return mb_cli_usage("list", "no option %s", argv[optind - 1]);
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
