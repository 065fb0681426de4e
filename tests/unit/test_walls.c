// SPDX-License-Identifier: MIT
// The walls around policy threads, tried with a Lua that has everything: io, os, package.
#define _GNU_SOURCE
#include "run/walls.h"

#include "policy/lua_compat.h"

#include <lauxlib.h>
#include <lualib.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void need_walls(void) {
    if (mb_walls_available() == MB_WALLS_ALL) return;
    print_message("this kernel has not both of seccomp and Landlock\n");
    skip();
}

// What a thread behind the walls found out; it cannot use the tests' own assertions.
typedef struct trial {
    const char *readable[2];
    const char *script; // in a Lua with all its libraries; returns "" or what got through
    bool closed;
    char said[2048];
} trial;

static void *behind_walls(void *argument) {
    trial *one = argument;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    mb_error error = {0};
    mb_status status = mb_walls_raise(one->readable, 2, &error);
    if (status == MB_OK && one->closed) status = mb_walls_close(&error);
    if (status != MB_OK)
        snprintf(one->said, sizeof one->said, "%s", error.message);
    else if (luaL_dostring(L, one->script))
        snprintf(one->said, sizeof one->said, "error: %s", lua_tostring(L, -1));
    else
        snprintf(one->said, sizeof one->said, "%s", lua_tostring(L, -1));
    lua_close(L);
    return NULL;
}

static void run(trial *one) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, behind_walls, one), 0);
    pthread_join(thread, NULL);
}

static void test_opened_lua_gets_nothing(void **state) {
    (void)state;
    need_walls();
    trial one = {.closed = true,
                 .script = "local got = ''\n"
                           "local function try(name, value) if value then got = got .. name .. ' ' end end\n"
                           "try('read', io.open('/etc/passwd'))\n"
                           "try('write', io.open('/tmp/mbsand-walls-test', 'w'))\n"
                           "try('list', io.popen and pcall(io.popen, 'ls') and io.popen('ls'))\n"
                           "try('execute', (os.execute('true') == true or os.execute('true') == 0))\n"
                           "try('remove', os.remove('/tmp/mbsand-walls-victim'))\n"
                           "try('rename', os.rename('/tmp/mbsand-walls-victim', '/tmp/mbsand-walls-moved'))\n"
                           "try('load', package.loadlib('libthread_db.so.1', '*'))\n"
                           "try('tmpfile', pcall(io.tmpfile) and io.tmpfile())\n"
                           "return got\n"};
    FILE *victim = fopen("/tmp/mbsand-walls-victim", "w");
    assert_non_null(victim);
    fclose(victim);
    run(&one);
    assert_string_equal(one.said, "");
    assert_int_equal(remove("/tmp/mbsand-walls-victim"), 0); // this thread is free
    assert_int_not_equal(access("/tmp/mbsand-walls-test", F_OK), 0);
}

static void test_reading_beneath_the_given_folders(void **state) {
    (void)state;
    need_walls();
    trial one = {.readable = {"tests/sandbox"},
                 .script =
                     "local inside, outside = io.open('tests/sandbox/small.lua'), io.open('tests/run.sh')\n"
                     "return tostring(inside and inside:read('l') ~= nil) .. ' ' .. tostring(outside)"};
    run(&one);
    assert_string_equal(one.said, "true nil");
    one.closed = true;
    run(&one);
    assert_string_equal(one.said, "nil nil");
}

static void *connects(void *argument) {
    int *reasons = argument;
    mb_error error;
    if (mb_walls_raise(NULL, 0, &error) != MB_OK || mb_walls_close(&error) != MB_OK) return NULL;
    reasons[0] = socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
    reasons[1] = socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
    pthread_t thread;
    reasons[2] = pthread_create(&thread, NULL, connects, argument);
    char *const nothing[] = {NULL};
    reasons[3] = execve("/bin/true", nothing, nothing) < 0 ? errno : 0;
    reasons[4] = fork() < 0 ? errno : 0;
    return NULL;
}

static void test_nothing_is_reached_or_started(void **state) {
    (void)state;
    need_walls();
    int reasons[5] = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, connects, reasons), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 5; i++)
        assert_int_equal(reasons[i], EPERM);
    const int free_socket = socket(AF_UNIX, SOCK_STREAM, 0); // the walls end with their thread
    assert_true(free_socket >= 0);
    close(free_socket);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opened_lua_gets_nothing),
        cmocka_unit_test(test_reading_beneath_the_given_folders),
        cmocka_unit_test(test_nothing_is_reached_or_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
