// SPDX-License-Identifier: MIT
// How every verb ends: with a sentence on standard error, or with standard output safely written.
#include "base/strbuf.h"
#include "cli/commands.h"
#include "report/fitting.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mb_cli_fail(const mb_error *error) {
    mb_cli_say(stderr, "mbsand: %s\n", error->message);
    if (error->traceback[0]) fprintf(stderr, "%s\n", error->traceback);
    return error->status == MB_BAD_INPUT ? 2 : 1;
}

void mb_cli_put(const char *text) {
    mb_strbuf line = {0};
    mb_add_printable(&line, text);
    if (line.text) fputs(line.text, stdout);
    mb_strbuf_deinit(&line);
}

void mb_cli_say(FILE *out, const char *format, ...) {
    char text[8192]; // two paths and some words
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mb_make_printable(text, "\n");
    mb_print_fitting(out, text);
}

int mb_cli_usage(const char *verb_name, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mb_make_printable(text, "");
    mb_cli_say(stderr, "mbsand: %s; see `mbsand %s%s--help`\n", text, verb_name, verb_name[0] ? " " : "");
    return 2;
}

int mb_cli_wrong_option(const char *verb, const struct option *options, int found, char **argv) {
    enum { MOST = 64 };
    const char *given = argv[optind - 1], *names[MOST];
    char word[64];
    size_t count = 0;
    for (; count < MOST && options[count].name; count++)
        names[count] = options[count].name;
    const bool is_long = strncmp(given, "--", 2) == 0;
    for (size_t i = 0; i < count; i++) {
        if (!optopt || options[i].val != optopt) continue;
        if (found == ':' || options[i].has_arg) return mb_cli_usage(verb, "--%s needs a value", names[i]);
        return mb_cli_usage(verb, "--%s takes no value", names[i]);
    }
    // (Of several letters in one argument the next may be to come: the letter says which it is.)
    if (!is_long && optopt) return mb_cli_usage(verb, "no option -%c", optopt);
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given + 2 * is_long, "="), given + 2 * is_long);
    const char *near = is_long ? mb_nearest_word(word, names, count) : NULL;
    if (near) return mb_cli_usage(verb, "no option --%s; did you mean --%s?", word, near);
    return mb_cli_usage(verb, "no option %s", given);
}

int mb_cli_finish(void) {
    const int reason = fflush(stdout) == 0 ? 0 : errno; // of an earlier write, nobody knows any more
    if (!reason && !ferror(stdout)) return 0;
    fprintf(stderr, "mbsand: standard output cannot be written%s%s\n", reason ? ": " : "",
            reason ? strerror(reason) : "");
    return 1;
}
