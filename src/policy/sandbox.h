// SPDX-License-Identifier: MIT
// The closed environment that policies run in, built from an allow list. docs/writing-policies.md tells what
// it is for and what it does not protect against.
#pragma once
#include "policy/host.h"

typedef struct mb_allowed {
    const char *library; // "" for the basic functions
    const char *name;
} mb_allowed;

typedef struct mb_omitted {
    const char *library, *name, *reason;
} mb_omitted;

// Functions taken over from Lua as they are, functions replaced by ours, and those left out with the reason.
// Together they name everything in the libraries base, math, string and table of both engines; a test
// compares.
extern const mb_allowed mb_sandbox_allowed[];
extern const mb_allowed mb_sandbox_replaced[];
extern const mb_omitted mb_sandbox_omitted[];

// Build the environment of a fresh state (host->environment, host->modules). To be called protected.
void mb_sandbox_build(lua_State *L);
// After the policy's script ran, a new global is an error.
void mb_sandbox_close(mb_host *host);

// src/policy/library.c: the replaced functions.
void mb_library_replace(lua_State *L, int environment);
// src/policy/library_table.c: of these, what works on whole tables.
void mb_library_replace_tables(lua_State *L, int environment);
// src/policy/library_equal.c: of these, what the engines answer differently.
void mb_library_equalise(lua_State *L, int environment);

// Functions to be put into the libraries of the environment; the last has no name.
typedef struct mb_replacement {
    const char *library, *name;
    lua_CFunction function;
} mb_replacement;
void mb_library_install(lua_State *L, int environment, const mb_replacement *replaced);

// Text of a number, the same with both engines: whole ones up to 2^53 with all their digits.
void mb_library_push_number(lua_State *L, double value);
// Text of any value without addresses; pushes a string.
void mb_library_tostring(lua_State *L, int index);
