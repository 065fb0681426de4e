// SPDX-License-Identifier: MIT
// JSON as it stands in a text: whether it is sound, and where the values of some paths are, in one walk. No
// tree is built, and numbers keep all their digits.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// The end of a sound value that starts at `text`.
const char *mb_json_skip(const char *text);
const char *mb_json_skip_space(const char *text);

// A value found by its path. `text` is NULL where there is none.
typedef struct mb_json_place {
    const char *text, *end;
    bool doubled; // the path leads to more than one
} mb_json_place;

// Whether the text is one JSON value, and white space around it; and of an object what the paths lead to.
// "a.b" is the member "b" of the object "a", or the member "a.b", however its keys are cut at the dots; a
// number is a place in a list, from 0. Where the way ends at a null, that is the value. A path may be NULL.
bool mb_json_read(const char *text, size_t length, const char *const *paths, size_t count,
                  mb_json_place *places);
