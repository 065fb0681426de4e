// SPDX-License-Identifier: MIT
#include "base/strbuf.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(mb_strbuf *buffer, size_t more) {
    if (buffer->failed) return false;
    const size_t needed = buffer->length + more + 1;
    if (needed <= buffer->capacity) return true;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    char *text = realloc(buffer->text, capacity);
    if (!text) {
        buffer->failed = true;
        return false;
    }
    buffer->text = text;
    buffer->capacity = capacity;
    return true;
}

void mb_strbuf_add_bytes(mb_strbuf *buffer, const char *bytes, size_t count) {
    if (!reserve(buffer, count)) return;
    if (count) memcpy(buffer->text + buffer->length, bytes, count);
    buffer->length += count;
    buffer->text[buffer->length] = '\0';
}

void mb_strbuf_add(mb_strbuf *buffer, const char *text) {
    mb_strbuf_add_bytes(buffer, text, strlen(text));
}

void mb_strbuf_printf(mb_strbuf *buffer, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length >= 0 && reserve(buffer, (size_t)length)) {
        vsnprintf(buffer->text + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
}

void mb_strbuf_deinit(mb_strbuf *buffer) {
    free(buffer->text);
    *buffer = (mb_strbuf){0};
}

void mb_digits(char *text, size_t size, double value, int digits) {
    snprintf(text, size, "%.*g", digits, value);
    const bool large = fabs(value) >= 1 && fabs(value) < 1e15;
    if (large && strchr(text, 'e')) snprintf(text, size, "%.0f", value);
}

void mb_strbuf_digits(mb_strbuf *buffer, double value, int digits) {
    char text[40];
    mb_digits(text, sizeof text, value, digits);
    mb_strbuf_add(buffer, text);
}

char *mb_strdup(const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

// Levenshtein distance, on the first 63 characters.
static size_t edit_distance(const char *a, const char *b) {
    size_t row[64];
    const size_t n = strnlen(a, 63), m = strnlen(b, 63);
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            const size_t change = diagonal + (a[i - 1] != b[j - 1]);
            const size_t drop = row[j] + 1, insert = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < drop ? change : drop;
            if (insert < row[j]) row[j] = insert;
        }
    }
    return row[m];
}

// "h100" for "h100-80gb": the shortest that begins so; NULL: none, or of hardly a letter.
static const char *shortest_with(const char *word, const char *const *candidates, size_t count) {
    const char *best = NULL;
    const size_t length = strlen(word);
    for (size_t i = 0; length >= 3 && i < count; i++)
        if (strncmp(candidates[i], word, length) == 0 && (!best || strlen(candidates[i]) < strlen(best)))
            best = candidates[i];
    return best;
}

static const char *nearest_within(size_t most, const char *word, const char *const *candidates,
                                  size_t count) {
    const char *best = NULL;
    size_t best_distance = most + 1;
    for (size_t i = 0; i < count; i++) {
        const size_t distance = edit_distance(word, candidates[i]);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    return best;
}

const char *mb_nearest_word(const char *word, const char *const *candidates, size_t count) {
    const char *best = nearest_within(strlen(word) / 2, word, candidates, count);
    return best ? best : shortest_with(word, candidates, count);
}

const char *mb_misspelt_word(const char *word, const char *const *candidates, size_t count) {
    return nearest_within(strlen(word) < 3 ? 1 : strlen(word) / 3, word, candidates, count);
}

// Length of the character at `c` in UTF-8, or 0 where it is none that may be shown.
static size_t shown(const unsigned char *c) {
    if (c[0] < 0x80) return c[0] >= 32 && c[0] != 127;
    if (c[0] < 0xC2 || c[0] > 0xF4) return 0;
    const size_t length = c[0] >= 0xF0 ? 4 : c[0] >= 0xE0 ? 3 : 2;
    uint32_t code = c[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xC0) != 0x80) return 0;
        code = code << 6 | (c[i] & 0x3Fu);
    }
    const bool turns = code == 0x61C || code == 0x200E || code == 0x200F ||
                       (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
    return code < 0xA0 || turns ? 0 : length;
}

void mb_make_printable(char *text, const char *kept) {
    while (*text) {
        const size_t length = shown((const unsigned char *)text);
        if (!length && !strchr(kept, *text)) *text = '?';
        text += length ? length : 1;
    }
}

void mb_add_printable(mb_strbuf *buffer, const char *text) {
    const size_t before = buffer->length;
    mb_strbuf_add(buffer, text);
    if (buffer->text && before <= buffer->length) mb_make_printable(buffer->text + before, "");
}
