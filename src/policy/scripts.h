// SPDX-License-Identifier: MIT
// Texts of policies and of what they load, each read once for all runs that are compared: a file that changes
// meanwhile changes none of them.
#pragma once
#include "base/error.h"

#include <stddef.h>

#define MB_MAX_SCRIPT ((size_t)1 << 20) // bytes of a policy, a module or a rule

typedef struct mb_scripts mb_scripts; // any thread may ask

mb_scripts *mb_scripts_new(void); // NULL: out of memory
void mb_scripts_free(mb_scripts *scripts);
// The text, which ends in a zero byte and lives as long as `scripts`.
mb_status mb_scripts_read(mb_scripts *scripts, const char *path, const char **text, size_t *length,
                          mb_error *error);
// The same of a file that has been read; NULL: it has not.
const char *mb_scripts_find(mb_scripts *scripts, const char *path, size_t *length);
