// SPDX-License-Identifier: MIT
// How every verb ends: with a sentence on standard error, or with standard output safely written.
#include "cli/commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mb_cli_fail(const mb_error *error) {
    fprintf(stderr, "mbsand: %s\n", error->message);
    if (error->traceback[0]) fprintf(stderr, "%s\n", error->traceback);
    return error->status == MB_BAD_INPUT ? 2 : 1;
}

int mb_cli_usage(const char *verb_name, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("mbsand: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see `mbsand %s%s--help`\n", verb_name, verb_name[0] ? " " : "");
    return 2;
}

int mb_cli_finish(void) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    fprintf(stderr, "mbsand: standard output cannot be written: %s\n", strerror(errno));
    return 1;
}
