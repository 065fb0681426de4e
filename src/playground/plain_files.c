// SPDX-License-Identifier: MIT
// What workload/compressed.c is elsewhere: in a browser files are plain, and no library unpacks others.
#include "workload/compressed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mb_compressed {
    const char *path;
    int descriptor;
};

mb_status mb_compressed_open(int descriptor, const char *path, mb_compressed **out, mb_error *error) {
    unsigned char magic[2];
    const bool gzip =
        pread(descriptor, magic, sizeof magic, 0) == sizeof magic && magic[0] == 0x1f && magic[1] == 0x8b;
    mb_compressed *file = *out = gzip ? NULL : calloc(1, sizeof *file);
    if (file) {
        *file = (mb_compressed){path, descriptor};
        return MB_OK;
    }
    close(descriptor);
    if (!gzip) return mb_fail_memory(error);
    return mb_fail(
        error, MB_BAD_INPUT,
        "%s: is compressed, which the page in a browser does not read; expected a plain file, or the "
        "program",
        path);
}

void mb_compressed_close(mb_compressed *file) {
    if (!file) return;
    close(file->descriptor);
    free(file);
}

mb_status mb_compressed_read(mb_compressed *file, char *buffer, size_t size, unsigned long line, size_t *got,
                             mb_error *error) {
    (void)line;
    const ssize_t count = read(file->descriptor, buffer, size);
    *got = count > 0 ? (size_t)count : 0;
    if (count >= 0) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", file->path, strerror(errno));
}
