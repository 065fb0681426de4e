// SPDX-License-Identifier: MIT
// Values in JSON, and adding them.
#pragma once
#include <stdbool.h>

struct json_t;

// Add a new value; sets *lost when out of memory.
void mb_json_set(bool *lost, struct json_t *object, const char *key, struct json_t *value);
void mb_json_append(bool *lost, struct json_t *array, struct json_t *value);
// A number, or null for NAN and infinities; a text, or null for NULL.
struct json_t *mb_json_number(double value);
struct json_t *mb_json_text(const char *text);
