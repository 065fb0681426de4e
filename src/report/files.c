// SPDX-License-Identifier: MIT
#include "report/files.h"

#include "base/strbuf.h"
#include "report/format.h"
#include "report/json.h"
#include "report/runs_csv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// Dumps write rows of 100 bytes: one system call for some 2,000 of them.
enum { BUFFER_SIZE = 1 << 18 };

static mb_status make_one(const char *path, mb_error *error) {
    struct stat there;
    if (mkdir(path, 0777) == 0) return MB_OK;
    const int reason =
        errno; // EEXIST, but on some systems EISDIR, EROFS or EACCES for a directory that exists
    if (stat(path, &there) == 0) {
        if (S_ISDIR(there.st_mode)) return MB_OK;
        return mb_fail(error, MB_BAD_INPUT, "cannot make the folder %s: a file of that name exists", path);
    }
    return mb_fail(error, MB_BAD_INPUT, "cannot make the folder %s: %s", path, strerror(reason));
}

mb_status mb_output_dir(const char *dir, mb_error *error) {
    if (!*dir)
        return mb_fail(error, MB_BAD_INPUT,
                       "the output folder has no name; expected a path, e.g. --out results");
    char *path = mb_strdup(dir);
    if (!path) return mb_fail_memory(error);
    mb_status status = MB_OK;
    for (char *slash = strchr(path + 1, '/'); slash && status == MB_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_one(path, error);
        *slash = '/';
    }
    if (status == MB_OK) status = make_one(path, error);
    free(path);
    return status;
}

static void release(mb_output_file *output) {
    free(output->path);
    free(output->temporary);
    free(output->buffer);
    *output = (mb_output_file){0};
}

// A stream on the temporary file, which is this program's alone while it is open.
static FILE *open_temporary(const char *path, bool *taken) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return NULL;
    struct stat mine, there;
    // (A file system without locks does without.) Not fcntl's: a library that reads the file would drop it.
    *taken = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    // Who had it may just have put it in its place.
    *taken = *taken || (fstat(fd, &mine) == 0 && (stat(path, &there) != 0 || there.st_ino != mine.st_ino));
    FILE *file = !*taken && ftruncate(fd, 0) == 0 ? fdopen(fd, "wb") : NULL;
    const int reason = errno;
    if (!file) close(fd);
    errno = reason;
    return file;
}

mb_status mb_output_at(const char *path, mb_output_file *output, mb_error *error) {
    mb_strbuf temporary = {0};
    mb_strbuf_printf(&temporary, "%s.part", path);
    *output =
        (mb_output_file){.path = mb_strdup(path), .temporary = temporary.text, .buffer = malloc(BUFFER_SIZE)};
    if (!output->path || temporary.failed || !output->buffer) {
        release(output);
        return mb_fail_memory(error);
    }
    bool taken = false;
    output->file = open_temporary(output->temporary, &taken);
    if (!output->file) {
        mb_fail(error, MB_FAILED, "cannot write %s: %s", output->path,
                taken ? "another program is writing it" : strerror(errno));
        release(output);
        return MB_FAILED;
    }
    setvbuf(output->file, output->buffer, _IOFBF, BUFFER_SIZE);
    return MB_OK;
}

mb_status mb_output_open(const char *dir, const char *name, mb_output_file *output, mb_error *error) {
    mb_strbuf path = {0};
    mb_strbuf_printf(&path, "%s/%s", dir, name);
    *output = (mb_output_file){0};
    const mb_status status = path.failed ? mb_fail_memory(error) : mb_output_at(path.text, output, error);
    mb_strbuf_deinit(&path);
    return status;
}

static mb_status close_file(mb_output_file *output, bool whole, mb_error *error) {
    const char *reason = NULL;
    bool written = mb_flushed(output->file, &reason);
    errno = 0;
    if (fclose(output->file) != 0 && written) { // some file systems report a full disk only here
        written = false;
        reason = strerror(errno);
    }
    if (written && whole && rename(output->temporary, output->path) != 0) {
        written = false;
        reason = strerror(errno);
    }
    if (!written) {
        mb_fail(error, MB_FAILED, "cannot write %s: %s", output->path, reason);
        remove(output->temporary);
    }
    release(output);
    return written ? MB_OK : MB_FAILED;
}

mb_status mb_output_commit(mb_output_file *output, mb_error *error) {
    return close_file(output, true, error);
}

mb_status mb_output_keep(mb_output_file *output, mb_error *error) {
    return close_file(output, false, error);
}

void mb_output_abandon(mb_output_file *output) {
    if (!output->file) return;
    fclose(output->file);
    remove(output->temporary);
    release(output);
}

mb_status mb_output_text(const char *path, const mb_strbuf *text, mb_error *error) {
    struct stat there;
    mb_output_file output = {0};
    if (stat(path, &there) != 0 || S_ISREG(there.st_mode)) {
        const mb_status status = mb_output_at(path, &output, error);
        if (status != MB_OK) return status;
        fwrite(text->text, 1, text->length, output.file);
        return mb_output_commit(&output, error);
    }
    FILE *file = fopen(path, "w");
    bool written = file && fwrite(text->text, 1, text->length, file) == text->length;
    const int reason = errno;
    if (file && fclose(file) != 0 && written) // a quota, a network file system
        written = false;
    else if (!written)
        errno = reason;
    return written ? MB_OK : mb_fail(error, MB_FAILED, "cannot write %s: %s", path, strerror(errno));
}

// CSV where there is no manifest.
static mb_status write_one(const char *dir, const char *name, const mb_results *const *sections, size_t count,
                           const mb_manifest *manifest, bool parties, mb_error *error) {
    mb_output_file output;
    mb_status status = mb_output_open(dir, name, &output, error);
    if (status != MB_OK) return status;
    status = manifest  ? mb_report_json(sections, count, manifest, output.file, error)
             : parties ? mb_report_parties_csv(sections, count, output.file, error)
                       : mb_report_csv(sections, count, output.file, error);
    if (status == MB_OK) return mb_output_commit(&output, error);
    // A lost write is told with the file's name, and by commit; anything else was said already.
    if (ferror(output.file)) return mb_output_commit(&output, error);
    mb_output_abandon(&output);
    return status;
}

mb_status mb_output_summary(const char *dir, const mb_results *const *sections, size_t count,
                            const mb_manifest *manifest, mb_error *error) {
    static const mb_manifest empty = {0};
    mb_status status = mb_output_dir(dir, error);
    if (status == MB_OK) status = write_one(dir, "summary.csv", sections, count, NULL, false, error);
    if (status == MB_OK && mb_has_parties(sections, count))
        status = write_one(dir, "by.csv", sections, count, NULL, true, error);
    if (status == MB_OK)
        status = write_one(dir, "summary.json", sections, count, manifest ? manifest : &empty, false, error);
    return status;
}
