// SPDX-License-Identifier: MIT
// What a scenario requires, or runs by its name: files that are read as those of policies are.
#pragma once
#include "policy/lua_compat.h"
#include "policy/scripts.h"

// Make `require`, `dofile`, `loadfile` and package.searchpath of a state read each file once, regular files
// only, from `scripts`, which any number of states may share; modules are looked for below root/lua, then
// beside the scenario.
void mb_modules_open(lua_State *L, mb_scripts *scripts, const char *root, const char *scenario);
