// SPDX-License-Identifier: MIT
// What every fuzz target needs: a promise that is broken ends the program, and the input as a file.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check(bool holds) {
    if (!holds) abort();
}

static inline void put_file(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    check(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

typedef struct fuzz_path {
    char text[80];
} fuzz_path;

// A name of this process's own, in memory.
static inline fuzz_path own_path(const char *what) {
    fuzz_path path;
    snprintf(path.text, sizeof path.text, "/dev/shm/mbsand-fuzz-%s-%ld", what, (long)getpid());
    return path;
}

// The input as a file, to be removed with unlink.
static inline fuzz_path input_file(const char *what, const uint8_t *data, size_t size) {
    const fuzz_path path = own_path(what);
    put_file(path.text, data, size);
    return path;
}
