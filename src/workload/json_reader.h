// SPDX-License-Identifier: MIT
// The objects of a JSON file, one after the other: an object a line, or objects over several lines, alone or
// in one list. Memory grows with the largest object, not with the file.
#pragma once
#include "base/strbuf.h"
#include "workload/json_text.h"
#include "workload/text_file.h"

typedef struct mb_json_reader {
    mb_text_file file;
    unsigned long line; // on which the current object begins
    enum { MB_JSON_UNSEEN, MB_JSON_LINES, MB_JSON_DOCUMENT } layout;
    bool in_list, list_over;
    mb_strbuf object; // of a document
} mb_json_reader;

// Close it whether or not this fails.
mb_status mb_json_open(mb_json_reader *reader, const char *path, mb_error *error);
void mb_json_close(mb_json_reader *reader);
typedef struct mb_json_wanted {
    const char *const *paths;
    mb_json_place *places; // of as many
    size_t count;
} mb_json_wanted;

// The next object: the places of what is wanted hold until the next call; *end is set instead when there is
// none.
mb_status mb_json_next(mb_json_reader *reader, const mb_json_wanted *wanted, bool *end, mb_error *error);
