// SPDX-License-Identifier: MIT
// The project's own files, inside a program that is one file (`make static`; packaging/bundle writes what is
// declared here). They are written out once, into the user's cache, and found there from then on.
#pragma once
#include "base/error.h"

#include <sys/types.h>

typedef struct mb_bundled {
    const char *name; // "policies/fcfs.lua"
    const char *bytes, *end;
    mode_t mode;
} mb_bundled;

extern const mb_bundled mb_bundle[]; // up to one without a name: most programs have none
extern const char mb_bundle_sum[];   // of all of it

// Name them in $MBSAND_HOME, unless it names others.
mb_status mb_bundle_open(mb_error *error);
