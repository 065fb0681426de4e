// SPDX-License-Identifier: MIT
#include "plan/model_reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 30 }; // of any dimension: products of four stay exact enough, and a slip is caught

static const json_t *given(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value) ? value : NULL;
}

const json_t *mb_reader_get(const mb_reader *r, const char *key) {
    const json_t *value = given(r->inner, key);
    if (!value) value = given(json_object_get(r->inner, "attn_config"), key);
    if (!value) value = given(json_object_get(r->inner, "ffn_config"), key);
    return value ? value : given(r->outer, key);
}

void mb_reader_complain(mb_reader *r, const char *key, const json_t *value, const char *expected) {
    if (r->status) return;
    char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: %s is %.60s; expected %s", r->path, key,
                        shown ? shown : "?", expected);
    free(shown);
}

void mb_reader_fail(mb_reader *r, const char *format, ...) {
    if (r->status) return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    r->status = mb_fail(r->error, MB_BAD_INPUT, "%s: %s", r->path, text);
}

// A list with one number a layer, if that is the same everywhere (Hunyuan, Gemma 3n); else the value.
static const json_t *of_all_layers(const json_t *value) {
    const json_t *first = json_array_get(value, 0);
    for (size_t i = 1; i < json_array_size(value); i++)
        if (!json_equal(json_array_get(value, i), first)) return value;
    return first ? first : value;
}

uint32_t mb_reader_whole(mb_reader *r, const char *const *keys, uint32_t least) {
    for (; *keys; keys++) {
        const json_t *given = mb_reader_get(r, *keys);
        if (!given) continue;
        const json_t *value = of_all_layers(given);
        const double number = json_number_value(value);
        if (json_is_number(value) && number == floor(number) && number >= least && number <= MOST)
            return (uint32_t)number;
        mb_reader_complain(r, *keys, given,
                           json_is_array(given) ? "the same whole number in every layer"
                           : least              ? "a whole number from 1 on"
                                                : "a whole number from 0 on");
        return 0;
    }
    return 0;
}

uint32_t mb_reader_needed(mb_reader *r, const char *const *keys) {
    const uint32_t value = mb_reader_whole(r, keys, 1);
    if (!value) mb_reader_fail(r, "no %s; expected the keys of a Hugging Face config.json", keys[0]);
    return value;
}

bool mb_reader_flag(mb_reader *r, const char *key, bool otherwise) {
    const json_t *value = mb_reader_get(r, key);
    if (!value) return otherwise;
    if (!json_is_boolean(value)) mb_reader_complain(r, key, value, "true or false");
    return json_is_true(value);
}

const char *mb_reader_text(mb_reader *r, const char *key) {
    const json_t *value = mb_reader_get(r, key);
    if (value && !json_is_string(value)) mb_reader_complain(r, key, value, "a text");
    return json_string_value(value);
}

bool mb_reader_lists(const mb_reader *r, const char *key, uint32_t number) {
    const json_t *list = mb_reader_get(r, key);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_number_value(json_array_get(list, i)) == number) return true;
    return false;
}

double mb_reader_dtype(mb_reader *r, const char *key, double otherwise) {
    static const struct {
        const char *name;
        double bytes;
    } types[] = {{"bfloat16", 2}, {"float16", 2}, {"float32", 4}, {"float64", 8}, {"float8_e4m3fn", 1}};
    const char *name = mb_reader_text(r, key);
    if (!name) return otherwise;
    if (strncmp(name, "torch.", 6) == 0) name += 6;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0) return types[i].bytes;
    mb_reader_complain(r, key, mb_reader_get(r, key), "bfloat16, float16, float32 or float64");
    return otherwise;
}
