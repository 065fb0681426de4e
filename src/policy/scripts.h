// SPDX-License-Identifier: MIT
// Texts of policies, of what they load and of a scenario's modules, each read once for all runs that are
// compared: a file that changes meanwhile changes none of them.
#pragma once
#include "base/error.h"

#include <stddef.h>

#define MB_MAX_SCRIPT ((size_t)1 << 20)    // bytes of a policy, and of a module or a rule that it names
#define MB_MAX_SCENARIO ((size_t)16 << 20) // of a scenario and its modules

typedef struct mb_scripts mb_scripts; // any thread may ask

mb_scripts *mb_scripts_new(void); // NULL: out of memory
void mb_scripts_free(mb_scripts *scripts);
// The text of a file of at most `most` bytes, which ends in a zero byte and lives as long as `scripts`.
mb_status mb_scripts_read(mb_scripts *scripts, const char *path, size_t most, const char **text,
                          size_t *length, mb_error *error);
