// SPDX-License-Identifier: MIT
// Parts of a sweep, run apart, into one database.
#pragma once
#include "sweep/store.h"

#include <stddef.h>

// Add the runs of all `parts` to `into`, which is made where there is none. All must be of the same command
// and the same texts; a run that several have must be the same in all. `added` counts what was not there
// before.
mb_status mb_merge(const char *into, char *const *parts, size_t count, size_t *added, size_t *missing,
                   mb_error *error);
