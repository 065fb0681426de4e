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
