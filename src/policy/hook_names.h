// SPDX-License-Identifier: MIT
// The hooks that a policy can have.
#pragma once
#include "policy/lua_compat.h"

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

// A Lua error where the function `name` of the policy at `path` with this text looks
// like a hook that it is not; `hooks` are references, LUA_NOREF where the policy has none.
void mb_hook_name_check(lua_State *L, const char *path, const char *text, const int *hooks, const char *name);
