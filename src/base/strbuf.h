// SPDX-License-Identifier: MIT
// A growing string.
#pragma once
#include <stdbool.h>
#include <stddef.h>

typedef struct mb_strbuf {
    char *text; // always NUL-terminated once anything was added; NULL before
    size_t length, capacity;
    bool failed; // an allocation failed; the text is then cut short
} mb_strbuf;

void mb_strbuf_add(mb_strbuf *buffer, const char *text);
void mb_strbuf_add_bytes(mb_strbuf *buffer, const char *bytes, size_t count);
void mb_strbuf_printf(mb_strbuf *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mb_strbuf_deinit(mb_strbuf *buffer);

// For what reaches a terminal: control characters (Unicode's, too), marks that turn a line's direction and
// bytes that are no UTF-8 become '?', except those in `kept` ("\n\t").
void mb_make_printable(char *text, const char *kept);
// Add a text of which this is true; none are kept.
void mb_add_printable(mb_strbuf *buffer, const char *text);

// A number with so many significant digits, and without an exponent where it can be read without: "100",
// "1234", "0.53".
void mb_digits(char *text, size_t size, double value, int digits);
// The same, added.
void mb_strbuf_digits(mb_strbuf *buffer, double value, int digits);

// Copy of a string; the caller frees it. NULL when out of memory.
char *mb_strdup(const char *text);
// The candidate nearest to `word` in edit distance, or the shortest that begins with it; NULL if none is
// close enough to suggest.
const char *mb_nearest_word(const char *word, const char *const *candidates, size_t count);
// The one of which the word is a slip of the pen: two letters of three are right. NULL: none. For so many
// candidates that some word is always halfway near.
const char *mb_misspelt_word(const char *word, const char *const *candidates, size_t count);
