// SPDX-License-Identifier: MIT
// Where the project's own files lie, and which file a name means. Every returned string is freed by the
// caller.
#pragma once
#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

// The folder with lua/, policies/, scenarios/ and data/: $MBSAND_HOME, else the checkout that the executable
// was built in, else ../share/mbsand beside the executable's folder, else the compiled-in MB_DATADIR.
mb_status mb_paths_root(char **root, mb_error *error);

// The folder above `folder` that `mbsand init` wrote, by this mark in it: one or two levels up, else NULL.
// What its scripts name is looked up in it before the bundled. (NULL for want of memory too: the bundled is
// found then.)
#define MB_PATHS_MARK ".mbsand"
char *mb_paths_own(const char *folder);

// A new folder, empty and this user's alone, in $TMPDIR or /tmp, for `what` ("the model").
mb_status mb_paths_temporary(const char *what, char **folder, mb_error *error);

// A policy's script. A NAME is looked up among the bundled ones ("static_fifo", "origin/static_fifo"); a FILE
// has a slash or ends in ".lua", and is also looked for in `folder`, where the scenario lies (may be NULL).
// An unknown name is an error that tells the nearest one.
mb_status mb_paths_find_policy(const char *root, const char *folder, const char *name, char **path,
                               mb_error *error);
// A bin-boundary rule, likewise; a FILE is also looked for in `folder`, where the policy lies (may be NULL).
mb_status mb_paths_find_bin_rule(const char *root, const char *folder, const char *name, char **path,
                                 mb_error *error);
// A scenario: a path, as it stands or below the root, or the name of a bundled one.
mb_status mb_paths_find_scenario(const char *root, const char *name, char **path, mb_error *error);

// A model's description: the name of a bundled one, a file of JSON, or a folder with a config.json; files are
// also looked for in `folder` (may be NULL).
mb_status mb_paths_find_model(const char *root, const char *folder, const char *name, char **path,
                              mb_error *error);

// Names (without `suffix`, sorted) of the files in root/folder that end in it, and one folder below it
// ("origin/static_fifo"), except those in a subfolder "bins". Release with mb_paths_free_names.
mb_status mb_paths_list(const char *root, const char *folder, const char *suffix, char ***names,
                        size_t *count, mb_error *error);
void mb_paths_free_names(char **names, size_t count);

// A script that a policy names: `name`, a path without "..", below `folder` once links are followed. Its path
// is written to `path`.
mb_status mb_paths_beside(const char *folder, const char *name, char *path, size_t size, mb_error *error);
// Add a whole file of at most `most` bytes: a regular one, so that no pipe holds us up and no device fills
// memory.
mb_status mb_paths_read(const char *path, size_t most, mb_strbuf *text, mb_error *error);
mb_status mb_paths_too_large(const char *path, size_t most, mb_error *error); // the sentence about one
// Open a regular file for reading; also what the shell or the user hands over as an open one (/dev/stdin,
// /dev/fd/N).
mb_status mb_paths_open(const char *path, FILE **file, mb_error *error);

bool mb_paths_is_file(const char *path); // a regular file, or what can be read like one; no folder
char *mb_paths_join(const char *folder, const char *name);
char *mb_paths_folder(const char *path); // "a/b.lua" -> "a", "b.lua" -> "."
