// SPDX-License-Identifier: MIT
// A policy written in Lua, as a struct of hooks.
#pragma once
#include "policy/host.h"

// Hooks of a policy, in the order of mb_host.hooks.
typedef enum mb_hook {
    MB_HOOK_INIT,
    MB_HOOK_ARRIVE,
    MB_HOOK_SCHEDULE,
    MB_HOOK_STEPPED,
    MB_HOOK_FINISH,
    MB_HOOK_DONE,
    MB_HOOK_HANDOFF,
    MB_HOOK_SIGNAL,
    MB_HOOK_COUNT
} mb_hook;
extern const char *const mb_hook_names[MB_HOOK_COUNT];

// src/policy/hook_names.c: a Lua error where the function `name` of the policy at `path` with this text looks
// like a hook that it is not; `hooks` are references, LUA_NOREF where the policy has none.
void mb_hook_name_check(lua_State *L, const char *path, const char *text, const int *hooks, const char *name);

typedef struct mb_lua_policy {
    mb_host host;
    mb_policy_ops ops; // only the hooks that the script has
} mb_lua_policy;

// Load the script, merge its parameters, find its hooks. The simulation is given later, by the init hook;
// `workload` (may be NULL) is where sim:sample and the bin-boundary rules learn the lengths from.
mb_status mb_lua_policy_open(mb_lua_policy *policy, const mb_policy_spec *spec, const mb_limits *limits,
                             const mb_workload *workload, uint64_t seed, uint64_t replication,
                             mb_error *error);
void mb_lua_policy_close(mb_lua_policy *policy);

// Does the script declare a parameter of this name?
bool mb_lua_policy_has_param(mb_lua_policy *policy, const char *name);

// Load and check a policy's script without running it; prints nothing. For `mbsand check`.
mb_status mb_lua_policy_check(const char *path, mb_error *error);
const char *mb_lua_engine(void); // "Lua 5.4.4"
