// SPDX-License-Identifier: MIT
#include "script/host.h"

#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
    mb_host *host = context;
    if (!block) old_size = 0; // Lua passes a type tag there
    if (new_size == 0) {
        free(block);
        host->memory_used -= old_size;
        return NULL;
    }
    if (new_size > old_size && host->memory_used + (new_size - old_size) > host->limits.memory_bytes) {
        host->out_of_memory = true;
        return NULL;
    }
    void *grown = realloc(block, new_size);
    if (grown) host->memory_used += new_size - old_size;
    return grown;
}

// Turns an error value into a string and adds the call stack. Never runs the script's own code.
static int add_traceback(lua_State *L) {
    const char *message = lua_tostring(L, 1);
    if (!message) message = lua_pushfstring(L, "(error value of type %s)", luaL_typename(L, 1));
    luaL_traceback(L, L, message, 1);
    return 1;
}

static int panic(lua_State *L) { // unreachable: every call is protected; a crash beats a wrong number
    fprintf(stderr, "mbsand: unprotected Lua error: %s\n", lua_tostring(L, -1));
    abort();
}

mb_status mb_host_open(mb_host *host, const mb_limits *limits, mb_error *error) {
    *host = (mb_host){.limits = *limits};
    host->L = lua_newstate(allocate, host);
    if (!host->L) return mb_fail(error, MB_FAILED, "out of memory: a policy needs limits.memory_mb of at least 1");
    lua_atpanic(host->L, panic);
    lua_pushcfunction(host->L, add_traceback);
    host->handler = luaL_ref(host->L, LUA_REGISTRYINDEX);
    return MB_OK;
}

void mb_host_close(mb_host *host) {
    if (host->L) lua_close(host->L);
    free(host->directory);
    free(host->root);
    free(host->sample);
    host->L = NULL;
}

static void stop_hook(lua_State *L, lua_Debug *unused) {
    (void)unused;
    mb_host *host = mb_host_of(L);
    lua_sethook(L, NULL, 0, 0);
    if (atomic_load(&host->stopped_late))
        luaL_error(L, "%s ran longer than %f s (limits.hook_seconds); is there an endless loop?",
                   host->hook ? host->hook : "the script", host->limits.hook_s);
    luaL_error(L, "%s used more than %f instructions (limits.hook_instructions)",
               host->hook ? host->hook : "the script", (double)host->limits.hook_instructions);
}

void mb_host_interrupt(mb_host *host) {
    atomic_store(&host->stopped_late, true);
    lua_sethook(host->L, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

// Split "message\nstack traceback:..." into the error's two parts, and say where and when it happened.
static void describe(mb_host *host, int status, mb_error *error) {
    lua_State *L = host->L;
    const char *text = status == LUA_ERRMEM ? NULL : lua_tostring(L, -1);
    char where[160] = "";
    if (host->sim)
        snprintf(where, sizeof where, " [in %s, t = %.6g s, %llu arrivals, seed %llu, replication %llu]", host->hook,
                 host->sim->now_s, (unsigned long long)host->sim->arrived,
                 (unsigned long long)host->sim->config->seed, (unsigned long long)host->sim->config->replication);
    if (!text || (host->out_of_memory && strstr(text, "not enough memory"))) {
        mb_fail(error, MB_FAILED, "%s: the policy used more than %.0f MiB of memory (limits.memory_mb)%s", host->label,
                (double)host->limits.memory_bytes / (1 << 20), where);
        return;
    }
    const char *traceback = strstr(text, "\nstack traceback:");
    const int length = traceback ? (int)(traceback - text) : (int)strlen(text);
    mb_fail(error, MB_FAILED, "%.*s%s", length, text, where);
    if (traceback) snprintf(error->traceback, sizeof error->traceback, "%s", traceback + 1);
}

// This thread alone writes the counter, so no locked instruction is needed.
static void count_entry(mb_host *host) {
    const unsigned long entries = atomic_load_explicit(&host->entries, memory_order_relaxed);
    atomic_store_explicit(&host->entries, entries + 1, memory_order_relaxed);
}

mb_status mb_host_call(mb_host *host, const char *hook, int arguments, int results, mb_error *error) {
    lua_State *L = host->L;
    const int base = lua_gettop(L) - arguments; // the function's place
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->handler);
    lua_insert(L, base);
    const char *outer = host->hook;
    host->hook = hook;
    if (host->depth++ == 0) {
        atomic_store_explicit(&host->stopped_late, false, memory_order_relaxed);
        count_entry(host);
        if (host->limits.hook_instructions)
            lua_sethook(L, stop_hook, LUA_MASKCOUNT, (int)host->limits.hook_instructions);
    }
    const int status = lua_pcall(L, arguments, results, base);
    if (--host->depth == 0) {
        count_entry(host);
        if (host->limits.hook_instructions) lua_sethook(L, NULL, 0, 0);
    }
    lua_remove(L, base);
    if (status == LUA_OK) {
        host->hook = outer;
        return MB_OK;
    }
    if (error) describe(host, status, error);
    host->hook = outer;
    lua_settop(L, base - 1);
    return MB_FAILED;
}

int mb_host_raise(lua_State *L, const mb_error *error) {
    // A nested call's message has its position already.
    if (error->traceback[0]) lua_pushstring(L, error->message);
    else {
        luaL_where(L, 1);
        lua_pushstring(L, error->message);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static mb_status read_file(const char *path, mb_strbuf *text, mb_error *error) {
    FILE *file = fopen(path, "rb");
    if (!file) return mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    char block[4096];
    size_t count;
    while ((count = fread(block, 1, sizeof block, file)) > 0) mb_strbuf_add_bytes(text, block, count);
    const bool bad = ferror(file) != 0;
    const int reason = errno;
    fclose(file);
    if (bad) return mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", path, strerror(reason));
    return text->failed ? mb_fail_memory(error) : MB_OK;
}

mb_status mb_host_load_file(mb_host *host, const char *path, const char *name, mb_error *error) {
    lua_State *L = host->L;
    mb_strbuf text = {0}, chunk_name = {0};
    mb_status status = read_file(path, &text, error);
    if (status == MB_OK) {
        mb_strbuf_printf(&chunk_name, "@%s", name);
        const char *start = text.text ? text.text : "";
        size_t length = text.length;
        if (length > 2 && start[0] == '#' && start[1] == '!') { // a shebang line; its newline stays, for line numbers
            const char *newline = memchr(start, '\n', length);
            length = newline ? length - (size_t)(newline - start) : 0;
            start = newline ? newline : "";
        }
        if (luaL_loadbufferx(L, start, length, chunk_name.text, "t") != LUA_OK) {
            const char *message = lua_tostring(L, -1);
            if (length && start[0] == '\x1b')
                status = mb_fail(error, MB_BAD_INPUT, "%s: is compiled Lua; a policy must be source text", name);
            else status = mb_fail(error, MB_BAD_INPUT, "%s", message ? message : "not enough memory");
            lua_pop(L, 1);
        } else {
            lua_rawgeti(L, LUA_REGISTRYINDEX, host->environment);
            mb_lua_set_environment(L);
        }
    }
    mb_strbuf_deinit(&text);
    mb_strbuf_deinit(&chunk_name);
    return status;
}
