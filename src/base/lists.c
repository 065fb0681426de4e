// SPDX-License-Identifier: MIT
#include "base/lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 4096 };

// A whole number, with k for 1,024; *end is behind it. False if there is none, or one above 2^40.
static bool read_whole(const char *text, const char **end, uint64_t *value) {
    if (*text < '0' || *text > '9') return false;
    char *stop;
    errno = 0;
    unsigned long long number = strtoull(text, &stop, 10);
    if (errno || number > (1ull << 40)) return false;
    if (*stop == 'k' || *stop == 'K') {
        number *= 1024;
        stop++;
    }
    *end = stop;
    *value = number;
    return number <= (1ull << 40);
}

static bool add_value(mb_list *list, uint64_t value) {
    if (value == 0 || list->count == MOST_VALUES) return false;
    uint64_t *grown = realloc(list->values, (list->count + 1) * sizeof *grown);
    if (!grown) return false;
    list->values = grown;
    grown[list->count++] = value;
    return true;
}

// "8", "1..9", "1..9:2", "512..131072:x2"
static bool read_range(const char *text, const char **end, mb_list *list) {
    uint64_t low, high, step = 1;
    if (!read_whole(text, &text, &low)) return false;
    bool factor = false;
    high = low;
    if (strncmp(text, "..", 2) == 0) {
        if (!read_whole(text + 2, &text, &high) || high < low) return false;
        if (*text == ':') {
            factor = text[1] == 'x';
            if (!read_whole(text + 1 + factor, &text, &step)) return false;
        }
    }
    if (step < 1 + (uint64_t)factor) return false;
    for (uint64_t value = low; value <= high; value = factor ? value * step : value + step)
        if (!add_value(list, value)) return false;
    *end = text;
    return true;
}

bool mb_list_parse(const char *text, mb_list *list) {
    list->count = 0;
    for (const char *at = text;; at++) {
        if (!read_range(at, &at, list)) return false;
        if (*at == '\0') return true;
        if (*at != ',') return false;
    }
}
