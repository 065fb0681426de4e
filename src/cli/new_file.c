// SPDX-License-Identifier: MIT
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

mb_status mb_not_written(const char *path, int reason, mb_error *error) {
    return mb_fail(error, MB_FAILED, "%s: cannot be written: %s", path, strerror(reason));
}

mb_status mb_new_file(const char *path, const char *text, size_t length, mode_t mode, mb_error *error) {
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0) return mb_not_written(path, errno, error);
    for (size_t done = 0; done < length;) {
        const ssize_t count = write(file, text + done, length - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            const int reason = errno;
            close(file);
            return mb_not_written(path, reason, error);
        }
        done += (size_t)count;
    }
    return close(file) == 0 ? MB_OK : mb_not_written(path, errno, error);
}
