// SPDX-License-Identifier: MIT
// JSON out of a file that may be anything, and endless.
#pragma once
#include "base/paths.h"

#include <jansson.h>

typedef struct mb_bounded {
    FILE *file;
    size_t left;
    bool too_large;
} mb_bounded;

static inline size_t mb_bounded_read(void *to, size_t size, void *self) {
    mb_bounded *bounded = self;
    const size_t count = fread(to, 1, size < bounded->left ? size : bounded->left, bounded->file);
    bounded->left -= count;
    bounded->too_large = bounded->left == 0;
    return bounded->too_large ? (size_t)-1 : count;
}

// What the file at `path` holds, which has fewer than `most` bytes; *root is NULL on failure.
static inline mb_status mb_json_file_read(const char *path, size_t most, size_t flags, const char *expected,
                                          json_t **root, mb_error *error) {
    *root = NULL;
    mb_bounded bounded = {.left = most};
    const mb_status opened = mb_paths_open(path, &bounded.file, error);
    if (opened) return opened;
    json_error_t problem;
    *root = json_load_callback(mb_bounded_read, &bounded, flags, &problem);
    fclose(bounded.file);
    if (*root) return MB_OK;
    if (bounded.too_large) return mb_paths_too_large(path, most, error);
    if (problem.line > 0)
        return mb_fail_at(error, MB_BAD_INPUT, path, (unsigned long)problem.line,
                          "bad JSON at column %d: %s; expected %s", problem.column, problem.text, expected);
    return *problem.text ? mb_fail(error, MB_BAD_INPUT, "%s: %s", path, problem.text) : mb_fail_memory(error);
}
