// SPDX-License-Identifier: MIT
#include "report/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LEAST_WIDTH = 40 };

size_t mb_terminal_width(FILE *out, size_t otherwise) {
    struct winsize size;
    const int descriptor = fileno(out);
    if (isatty(descriptor) != 1 || ioctl(descriptor, TIOCGWINSZ, &size) != 0 || !size.ws_col)
        return otherwise;
    return size.ws_col < LEAST_WIDTH ? LEAST_WIDTH : size.ws_col;
}

bool mb_locale_utf8(bool unsaid) {
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8") ||
                   strstr(value, "utf-8");
    }
    return unsaid;
}

const char *mb_plus_minus(void) {
    return mb_locale_utf8(true) ? "±" : "+/-";
}

void mb_add_spelled(mb_strbuf *buffer, const char *text) {
    const char *sign;
    while (!mb_locale_utf8(true) && (sign = strstr(text, "±"))) {
        mb_strbuf_add_bytes(buffer, text, (size_t)(sign - text));
        mb_strbuf_add(buffer, mb_plus_minus());
        text = sign + strlen("±");
    }
    mb_strbuf_add(buffer, text);
}
