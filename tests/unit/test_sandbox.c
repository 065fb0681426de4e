// SPDX-License-Identifier: MIT
// The sandbox's lists against the libraries that are really there, and against the environment that policies
// get.
#include "policy/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool is_listed(const mb_allowed *list, const char *library, const char *name) {
    for (; list->name; list++)
        if (strcmp(list->library, library) == 0 && strcmp(list->name, name) == 0) return true;
    return false;
}

static bool is_omitted(const char *library, const char *name) {
    for (const mb_omitted *o = mb_sandbox_omitted; o->name; o++)
        if (strcmp(o->library, library) == 0 && strcmp(o->name, name) == 0) return true;
    return false;
}

static int times_listed(const char *library, const char *name) {
    return is_listed(mb_sandbox_allowed, library, name) + is_listed(mb_sandbox_replaced, library, name) +
           is_omitted(library, name);
}

// Call `visit` for each name in the table on top of the stack; pops the table.
static void each_name(lua_State *L, const char *library,
                      void (*visit)(const char *library, const char *name)) {
    assert_true(lua_istable(L, -1));
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        assert_int_equal(lua_type(L, -1), LUA_TSTRING);
        visit(library, lua_tostring(L, -1));
    }
    lua_pop(L, 1);
}

static bool is_library(const char *name) {
    return strcmp(name, "math") == 0 || strcmp(name, "string") == 0 || strcmp(name, "table") == 0;
}

// Everything that Lua offers is allowed, replaced or omitted: exactly one of them.
static void check_named(const char *library, const char *name) {
    if (!library[0] && is_library(name)) return;
    if (times_listed(library, name) != 1)
        fail_msg("%s%s%s is in %d of the lists allowed, replaced and omitted", library, library[0] ? "." : "",
                 name, times_listed(library, name));
}

// The names that the base library brings, without those of the other libraries.
static void test_every_function_is_named(void **state) {
    (void)state;
    static const char *const names[] = {"math", "string", "table"};
    static const lua_CFunction libraries[] = {luaopen_math, luaopen_string, luaopen_table};
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    for (int i = -1; i < 3; i++) { // -1: base
        lua_pushcfunction(L, i < 0 ? luaopen_base : libraries[i]);
        lua_pushstring(L, i < 0 ? "" : names[i]);
        lua_call(L, 1, 0);
    }
#if LUA_VERSION_NUM < 502
    lua_pushvalue(L, LUA_GLOBALSINDEX);
#else
    for (int i = -1; i < 3; i++)
        luaL_requiref(L, i < 0 ? "_G" : names[i], i < 0 ? luaopen_base : libraries[i], 1);
    lua_pushglobaltable(L);
#endif
    each_name(L, "", check_named);
    for (int i = 0; i < 3; i++) {
        lua_getglobal(L, names[i]);
        each_name(L, names[i], check_named);
    }
    lua_close(L);
}

// The environment holds what is allowed or replaced ...
static void check_offered(const char *library, const char *name) {
    if (!library[0] && is_library(name)) return;
    if (!is_listed(mb_sandbox_allowed, library, name) && !is_listed(mb_sandbox_replaced, library, name))
        fail_msg("policies get %s%s%s, which neither list names", library, library[0] ? "." : "", name);
}

// ... and nothing of it is missing.
static void check_present(lua_State *L, int environment, const mb_allowed *list) {
    for (; list->name; list++) {
        lua_pushvalue(L, environment);
        if (list->library[0]) {
            lua_getfield(L, environment, list->library);
            lua_replace(L, -2);
        }
        lua_pushstring(L, list->name);
        lua_rawget(L, -2);
        if (lua_isnil(L, -1)) fail_msg("policies do not get %s.%s", list->library, list->name);
        lua_pop(L, 2);
    }
}

static int build(lua_State *L) {
    mb_sandbox_build(L);
    return 0;
}

static void test_environment_is_what_the_lists_say(void **state) {
    (void)state;
    const mb_limits limits = {.hook_s = 10, .memory_bytes = 64u << 20};
    mb_host host;
    mb_error error = {0};
    assert_int_equal(mb_host_open(&host, &limits, &error), MB_OK);
    assert_int_equal(mb_host_run(&host, build, "test", 0, &error), MB_OK);
    lua_State *L = host.L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host.environment);
    const int environment = lua_gettop(L);
    check_present(L, environment, mb_sandbox_allowed);
    check_present(L, environment, mb_sandbox_replaced);
    static const char *const names[] = {"math", "string", "table"};
    for (int i = 0; i < 3; i++) {
        lua_getfield(L, environment, names[i]);
        each_name(L, names[i], check_offered);
    }
    each_name(L, "", check_offered);
    mb_host_close(&host);
}

static void test_omissions_say_why(void **state) {
    (void)state;
    for (const mb_omitted *o = mb_sandbox_omitted; o->name; o++)
        if (!o->reason || strlen(o->reason) < 5)
            fail_msg("%s.%s is left out for no reason", o->library, o->name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_function_is_named),
        cmocka_unit_test(test_environment_is_what_the_lists_say),
        cmocka_unit_test(test_omissions_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
