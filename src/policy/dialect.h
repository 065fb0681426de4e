// SPDX-License-Identifier: MIT
// What only one of the two engines understands, or what they understand differently, found in a script's text
// before either engine sees it: a policy that one accepts the other accepts too.
#pragma once
#include "base/error.h"

#include <stddef.h>

// MB_BAD_INPUT with "NAME:LINE: ..." at the first such place. Text that is no Lua at all passes: the engine
// says what is wrong with it.
mb_status mb_dialect_check(const char *text, size_t length, const char *name, mb_error *error);
