// SPDX-License-Identifier: MIT
// What the engines of Lua answer differently.
#pragma once
#include "policy/library_parts.h"

extern const mb_replacement mb_library_equal[];
// The same for functions that call the engine's own.
void mb_library_equalise(lua_State *L, int environment);

// Text of a number, the same with both engines: whole ones up to 2^53 with all their digits.
void mb_library_push_number(lua_State *L, double value);
