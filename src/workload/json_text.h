// SPDX-License-Identifier: MIT
// JSON as it stands in a text: whether it is sound, and where the values of some paths are. No tree is built,
// and numbers keep all their digits.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// Whether the text is one JSON value, and white space around it.
bool mb_json_is_sound(const char *text, size_t length);
// The end of a sound value that starts at `text`.
const char *mb_json_skip(const char *text);
const char *mb_json_skip_space(const char *text);

// A value found by its path. `text` is NULL where there is none.
typedef struct mb_json_place {
    const char *text, *end;
    bool doubled; // the path leads to more than one
} mb_json_place;

// "a.b" is the member "b" of the object "a", or the member "a.b", however its keys are cut at the dots; a
// number is a place in a list, from 0. Where the way ends at a null, that is the value. `text` is a sound
// object; a path may be NULL.
void mb_json_find(const char *text, const char *const *paths, size_t count, mb_json_place *places);
