// SPDX-License-Identifier: MIT
// Bytes of a file that is plain, gzip or zstd; which of them, its first bytes tell.
#pragma once
#include "base/error.h"

#include <stddef.h>

typedef struct mb_compressed mb_compressed;

// Takes the open descriptor over, also when it fails. `path` is for sentences and must outlive it.
mb_status mb_compressed_open(int descriptor, const char *path, mb_compressed **file, mb_error *error);
void mb_compressed_close(mb_compressed *file);
// Up to `size` bytes; *got = 0 at the end. `line` is where the text has come to, for sentences.
mb_status mb_compressed_read(mb_compressed *file, char *buffer, size_t size, unsigned long line, size_t *got,
                             mb_error *error);
