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

static const char *sound_value(const char *text, const char *end, unsigned depth);

static const char *sound_container(const char *text, const char *end, unsigned depth) {
    const bool is_object = *text == '{';
    const char close = is_object ? '}' : ']';
    text = spaces(text + 1, end);
    if (text < end && *text == close) return text + 1;
    for (;;) {
        if (is_object) {
            if (text == end || *text != '"') return NULL;
            text = sound_string(text, end);
            if (!text) return NULL;
            text = spaces(text, end);
            if (text == end || *text != ':') return NULL;
            text = spaces(text + 1, end);
        }
        text = sound_value(text, end, depth);
        if (!text) return NULL;
        text = spaces(text, end);
        if (text < end && *text == close) return text + 1;
        if (text == end || *text != ',') return NULL;
        text = spaces(text + 1, end);
    }
}

static const char *sound_value(const char *text, const char *end, unsigned depth) {
    if (text == end || depth == MOST_DEPTH) return NULL;
    if (*text == '{' || *text == '[') return sound_container(text, end, depth + 1);
    if (*text == '"') return sound_string(text, end);
    return *text == '-' || is_digit(*text) ? sound_number(text, end) : sound_word(text, end);
}

bool mb_json_is_sound(const char *text, size_t length) {
    const char *end = text + length;
    text = sound_value(spaces(text, end), end, 0);
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

typedef struct search {
    size_t count;
    mb_json_place *places;
} search;

// What is left of each path below the value; NULL: it does not lead there. All paths that end at it find it.
static void look_into(const search *s, const char *value, const char *const *rests);

// The member `key` of what the paths lead to: those that go on there.
static void take_member(const search *s, const char *key, size_t length, const char *value, const char *end,
                        const char *const *rests) {
    const char *below[MOST_PATHS] = {NULL};
    bool goes_on = false;
    for (size_t i = 0; i < s->count; i++) {
        const char *rest = rests[i];
        if (!rest || strncmp(rest, key, length) != 0) continue;
        mb_json_place *place = &s->places[i];
        const bool leads_on = rest[length] == '.', is_null = *value == 'n';
        if (rest[length] == '\0' || (leads_on && is_null && !place->text)) {
            place->doubled = place->text != NULL && rest[length] == '\0' && *place->text != 'n';
            place->text = value;
            place->end = end;
        } else if (leads_on) {
            below[i] = rest + length + 1;
            goes_on = true;
        }
    }
    if (goes_on && (*value == '{' || *value == '[')) look_into(s, value, below);
}

static void look_into(const search *s, const char *value, const char *const *rests) {
    const bool is_object = *value == '{';
    const char close = is_object ? '}' : ']';
    const char *text = mb_json_skip_space(value + 1);
    for (unsigned long number = 0; *text != close; number++) {
        char place[24];
        const char *key = place;
        size_t length;
        if (is_object) {
            const char *after = skip_string(text);
            key = text + 1;
            length = (size_t)(after - key) - 1;
            text = mb_json_skip_space(mb_json_skip_space(after) + 1);
        } else {
            length = (size_t)snprintf(place, sizeof place, "%lu", number);
        }
        const char *end = mb_json_skip(text);
        take_member(s, key, length, text, end, rests);
        text = mb_json_skip_space(end);
        if (*text == ',') text = mb_json_skip_space(text + 1);
    }
}

void mb_json_find(const char *text, const char *const *paths, size_t count, mb_json_place *places) {
    const search s = {count < MOST_PATHS ? count : MOST_PATHS, places};
    for (size_t i = 0; i < count; i++)
        places[i] = (mb_json_place){0};
    look_into(&s, mb_json_skip_space(text), paths);
}
