// SPDX-License-Identifier: MIT
// A policy written in Lua, as a struct of hooks.
#pragma once
#include "policy/hook_names.h"
#include "policy/host.h"

typedef struct mb_lua_policy {
    mb_host host;
    mb_policy_ops ops; // only the hooks that the script has
    // Where it could not be opened: the script itself is at fault, not what it was given; it met the limit of
    // time.
    bool broken, late;
} mb_lua_policy;

// Load the script, merge its parameters, find its hooks. The simulation is given later, by the init hook;
// `workload` (may be NULL) is where sim:sample and the bin-boundary rules learn the lengths from.
mb_status mb_lua_policy_open(mb_lua_policy *policy, const mb_policy_spec *spec, const mb_limits *limits,
                             const mb_workload *workload, uint64_t seed, uint64_t replication,
                             mb_error *error);
void mb_lua_policy_close(mb_lua_policy *policy);

// Does the script declare a parameter of this name? `text`: its value, "" for one that no --set could give.
enum { MB_PARAM_TEXT_SIZE = 64 };
bool mb_lua_policy_param(mb_lua_policy *policy, const char *name, char text[MB_PARAM_TEXT_SIZE]);

// Load and check a policy's script without running it; prints nothing. For `mbsand check`.
mb_status mb_lua_policy_check(const char *path, mb_error *error);
const char *mb_lua_engine(void); // "Lua 5.4.4"
