// SPDX-License-Identifier: MIT
// A policy's parameters: the defaults that it declares, merged with the values it is given.
#pragma once
#include "policy/lua_compat.h"
#include "policy/spec.h"

// Where `params` is a function, put what it makes of the given values in its place: a router has the
// parameters of the engine that one of its own names.
void mb_params_settle(lua_State *L, int policy, const mb_policy_spec *spec, const char *label);
// Push the merged table of the policy table at `policy`. Unknown names and wrong types are Lua errors.
void mb_params_merge(lua_State *L, int policy, const mb_policy_spec *spec, const char *label);
// Was the text given as a parameter, by whoever started the run? A script that it names may lie anywhere.
bool mb_params_gave(const mb_policy_spec *spec, const char *text);
