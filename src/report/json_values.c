// SPDX-License-Identifier: MIT
#include "report/json_values.h"

#include "base/strbuf.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

void mb_json_set(bool *lost, json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) != 0) *lost = true;
}

void mb_json_append(bool *lost, json_t *array, json_t *value) {
    if (json_array_append_new(array, value) != 0) *lost = true;
}

json_t *mb_json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

// A text that is not UTF-8 (a message cut within a character, a script in Latin-1) loses its other
// characters.
json_t *mb_json_text(const char *text) {
    json_t *value = text ? json_string(text) : json_null();
    if (value) return value;
    char *ascii = mb_strdup(text);
    for (char *c = ascii; c && *c; c++)
        if ((unsigned char)*c >= 128) *c = '?';
    value = ascii ? json_string(ascii) : NULL;
    free(ascii);
    return value;
}
