// SPDX-License-Identifier: MIT
#define _XOPEN_SOURCE 700 // realpath
#include "base/paths.h"

#include "base/stopped.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MB_DATADIR
#define MB_DATADIR "/usr/local/share/mbsand"
#endif

enum { PATH_SIZE = 4096 };

bool mb_paths_is_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static char *finish(mb_strbuf *buffer) {
    if (buffer->failed) mb_strbuf_deinit(buffer);
    return buffer->text;
}

char *mb_paths_join(const char *folder, const char *name) {
    mb_strbuf buffer = {0};
    if (*folder && name[0] != '/' && strcmp(folder, ".") != 0)
        mb_strbuf_printf(&buffer, "%s%s", folder, ends_with(folder, "/") ? "" : "/");
    mb_strbuf_add(&buffer, name);
    return finish(&buffer);
}

char *mb_paths_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return mb_strdup(".");
    mb_strbuf buffer = {0};
    mb_strbuf_add_bytes(&buffer, path, slash == path ? 1 : (size_t)(slash - path));
    return finish(&buffer);
}

// --- the root
// -------------------------------------------------------------------------------------------------

// A folder is the root if it holds the Lua side of mbsand. (Nothing here allocates but the answer, so that a
// lack of memory is not taken for a lack of files.)
static bool is_root(const char *folder) {
    char mark[PATH_SIZE];
    const int length = snprintf(mark, sizeof mark, "%s/lua/mbsand/scenario.lua", folder);
    return length > 0 && (size_t)length < sizeof mark && mb_paths_is_file(mark);
}

static bool cut_last(char *path) { // "/a/b" becomes "/a"; false above that
    char *slash = strrchr(path, '/');
    if (!slash || slash == path) return false;
    *slash = '\0';
    return true;
}

// The checkout around the program (build/X/mbsand, build/X/tests/test_y), or the installed data beside bin/;
// `path` is the program's.
static bool root_near(char path[PATH_SIZE]) {
    for (int level = 0; level < 4 && cut_last(path); level++) {
        if (is_root(path)) return true;
        const size_t length = strlen(path);
        static const char installed[] = "/share/mbsand";
        if (level != 1 || length + sizeof installed > PATH_SIZE) continue;
        memcpy(path + length, installed, sizeof installed);
        if (is_root(path)) return true;
        path[length] = '\0';
    }
    return false;
}

mb_status mb_paths_root(char **root, mb_error *error) {
    *root = NULL;
    const char *home = getenv("MBSAND_HOME");
    char program[PATH_SIZE];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    if (home && *home) {
        if (!is_root(home))
            return mb_fail(error, MB_BAD_INPUT,
                           "MBSAND_HOME is \"%s\", but there is no %s/lua/mbsand/scenario.lua", home, home);
        *root = mb_strdup(home);
    } else if (root_near(program)) {
        *root = mb_strdup(program);
    } else if (is_root(MB_DATADIR)) {
        *root = mb_strdup(MB_DATADIR);
    } else {
        return mb_fail(error, MB_FAILED,
                       "mbsand's own files (lua/mbsand, policies) are neither near the program nor in %s; "
                       "set MBSAND_HOME to the folder that holds them",
                       MB_DATADIR);
    }
    return *root ? MB_OK : mb_fail_memory(error);
}

// --- lists of names
// -------------------------------------------------------------------------------------------

typedef struct name_list {
    char **names;
    size_t count, capacity;
    const char *suffix; // of the files, left out of the names
} name_list;

static bool add_name(name_list *list, const char *prefix, const char *file) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 16;
        char **grown = realloc(list->names, capacity * sizeof *grown);
        if (!grown) return false;
        list->names = grown;
        list->capacity = capacity;
    }
    mb_strbuf name = {0};
    mb_strbuf_add(&name, prefix);
    mb_strbuf_add_bytes(&name, file, strlen(file) - strlen(list->suffix));
    if (name.failed) {
        mb_strbuf_deinit(&name);
        return false;
    }
    list->names[list->count++] = name.text;
    return true;
}

// Files of `folder` with `prefix` before their names; `deeper`: also of the folders in it.
static bool scan(name_list *list, const char *folder, const char *prefix, bool deeper) {
    DIR *directory = opendir(folder);
    if (!directory) return true; // a folder that is not there holds no names
    bool good = true;
    for (const struct dirent *entry; good && (entry = readdir(directory));) {
        const char *name = entry->d_name;
        if (name[0] == '.') continue;
        char *path = mb_paths_join(folder, name);
        if (!path) {
            good = false;
        } else if (ends_with(name, list->suffix) && mb_paths_is_file(path)) {
            good = add_name(list, prefix, name);
        } else if (deeper && strcmp(name, "bins") != 0 && is_folder(path)) {
            mb_strbuf inner = {0};
            mb_strbuf_printf(&inner, "%s/", name);
            good = !inner.failed && scan(list, path, inner.text, false);
            mb_strbuf_deinit(&inner);
        }
        free(path);
    }
    closedir(directory);
    return good;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void mb_paths_free_names(char **names, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

mb_status mb_paths_list(const char *root, const char *folder, const char *suffix, char ***names,
                        size_t *count, mb_error *error) {
    name_list list = {.suffix = suffix};
    char *path = mb_paths_join(root, folder);
    const bool good = path && scan(&list, path, "", true);
    free(path);
    if (!good) {
        mb_paths_free_names(list.names, list.count);
        *names = NULL;
        *count = 0;
        return mb_fail_memory(error);
    }
    if (list.count) qsort(list.names, list.count, sizeof *list.names, by_name);
    *names = list.names;
    *count = list.count;
    return MB_OK;
}

// --- which file a name means
// ----------------------------------------------------------------------------------

// What is bundled under names, and where.
typedef struct bundle {
    const char *folder, *suffix, *what;
} bundle;

static const bundle POLICIES = {"policies", ".lua", "policy"};
static const bundle BIN_RULES = {"policies/bins", ".lua", "bin rule"};
static const bundle SCENARIOS = {"scenarios", ".lua", "scenario"};
static const bundle MODELS = {"data/models", ".json", "model"};

static char *bundled_path(const char *root, const bundle *from, const char *name) {
    mb_strbuf buffer = {0};
    mb_strbuf_printf(&buffer, "%s/%s/%s%s", root, from->folder, name, from->suffix);
    return finish(&buffer);
}

static mb_status unknown_name(const char *root, const bundle *from, const char *name, mb_error *error) {
    char **names;
    size_t count;
    const mb_status status = mb_paths_list(root, from->folder, from->suffix, &names, &count, error);
    if (status) return status;
    const char *near = mb_nearest_word(name, (const char *const *)names, count);
    mb_strbuf list = {0}, own = {0};
    mb_strbuf_printf(&own, "./%s%s", name, from->suffix);
    for (size_t i = 0; i < count; i++)
        mb_strbuf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    if (own.text && access(own.text, R_OK) == 0)
        mb_fail(error, MB_BAD_INPUT, "no %s \"%s\" is bundled; did you mean the file %s?", from->what, name,
                own.text);
    else if (near)
        mb_fail(error, MB_BAD_INPUT,
                "there is no %s \"%s\"; did you mean \"%s\"? (a file of yours is written ./%s%s)", from->what,
                name, near, name, from->suffix);
    else
        mb_fail(error, MB_BAD_INPUT,
                "there is no %s \"%s\"; there are: %s (a file of yours is written ./%s%s)", from->what, name,
                list.text ? list.text : "none", name, from->suffix);
    mb_strbuf_deinit(&list);
    mb_strbuf_deinit(&own);
    mb_paths_free_names(names, count);
    return MB_BAD_INPUT;
}

// Where *path is not yet found and the candidate is a file, it is that; takes the candidate over.
static mb_status try_file(char *candidate, char **path, mb_error *error) {
    if (!candidate) return mb_fail_memory(error);
    if (!*path && mb_paths_is_file(candidate))
        *path = candidate;
    else
        free(candidate);
    return MB_OK;
}

// A name as it stands, then below the folder, where there is one.
static mb_status try_both(const char *name, const char *folder, char **path, mb_error *error) {
    const mb_status status = try_file(mb_strdup(name), path, error);
    if (status != MB_OK || *path || !folder) return status;
    return try_file(mb_paths_join(folder, name), path, error);
}

static mb_status no_file(const char *what, const char *folder, const char *name, mb_error *error) {
    if (is_folder(name))
        return mb_fail(error, MB_BAD_INPUT, "the %s \"%s\" is a folder, not a file", what, name);
    if (folder && *name != '/')
        return mb_fail(error, MB_BAD_INPUT, "there is no %s \"%s\": neither in the current folder nor in %s",
                       what, name, folder);
    return mb_fail(error, MB_BAD_INPUT, "there is no %s \"%s\": %s", what, name, strerror(ENOENT));
}

mb_status mb_paths_temporary(const char *what, char **folder, mb_error *error) {
    const char *place = getenv("TMPDIR");
    *folder = mb_paths_join(place && *place ? place : "/tmp", "mbsand-XXXXXX");
    if (!*folder) return mb_fail_memory(error);
    if (mkdtemp(*folder)) return MB_OK;
    const mb_status status =
        mb_fail(error, MB_FAILED, "no folder for %s can be made (%s): %s", what, *folder, strerror(errno));
    free(*folder);
    *folder = NULL;
    return status;
}

// The folder that holds this one, as a path.
static char *above(const char *folder) {
    const char *slash = strrchr(folder, '/'), *last = slash ? slash + 1 : folder;
    if (strcmp(last, "..") == 0 || strcmp(last, ".") == 0 || !*last) return mb_paths_join(folder, "..");
    return mb_paths_folder(folder);
}

char *mb_paths_own(const char *folder) {
    char *own = mb_strdup(folder);
    for (int level = 0; own && level < 2; level++) {
        char *parent = above(own), *mark = parent ? mb_paths_join(parent, MB_PATHS_MARK) : NULL;
        const bool found = mark && mb_paths_is_file(mark);
        free(mark);
        free(own);
        own = parent;
        if (found) return own;
    }
    free(own);
    return NULL;
}

// A bundled one, unless the folder is of a copy that `mbsand init` made, and it has one.
static mb_status find_named(const char *root, const bundle *from, const char *folder, const char *name,
                            char **path, mb_error *error) {
    char *own = folder ? mb_paths_own(folder) : NULL;
    mb_status status = own ? try_file(bundled_path(own, from, name), path, error) : MB_OK;
    if (status == MB_OK && !*path) status = try_file(bundled_path(root, from, name), path, error);
    free(own);
    return status;
}

static mb_status find(const char *root, const bundle *from, const char *folder, const char *name, char **path,
                      mb_error *error) {
    *path = NULL;
    const bool script = ends_with(name, from->suffix), slash = strchr(name, '/') != NULL;
    mb_status status = MB_OK;
    if (!script && *name) status = find_named(root, from, folder, name, path, error);
    if (status != MB_OK || *path) return status;
    if (script || slash) {
        status = try_both(name, folder, path, error);
        return status != MB_OK || *path ? status : no_file(from->what, folder, name, error);
    }
    return unknown_name(root, from, name, error);
}

mb_status mb_paths_find_policy(const char *root, const char *folder, const char *name, char **path,
                               mb_error *error) {
    return find(root, &POLICIES, folder, name, path, error);
}

mb_status mb_paths_find_bin_rule(const char *root, const char *folder, const char *name, char **path,
                                 mb_error *error) {
    return find(root, &BIN_RULES, folder, name, path, error);
}

mb_status mb_paths_find_scenario(const char *root, const char *name, char **path, mb_error *error) {
    *path = NULL;
    const mb_status status = try_both(name, root, path, error);
    if (status != MB_OK || *path) return status;
    return find(root, &SCENARIOS, NULL, name, path, error);
}

mb_status mb_paths_find_model(const char *root, const char *folder, const char *name, char **path,
                              mb_error *error) {
    char *below = folder ? mb_paths_join(folder, name) : NULL;
    if (folder && !below) return mb_fail_memory(error);
    const char *const candidates[] = {name, below};
    mb_status status = MB_OK;
    *path = NULL;
    for (int i = 0; i < 2 && !*path && status == MB_OK; i++)
        if (candidates[i] && strchr(name, '/') && is_folder(candidates[i]))
            status = try_file(mb_paths_join(candidates[i], "config.json"), path, error);
    free(below);
    return status != MB_OK || *path ? status : find(root, &MODELS, folder, name, path, error);
}

// --- scripts and what they name
// -------------------------------------------------------------------------------

static bool climbs(const char *name) { // above the folder that it is relative to
    if (name[0] == '/') return true;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2])) return true;
    }
    return false;
}

static bool is_below(const char *folder, const char *path) {
    const size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    return strncmp(folder, path, length) == 0 && path[length] == '/';
}

mb_status mb_paths_beside(const char *folder, const char *name, char *path, size_t size, mb_error *error) {
    if (climbs(name))
        return mb_fail(
            error, MB_BAD_INPUT,
            "\"%s\" lies outside the policy's folder; expected what is bundled, or a file beside the policy",
            name);
    const int length = snprintf(path, size, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= size)
        return mb_fail(error, MB_BAD_INPUT, "%.60s...: cannot be read: %s", name, strerror(ENAMETOOLONG));
    char *real_folder = realpath(folder, NULL), *real_path = realpath(path, NULL);
    mb_status status = MB_OK;
    if (!real_folder || !real_path)
        status = mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    else if (!is_below(real_folder, real_path))
        status = mb_fail(error, MB_BAD_INPUT, "%s: is a link that leads outside the policy's folder", path);
    free(real_folder);
    free(real_path);
    return status;
}

static const char *kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "folder";
    if (S_ISFIFO(mode)) return "pipe";
    return S_ISCHR(mode) || S_ISBLK(mode) ? "device" : "socket";
}

mb_status mb_paths_too_large(const char *path, size_t most, mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT, "%s: is larger than %zu MiB", path, most >> 20);
}

static mb_status read_all(int file, const char *path, size_t most, mb_strbuf *text, mb_error *error) {
    char block[16384];
    ssize_t count;
    const size_t before = text->length;
    mb_strbuf_add(text, "");
    while ((count = read(file, block, sizeof block)) > 0) {
        if (mb_stopped()) return mb_fail(error, MB_FAILED, "interrupted while %s was read", path);
        mb_strbuf_add_bytes(text, block, (size_t)count);
        if (text->failed) return mb_fail_memory(error);
        if (text->length - before > most) return mb_paths_too_large(path, most, error);
    }
    if (count < 0) return mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    return text->failed ? mb_fail_memory(error) : MB_OK;
}

mb_status mb_paths_open(const char *path, FILE **file, mb_error *error) {
    *file = NULL;
    struct stat info;
    const bool handed_over = strcmp(path, "/dev/stdin") == 0 || strncmp(path, "/dev/fd/", 8) == 0;
    // Opening a pipe waits for whoever writes it, a device may never end.
    if (!handed_over && stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: is a %s; expected a file", path, kind_of(info.st_mode));
    *file = fopen(path, "rb");
    return *file ? MB_OK : mb_fail(error, MB_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
}

mb_status mb_paths_read(const char *path, size_t most, mb_strbuf *text, mb_error *error) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) // to open a device may do something
        return mb_fail(error, MB_BAD_INPUT, "%s: is a %s; expected a file", path, kind_of(info.st_mode));
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    mb_status status;
    if (fstat(file, &info) != 0)
        status = mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode)) // it has changed since
        status = mb_fail(error, MB_BAD_INPUT, "%s: is no regular file", path);
    else if ((uint64_t)info.st_size > most)
        status = mb_paths_too_large(path, most, error);
    else
        status = read_all(file, path, most, text, error);
    close(file);
    return status;
}
