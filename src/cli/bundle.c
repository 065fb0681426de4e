// SPDX-License-Identifier: MIT
#define _XOPEN_SOURCE 700 // mkdtemp
#include "cli/bundle.h"

#include "base/paths.h"
#include "base/strbuf.h"
#include "cli/new_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Of a program that is more than one file.
__attribute__((weak)) const mb_bundled mb_bundle[1];
__attribute__((weak)) const char mb_bundle_sum[1];

// The folders above `path`, as far as they are missing.
static bool make_above(char *path, mode_t mode) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool there = mkdir(path, mode) == 0 || errno == EEXIST;
        *slash = '/';
        if (!there) return false;
    }
    return true;
}

// Is it a folder that only this user may change?
static bool is_ours(const char *folder) {
    struct stat info;
    return lstat(folder, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           !(info.st_mode & 022);
}

static mb_status write_all(const char *folder, mb_error *error) {
    mb_status status = MB_OK;
    for (const mb_bundled *file = mb_bundle; status == MB_OK && file->name; file++) {
        char *path = mb_paths_join(folder, file->name);
        if (!path) return mb_fail_memory(error);
        status = make_above(path, 0755)
                     ? mb_new_file(path, file->bytes, (size_t)(file->end - file->bytes), file->mode, error)
                     : mb_not_written(path, errno, error);
        free(path);
    }
    return status;
}

static void remove_all(const char *folder) {
    for (const mb_bundled *file = mb_bundle; file->name; file++) {
        char *path = mb_paths_join(folder, file->name);
        if (!path) continue;
        unlink(path);
        for (char *slash; strlen(path) > strlen(folder) && (slash = strrchr(path, '/'));) {
            *slash = '\0';
            if (rmdir(path) != 0) break; // others are left in it
        }
        free(path);
    }
}

// `folder` is there as a whole or not at all, though several write it at once.
static mb_status write_into(char *folder, mb_error *error) {
    if (is_ours(folder)) return MB_OK;
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%s.XXXXXX", folder);
    if (text.failed) return mb_fail_memory(error);
    mb_status status = make_above(folder, 0700) && mkdtemp(text.text) && chmod(text.text, 0755) == 0
                           ? MB_OK
                           : mb_not_written(folder, errno, error);
    if (status == MB_OK) {
        status = write_all(text.text, error);
        if (status == MB_OK && rename(text.text, folder) != 0 && !is_ours(folder))
            status = mb_not_written(folder, errno, error);
        remove_all(text.text); // where it was not renamed
    }
    mb_strbuf_deinit(&text);
    return status;
}

// Write them below `place`, and name them.
static mb_status open_below(const char *place, const char *below, mb_error *error) {
    mb_strbuf folder = {0};
    mb_strbuf_printf(&folder, "%s%s/mbsand-" MB_VERSION "-%s-%u", place, below, mb_bundle_sum,
                     (unsigned)geteuid());
    if (folder.failed) return mb_fail_memory(error);
    mb_status status = write_into(folder.text, error);
    if (status == MB_OK && setenv("MBSAND_HOME", folder.text, 1) != 0) status = mb_fail_memory(error);
    mb_strbuf_deinit(&folder);
    return status;
}

mb_status mb_bundle_open(mb_error *error) {
    static const char *const places[][2] = {{"XDG_CACHE_HOME", ""}, {"HOME", "/.cache"}, {"TMPDIR", ""}};
    const char *own = getenv("MBSAND_HOME");
    if (!mb_bundle[0].name || (own && *own)) return MB_OK;
    mb_error ignored;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *place = getenv(places[i][0]);
        if (place && place[0] == '/' && open_below(place, places[i][1], &ignored) == MB_OK) return MB_OK;
    }
    if (open_below("/tmp", "", &ignored) == MB_OK) return MB_OK;
    return mb_fail(error, MB_FAILED,
                   "what is inside the program cannot be written out, neither into the user's cache nor into "
                   "/tmp (%s); set XDG_CACHE_HOME to a folder that can be written",
                   ignored.message);
}
