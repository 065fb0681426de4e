// SPDX-License-Identifier: MIT
// What results rest on - program, scenario, policies, modules, data - by hash, so that results of different
// texts are never mixed in one database.
#pragma once
#include "base/strbuf.h"
#include "report/hash.h"
#include "sweep/store.h"

#include <sys/stat.h>

typedef struct mb_input {
    const char *kind;
    char *path, *name; // the name is the path below the project's folder, where it lies there
    char hash[MB_SHA256_TEXT];
    struct stat seen; // when it was hashed
} mb_input;

typedef struct mb_inputs {
    mb_store *store; // NULL: there is none here, and nothing is compared
    char *root;
    mb_input *items;
    size_t count, capacity;
} mb_inputs;

// Kinds: "program", "scenario", "module", "policy" and "data"; the text of all but programs and data is kept.
// Adds a file to the inputs and to the database, unless it is there; fails where the database's is another.
mb_status mb_inputs_add(mb_inputs *inputs, const char *kind, const char *path, mb_error *error);
// Another rank's file: is it the database's? One that this has not is read here, where it must be the same.
mb_status mb_inputs_agree(mb_inputs *inputs, const char *kind, const char *name, const char *path,
                          const char *hash, mb_error *error);
// The program itself, and the part of it that is written in Lua.
mb_status mb_inputs_add_program(mb_inputs *inputs, mb_error *error);
// Has none of them changed since it was added? Looks at sizes and times first.
mb_status mb_inputs_unchanged(mb_inputs *inputs, mb_error *error);
// Compare everything that the database has and that still exists here.
mb_status mb_inputs_check(mb_inputs *inputs, mb_error *error);
void mb_inputs_deinit(mb_inputs *inputs);
