// SPDX-License-Identifier: MIT
#include "workload/compressed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

// zlib reads plain files straight into the caller's buffer when asked for at least twice its own: then it
// costs nothing there.
#define GZIP_BUFFER (64 * 1024)

struct mb_compressed {
    const char *path;
    int descriptor; // of zstd data; zlib has its own
    gzFile gzip;    // NULL: zstd
    ZSTD_DStream *zstd;
    char *packed;
    ZSTD_inBuffer input; // what of `packed` is not yet used
    bool in_frame;
    int watched; // the file's descriptor, whoever owns it
    off_t size;  // when it was opened
};

static bool is_zstd(int descriptor) {
    unsigned char magic[4];
    if (pread(descriptor, magic, sizeof magic, 0) != sizeof magic) return false;
    return memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0 ||
           ((magic[0] & 0xf0) == 0x50 && memcmp(magic + 1, "\x2a\x4d\x18", 3) == 0); // a skippable frame
}

mb_status mb_compressed_open(int descriptor, const char *path, mb_compressed **out, mb_error *error) {
    mb_compressed *file = *out = calloc(1, sizeof *file);
    if (!file) {
        close(descriptor);
        return mb_fail_memory(error);
    }
    struct stat info;
    *file = (mb_compressed){.path = path, .descriptor = -1, .watched = descriptor};
    if (fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode)) file->size = info.st_size;
    if (is_zstd(descriptor)) {
        file->descriptor = descriptor;
        file->zstd = ZSTD_createDStream();
        file->packed = malloc(ZSTD_DStreamInSize());
        return file->zstd && file->packed ? MB_OK : mb_fail_memory(error);
    }
    file->gzip = gzdopen(descriptor, "rb");
    if (!file->gzip) {
        close(descriptor);
        return mb_fail_memory(error);
    }
    gzbuffer(file->gzip, GZIP_BUFFER);
    return MB_OK;
}

void mb_compressed_close(mb_compressed *file) {
    if (!file) return;
    if (file->gzip) gzclose_r(file->gzip);
    if (file->descriptor >= 0) close(file->descriptor);
    ZSTD_freeDStream(file->zstd);
    free(file->packed);
    free(file);
}

static mb_status fail_damaged(const mb_compressed *file, unsigned long line, const char *what,
                              mb_error *error) {
    const char *name = file->gzip ? "gzip" : "zstd";
    return mb_fail_at(error, MB_BAD_INPUT, file->path, line,
                      "the %s data is %s after this line%s%s; expected a whole file (test it with %s -t)",
                      name, what ? "damaged" : "cut short", what ? ": " : "", what ? what : "", name);
}

static mb_status read_gzip(mb_compressed *file, char *buffer, size_t size, unsigned long line, size_t *got,
                           mb_error *error) {
    const int count = gzread(file->gzip, buffer, (unsigned)size);
    int code = Z_OK;
    const char *text = gzerror(file->gzip, &code); // also tells of an end that came too early
    if (code == Z_ERRNO)
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", file->path, strerror(errno));
    if (code == Z_MEM_ERROR) return mb_fail_memory(error);
    if (code == Z_BUF_ERROR) return fail_damaged(file, line, NULL, error);
    if (count < 0 || code != Z_OK) {
        const char *colon = strrchr(text, ':'); // zlib puts the descriptor's name before its reason
        return fail_damaged(file, line, colon && colon[1] ? colon + 2 : "unknown reason", error);
    }
    *got = (size_t)count;
    return MB_OK;
}

static mb_status refill(mb_compressed *file, mb_error *error) {
    const ssize_t count = read(file->descriptor, file->packed, ZSTD_DStreamInSize());
    if (count < 0) return mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", file->path, strerror(errno));
    file->input = (ZSTD_inBuffer){file->packed, (size_t)count, 0};
    return MB_OK;
}

static mb_status read_zstd(mb_compressed *file, char *buffer, size_t size, unsigned long line, size_t *got,
                           mb_error *error) {
    ZSTD_outBuffer output = {buffer, size, 0};
    while (output.pos == 0) {
        if (file->input.pos == file->input.size) {
            const mb_status status = refill(file, error);
            if (status) return status;
            // Without more input there may yet be output that the buffer had no room for.
            if (file->input.size == 0 && !file->in_frame) break;
        }
        const bool at_end = file->input.size == 0;
        const size_t left = ZSTD_decompressStream(file->zstd, &output, &file->input);
        if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
            return mb_fail(
                error, MB_BAD_INPUT,
                "%s: was packed with zstd --long, and takes more memory to unpack than is given to it; "
                "expected it unpacked (zstd -d --long=31)",
                file->path);
        if (ZSTD_isError(left)) return fail_damaged(file, line, ZSTD_getErrorName(left), error);
        file->in_frame = left > 0; // a frame may follow another
        if (at_end && output.pos == 0 && left > 0) return fail_damaged(file, line, NULL, error);
    }
    *got = output.pos;
    return MB_OK;
}

mb_status mb_compressed_read(mb_compressed *file, char *buffer, size_t size, unsigned long line, size_t *got,
                             mb_error *error) {
    *got = 0;
    const mb_status status = file->gzip ? read_gzip(file, buffer, size, line, got, error)
                                        : read_zstd(file, buffer, size, line, got, error);
    struct stat info;
    if (status || *got || fstat(file->watched, &info) != 0 || info.st_size >= file->size) return status;
    return mb_fail_at(
        error, MB_BAD_INPUT, file->path, line,
        "the file became shorter while it was read; expected one that nobody changes meanwhile");
}
