// SPDX-License-Identifier: MIT
// A library's functions to be put into the environment; the last has no name.
#pragma once
#include "policy/host.h"

typedef struct mb_replacement {
    const char *library, *name; // "" for the basic functions
    lua_CFunction function;
} mb_replacement;
