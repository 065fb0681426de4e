// SPDX-License-Identifier: MIT
// replica:plain{ ... }: the step that the core fills by itself.
#include "policy/hook_names.h"
#include "policy/views.h"

// Back to the hook.
static int take_back(lua_State *L, mb_replica *replica) {
    if (mb_host_of(L)->hooks[MB_HOOK_SCHEDULE] == LUA_NOREF)
        return luaL_error(L, "replica:plain(false): the policy has no hook 'schedule' to be asked instead");
    replica->plain = (mb_plain){0};
    return 0;
}

static bool flag(lua_State *L, const char *name) {
    lua_getfield(L, 2, name);
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
        luaL_error(L, "replica:plain: %s is true or false, not %s", name, luaL_typename(L, -1));
    return lua_toboolean(L, -1);
}

static mb_plain read_plain(lua_State *L) {
    static const char *const options[] = {"queue", "most", "carry", "after_preemption", NULL};
    if (!lua_istable(L, 2))
        luaL_error(L, "replica:plain: expected { queue = ... }, or false to be asked again, not %s",
                   luaL_typename(L, 2));
    mb_view_check_options(L, 2, "replica:plain", options);
    lua_settop(L, 2);
    lua_getfield(L, 2, "queue"); // 3
    if (lua_isnil(L, 3))
        luaL_error(L, "replica:plain: which queue does it admit from? queue = ... is missing");
    lua_getfield(L, 2, "most");  // 4
    lua_getfield(L, 2, "carry"); // 5
    return (mb_plain){.declared = true,
                      .queue = mb_view_check(L, 3, MB_VIEW_QUEUE)->index,
                      .most = mb_step_view_limit(L, 4, "replica:plain"),
                      .spare = mb_step_view_spare(L, 5, "replica:plain"),
                      .after_preemption = flag(L, "after_preemption")};
}

int mb_replica_plain(lua_State *L) { // (replica, options or false)
    const mb_view *view = mb_view_check(L, 1, MB_VIEW_REPLICA);
    mb_host_check_fence(L, MB_FENCE_ALL, "replica:plain");
    mb_replica *replica = &mb_host_of(L)->sim->replicas[view->index];
    if (lua_isboolean(L, 2) && !lua_toboolean(L, 2)) return take_back(L, replica);
    replica->plain = read_plain(L);
    return 0;
}
