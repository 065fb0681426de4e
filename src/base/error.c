// SPDX-License-Identifier: MIT
#include "base/error.h"

#include "base/strbuf.h"

#include <stdio.h>

static void fill(mb_error *error, mb_status status, const char *prefix, const char *format,
                 va_list arguments) {
    error->status = status;
    error->traceback[0] = '\0';
    int used = snprintf(error->message, sizeof error->message, "%s", prefix);
    if (used < 0 || (size_t)used >= sizeof error->message) return;
    vsnprintf(error->message + used, sizeof error->message - (size_t)used, format, arguments);
    mb_make_printable(error->message, ""); // it may quote a file, a script or the name of one
}

mb_status mb_fail(mb_error *error, mb_status status, const char *format, ...) {
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, "", format, arguments);
        va_end(arguments);
    }
    return status;
}

mb_status mb_fail_at(mb_error *error, mb_status status, const char *file, unsigned long line,
                     const char *format, ...) {
    if (error) {
        char prefix[1024];
        snprintf(prefix, sizeof prefix, "%s:%lu: ", file, line);
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, prefix, format, arguments);
        va_end(arguments);
    }
    return status;
}

mb_status mb_fail_memory(mb_error *error) {
    return mb_fail(error, MB_FAILED, "out of memory");
}
