// SPDX-License-Identifier: MIT
// A policy's parameters: the defaults that it declares, merged with the values it is given.
#pragma once
#include "policy/lua_compat.h"
#include "policy/spec.h"

// Push the merged table of the policy table at `policy`. Unknown names and wrong types are Lua errors.
void mb_params_merge(lua_State *L, int policy, const mb_policy_spec *spec, const char *label);
