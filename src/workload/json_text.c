// SPDX-License-Identifier: MIT
#include "workload/json_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MOST_DEPTH 2048
#define MOST_PATHS 32

// ---- soundness (RFC 8259)

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *spaces(const char *text, const char *end) {
    while (text < end && is_space(*text))
        text++;
    return text;
}

// Each returns the end of what it reads, or NULL.

static const char *sound_string(const char *text, const char *end) {
    for (text++; text < end; text++) {
        if (*text == '"') return text + 1;
        if ((unsigned char)*text < 0x20) return NULL;
        if (*text != '\\') continue;
        if (++text == end || !strchr("\"\\/bfnrtu", *text) || !*text) return NULL;
        if (*text != 'u') continue;
        if (end - text < 5) return NULL;
        for (int i = 1; i <= 4; i++)
            if (!is_hex(text[i])) return NULL;
        text += 4;
    }
    return NULL;
}

static const char *digits(const char *text, const char *end) {
    const char *start = text;
    while (text < end && is_digit(*text))
        text++;
    return text > start ? text : NULL;
}

static const char *sound_number(const char *text, const char *end) {
    if (*text == '-') text++;
    if (text < end && *text == '0')
        text++;
    else
        text = digits(text, end);
    if (text && text < end && *text == '.') text = digits(text + 1, end);
    if (text && text < end && (*text == 'e' || *text == 'E')) {
        text++;
        if (text < end && (*text == '+' || *text == '-')) text++;
        text = digits(text, end);
    }
    return text;
}

static const char *sound_word(const char *text, const char *end) {
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++) {
        const size_t length = strlen(words[i]);
        if ((size_t)(end - text) >= length && memcmp(text, words[i], length) == 0) return text + length;
    }
    return NULL;
}

// Nearly all numbers are whole, and not the last thing in a text: a look at what follows tells.
static const char *sound_whole(const char *text, const char *end) {
    const char *after = text + 1;
    while (after < end && is_digit(*after))
        after++;
    if (*text != '0' && after < end && (*after == ',' || *after == ']' || *after == '}')) return after;
    return sound_number(text, end);
}

typedef struct search {
    size_t count;
    mb_json_place *places;
} search;

static const char *read_container(const search *s, const char *text, const char *end, unsigned depth,
                                  const char *const *rests);

static const char *sound_value(const char *text, const char *end, unsigned depth) {
    if (text == end || depth == MOST_DEPTH) return NULL;
    if (is_digit(*text)) return sound_whole(text, end);
    if (*text == '{' || *text == '[') return read_container(NULL, text, end, depth + 1, NULL);
    if (*text == '"') return sound_string(text, end);
    return *text == '-' ? sound_number(text, end) : sound_word(text, end);
}

// ---- values by their paths

// The value at `text` has the name `key`: those paths that lead to it find it, and it is read for those that
// go on below. `rests` are what is left of each path here; NULL: it does not lead here.
static const char *read_member(const search *s, const char *key, size_t length, const char *text,
                               const char *end, unsigned depth, const char *const *rests) {
    if (text == end) return NULL;
    const char *below[MOST_PATHS] = {NULL};
    bool goes_on = false, found = false;
    for (size_t i = 0; i < s->count; i++) {
        const char *rest = rests[i];
        if (!rest || (length && *rest != *key) || strncmp(rest, key, length) != 0) continue;
        mb_json_place *place = &s->places[i];
        const bool leads_on = rest[length] == '.', is_null = *text == 'n';
        if (rest[length] == '\0' || (leads_on && is_null && !place->text)) {
            place->doubled = place->text != NULL && rest[length] == '\0' && *place->text != 'n';
            place->text = text;
            found = true;
        } else if (leads_on) {
            below[i] = rest + length + 1;
            goes_on = true;
        }
    }
    const bool look_into = goes_on && (*text == '{' || *text == '[') && depth < MOST_DEPTH;
    const char *after =
        look_into ? read_container(s, text, end, depth + 1, below) : sound_value(text, end, depth);
    for (size_t i = 0; found && i < s->count; i++)
        if (s->places[i].text == text) s->places[i].end = after;
    return after;
}

// `s` NULL: nothing in it is wanted.
static const char *read_container(const search *s, const char *text, const char *end, unsigned depth,
                                  const char *const *rests) {
    const bool is_object = *text == '{';
    const char close = is_object ? '}' : ']';
    text = spaces(text + 1, end);
    if (text < end && *text == close) return text + 1;
    for (unsigned long number = 0;; number++) {
        const char *key = text;
        size_t length = 0;
        if (is_object) {
            if (text == end || *text != '"') return NULL;
            text = sound_string(text, end);
            if (!text) return NULL;
            length = (size_t)(text - ++key) - 1;
            text = spaces(text, end);
            if (text == end || *text != ':') return NULL;
            text = spaces(text + 1, end);
        }
        if (!s) {
            text = sound_value(text, end, depth);
        } else if (is_object) {
            text = read_member(s, key, length, text, end, depth, rests);
        } else {
            char place[24];
            length = (size_t)snprintf(place, sizeof place, "%lu", number);
            text = read_member(s, place, length, text, end, depth, rests);
        }
        if (!text) return NULL;
        text = spaces(text, end);
        if (text < end && *text == close) return text + 1;
        if (text == end || *text != ',') return NULL;
        text = spaces(text + 1, end);
    }
}

bool mb_json_read(const char *text, size_t length, const char *const *paths, size_t count,
                  mb_json_place *places) {
    const search s = {count < MOST_PATHS ? count : MOST_PATHS, places};
    for (size_t i = 0; i < count; i++)
        places[i] = (mb_json_place){0};
    const char *end = text + length;
    text = spaces(text, end);
    text = text < end && *text == '{' ? read_container(&s, text, end, 1, paths) : sound_value(text, end, 0);
    return text && spaces(text, end) == end;
}

// ---- walking over a sound text

const char *mb_json_skip_space(const char *text) {
    while (is_space(*text))
        text++;
    return text;
}

static const char *skip_string(const char *text) {
    for (text++; *text != '"'; text++)
        if (*text == '\\') text++;
    return text + 1;
}

const char *mb_json_skip(const char *text) {
    if (*text == '"') return skip_string(text);
    if (*text != '{' && *text != '[') {
        while (*text != ',' && *text != '}' && *text != ']' && !is_space(*text))
            text++;
        return text;
    }
    unsigned depth = 0;
    for (;;) {
        if (*text == '"') {
            text = skip_string(text);
            continue;
        }
        if (*text == '{' || *text == '[') depth++;
        if ((*text == '}' || *text == ']') && --depth == 0) return text + 1;
        text++;
    }
}
