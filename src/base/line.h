// SPDX-License-Identifier: MIT
// Lines of files that others wrote, which need not be text.
#pragma once
#include <stddef.h>
#include <stdio.h>

typedef enum mb_line { MB_LINE, MB_LINE_NONE, MB_LINE_TOO_LONG } mb_line;

// The next line, without its end, to `text`, which has room for `size` bytes.
static inline mb_line mb_line_read(FILE *file, char *text, size_t size) {
    size_t length = 0;
    int c;
    while ((c = getc_unlocked(file)) != EOF && c != '\n') {
        if (length + 1 == size) return MB_LINE_TOO_LONG;
        text[length++] = (char)c;
    }
    text[length] = '\0';
    return c == EOF && length == 0 ? MB_LINE_NONE : MB_LINE;
}
