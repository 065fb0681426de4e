// SPDX-License-Identifier: MIT
// Functions of Lua's libraries that the closed environment has instead of the engine's.
#pragma once
#include "policy/host.h"

void mb_library_replace(lua_State *L, int environment);
// A random number of the policy's own stream, with math.random's arguments.
int mb_library_random(lua_State *L);
// Text of any value without addresses; pushes a string.
void mb_library_tostring(lua_State *L, int index);
