// SPDX-License-Identifier: MIT
#include "policy/host.h"

#include "base/aside.h"
#include "base/clock.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "policy/dialect.h"
#include "policy/scripts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool over_instructions(const mb_host *host, uint64_t used) {
    return host->limits.hook_instructions && used > host->limits.hook_instructions;
}

static void stop_hook(lua_State *L, lua_Debug *unused);

// Long texts and tables are filled by one instruction, which takes as long as they are: the work of it. No
// error is raised here; the next instruction does.
#define LONG_BLOCK 1024
#define BYTES_PER_UNIT 16
static void count_long_block(mb_host *host, size_t bytes) {
    if (host->depth == 0) return;
    host->work += bytes / BYTES_PER_UNIT;
    if (over_instructions(host, host->work)) lua_sethook(host->L, stop_hook, LUA_MASKCOUNT, 1);
}

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
    void *grown = block ? realloc(block, new_size) : malloc(new_size);
    if (grown) host->memory_used += new_size - old_size;
    if (new_size >= LONG_BLOCK && new_size > old_size) count_long_block(host, new_size - old_size);
    return grown;
}

// "file:line: " of the innermost function of the script, or "" outside it; pushes it.
static void push_position(lua_State *L) {
    lua_Debug frame;
    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        luaL_where(L, level);
        if (lua_rawlen(L, -1)) return;
        lua_pop(L, 1);
    }
    lua_pushliteral(L, "");
}

static bool has_position(const char *message) { // starts with "file:line:"
    const char *colon = strchr(message, ':');
    if (!colon) return false;
    const size_t digits = strspn(colon + 1, "0123456789");
    return digits && colon[1 + digits] == ':';
}

// Turns an error value into a string and adds the call stack. Never runs the script's own code.
static int add_traceback(lua_State *L) {
    if (!lua_isstring(L, 1)) {
        lua_pushfstring(L, "error was called with a %s; give it a text", luaL_typename(L, 1));
        lua_replace(L, 1);
    }
    if (!has_position(lua_tostring(L, 1)))
        push_position(L);
    else
        lua_pushliteral(L, "");
    lua_pushvalue(L, 1);
    lua_concat(L, 2);
    luaL_traceback(L, L, lua_tostring(L, -1), 1);
    return 1;
}

static int panic(lua_State *L) { // unreachable: every call is protected; a crash beats a wrong number
    fprintf(stderr, "mbsand: unprotected Lua error: %s\n", lua_tostring(L, -1));
    abort();
}

static int run_function(lua_State *L) {
    return mb_host_of(L)->function(L);
}

static int keep_functions(lua_State *L) {
    mb_host *host = mb_host_of(L);
    lua_pushcfunction(L, add_traceback);
    host->handler = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushcfunction(L, run_function);
    host->runner = luaL_ref(L, LUA_REGISTRYINDEX);
    // LuaJIT notes each region of memory that light userdata point to, once: the stack, the host's and the
    // heap's.
    int here;
    lua_pushlightuserdata(L, &here);
    lua_pushlightuserdata(L, host);
    lua_pushlightuserdata(L, L);
    return 0;
}

// Call a C function of ours when there is no error handler yet. With LuaJIT even making the function
// allocates.
static int run_protected(lua_State *L, lua_CFunction function) {
#if LUA_VERSION_NUM < 502
    return lua_cpcall(L, function, NULL);
#else
    lua_pushcfunction(L, function);
    return lua_pcall(L, 0, 0, 0);
#endif
}

mb_status mb_host_open(mb_host *host, const mb_limits *limits, mb_error *error) {
    *host = (mb_host){.limits = *limits};
    host->limits.memory_bytes = UINT64_MAX; // LuaJIT crashes when memory runs out while a state is being made
    host->L = lua_newstate(allocate, host);
    host->limits.memory_bytes = limits->memory_bytes;
    if (host->L) {
        lua_atpanic(host->L, panic);
        if (host->memory_used <= limits->memory_bytes && run_protected(host->L, keep_functions) == LUA_OK) {
            lua_rawgeti(host->L, LUA_REGISTRYINDEX, host->handler); // MB_AT_HANDLER
            return MB_OK;
        }
        mb_host_close(host);
    }
    return mb_fail(error, MB_FAILED, "out of memory: a policy needs limits.memory_mb of at least 1");
}

void mb_host_close(mb_host *host) {
    if (host->L) lua_close(host->L);
    free(host->directory);
    free(host->root);
    free(host->sample);
    free(host->timers_known);
    free(host->text);
    for (size_t i = 0; i < host->file_count; i++)
        free(host->files[i]);
    free(host->files);
    host->L = NULL;
}

// While a script loads the clock is read every so many instructions. Few, since one of them may be a call
// that takes a while: table.unpack of a million values.
#define LOAD_LOOK 100

void mb_host_begin_loading(mb_host *host) {
    host->deadline_s = mb_clock_read(CLOCK_THREAD_CPUTIME_ID) + host->limits.hook_s;
    host->instructions = host->work = 0;
}

void mb_host_end_loading(mb_host *host) {
    host->deadline_s = 0;
}

static bool is_late(mb_host *host) {
    if (host->deadline_s > 0 && mb_clock_read(CLOCK_THREAD_CPUTIME_ID) >= host->deadline_s)
        atomic_store(&host->stopped_late, true);
    return atomic_load(&host->stopped_late);
}

// Raise the sentence of the limit that was met.
static void raise_limit(lua_State *L) {
    const mb_host *host = mb_host_of(L);
    lua_sethook(L, NULL, 0, 0); // it would end the error handler as well
    const char *hook = host->hook ? host->hook : "the script";
    char text[160];
    if (atomic_load(&host->interrupted))
        snprintf(text, sizeof text, "%s was interrupted", hook);
    else if (atomic_load(&host->stopped_late))
        snprintf(text, sizeof text,
                 "%s ran longer than %g s of CPU time (limits.hook_seconds); is there an endless loop?", hook,
                 host->limits.hook_s);
    else
        snprintf(text, sizeof text, "%s used more than %llu instructions (limits.hook_instructions)", hook,
                 (unsigned long long)host->limits.hook_instructions);
    push_position(L);
    lua_pushstring(L, text);
    lua_concat(L, 2);
    lua_error(L);
}

void mb_host_look(lua_State *L) {
    mb_host *host = mb_host_of(L);
    if (over_instructions(host, host->work) || is_late(host)) raise_limit(L);
}

static void stop_hook(lua_State *L, lua_Debug *unused) {
    (void)unused;
    mb_host *host = mb_host_of(L);
    if (host->deadline_s > 0) {
        host->instructions += LOAD_LOOK;
        if (!over_instructions(host, host->instructions) && !over_instructions(host, host->work) &&
            !is_late(host))
            return;
    }
    raise_limit(L);
}

void mb_host_interrupt(mb_host *host) {
    // It may have ended since somebody looked: the next one has done nothing wrong.
    if (atomic_load(&host->entries) != atomic_load(&host->late_entries)) return;
    atomic_store(&host->stopped_late, true);
    lua_sethook(host->L, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

bool mb_host_leave_behind(mb_host *host) {
    if (atomic_load(&host->entries) % 2 == 0 || !atomic_load(&host->stopped_late)) return false;
    atomic_store(&host->left, true);
    return true;
}

// Add a line, with the newline in front of it if there is one, where there is room for it as a whole.
static void add_line(mb_error *error, const char *line) {
    const size_t used = strlen(error->traceback), length = line[0] ? 1 + strcspn(line + 1, "\n") : 0;
    if (used + length + 1 > sizeof error->traceback) return;
    memcpy(error->traceback + used, line, length);
    error->traceback[used + length] = '\0';
    mb_make_printable(error->traceback + used, "\n\t");
}

// The call stack line by line, without those that tell nothing: our own C functions. (LuaJIT names them by an
// address, which differs from run to run.)
static void copy_traceback(mb_error *error, const char *traceback) {
    error->traceback[0] = '\0';
    add_line(error, traceback); // "stack traceback:"
    bool told = false;
    for (const char *line = strchr(traceback, '\n'); line; line = strchr(line + 1, '\n')) {
        const char *text = line + 1 + strspn(line + 1, "\t");
        if (text[0] == '[' && (strncmp(text, "[C]: in ", 8) != 0 || text[8] == '?')) continue;
        add_line(error, line);
        told = told || text[0] != '[';
    }
    if (!told) error->traceback[0] = '\0';
}

// Split "message\nstack traceback:..." into the error's two parts, and say where and when it happened.
static void describe(mb_host *host, int status, mb_error *error) {
    lua_State *L = host->L;
    const char *text = status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    char where[160] = "";
    if (host->sim && !(text && strstr(text, " [in "))) // a nested call's message says it already
        snprintf(where, sizeof where, " [in %s, t = %.6g s, %llu arrivals, seed %llu, replication %llu]",
                 host->hook, host->sim->now_s, (unsigned long long)host->sim->arrived,
                 (unsigned long long)host->sim->config->seed,
                 (unsigned long long)host->sim->config->replication);
    if (!text || (host->out_of_memory && strstr(text, "not enough memory"))) {
        mb_fail(error, MB_FAILED, "%s: the policy used more than %.0f MiB of memory (limits.memory_mb)%s",
                host->label, (double)host->limits.memory_bytes / (1 << 20), where);
        return;
    }
    const char *traceback = strstr(text, "\nstack traceback:");
    const int length = traceback ? (int)(traceback - text) : (int)strlen(text);
    mb_fail(error, MB_FAILED, "%.*s%s", length, text, where);
    if (traceback) copy_traceback(error, traceback + 1);
}

// This thread alone writes the counter, so no locked instruction is needed.
static void count_entry(mb_host *host) {
    const unsigned long entries = atomic_load_explicit(&host->entries, memory_order_relaxed);
    atomic_store_explicit(&host->entries, entries + 1, memory_order_relaxed);
}

static void arm_limits(mb_host *host) {
    if (host->deadline_s > 0)
        lua_sethook(host->L, stop_hook, LUA_MASKCOUNT, LOAD_LOOK);
    else if (host->limits.hook_instructions)
        lua_sethook(host->L, stop_hook, LUA_MASKCOUNT, (int)host->limits.hook_instructions);
}

static void disarm_limits(mb_host *host) {
    const bool late = atomic_load_explicit(&host->stopped_late, memory_order_relaxed);
    if (late || host->deadline_s > 0 || host->limits.hook_instructions) lua_sethook(host->L, NULL, 0, 0);
    if (late && atomic_load(&host->left)) mb_park();
}

// How deep hooks and our own functions may call each other. Lua 5.4 refuses at 200 C calls, of which one
// level takes up to four; LuaJIT does not refuse, and a level takes up to 8 KiB of a worker's C stack.
#define MAX_NESTING 40

void mb_host_enter(lua_State *L) {
    mb_host *host = mb_host_of(L);
    if (host->nesting >= MAX_NESTING)
        luaL_error(
            L,
            "calls within calls, %d deep (a hook that sets off itself, a `by` function that pushes, a module "
            "that requires itself?)",
            MAX_NESTING);
    host->nesting++;
}

void mb_host_leave(lua_State *L) {
    mb_host_of(L)->nesting--;
}

bool mb_host_holds(const mb_host *host, uint32_t slot) {
    for (const mb_held *held = host->held; held; held = held->outer)
        if (held->slot == slot) return true;
    return false;
}

mb_fence mb_host_fence(mb_host *host, mb_fence_level level, const char *who) {
    const mb_fence outer = host->fence;
    if (level > outer.level) host->fence = (mb_fence){level, who};
    return outer;
}

void mb_host_check_fence(lua_State *L, mb_fence_level level, const char *call) {
    const mb_fence *fence = &mb_host_of(L)->fence;
    if (fence->level < level) return;
    if (fence->level == MB_FENCE_ALL)
        luaL_error(L,
                   "%s: refused inside %s, which is called in the middle of something else: it may look at "
                   "anything, and change nothing (no calls within calls)",
                   call, fence->who);
    luaL_error(L, "%s: refused inside %s: a step is filled by the hook 'schedule' itself", call, fence->who);
}

mb_status mb_host_call(mb_host *host, const char *hook, int arguments, int results, mb_error *error) {
    lua_State *L = host->L;
    const int base = lua_gettop(L) - arguments; // the function's place
    const bool nested = host->depth > 0;
    if (nested) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, host->handler);
        lua_insert(L, base);
    }
    const char *outer = host->hook;
    const int nesting = host->nesting;
    const mb_fence fence = host->fence;
    host->hook = hook;
    if (host->depth++ == 0) {
        atomic_store_explicit(&host->stopped_late, false, memory_order_relaxed);
        host->work = 0;
        count_entry(host);
        arm_limits(host);
    }
    const int status = lua_pcall(L, arguments, results, nested ? base : MB_AT_HANDLER);
    host->nesting = nesting;
    host->fence = fence;
    if (--host->depth == 0) {
        count_entry(host);
        disarm_limits(host);
    }
    if (nested) lua_remove(L, base);
    if (status == LUA_OK) {
        host->hook = outer;
        return MB_OK;
    }
    if (error) describe(host, status, error);
    host->hook = outer;
    lua_settop(L, base - 1);
    return MB_FAILED;
}

mb_status mb_host_run(mb_host *host, lua_CFunction function, const char *hook, int arguments,
                      mb_error *error) {
    lua_State *L = host->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->runner);
    lua_insert(L, -1 - arguments);
    host->function = function;
    return mb_host_call(host, hook, arguments, 0, error);
}

int mb_host_raise(lua_State *L, const mb_error *error) {
    // A nested call's message has its position already.
    if (has_position(error->message))
        lua_pushstring(L, error->message);
    else {
        luaL_where(L, 1);
        lua_pushstring(L, error->message);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

// Note that the file was loaded; one that is loaded again is noted once.
static mb_status note_file(mb_host *host, const char *path, const char *text, mb_error *error) {
    for (size_t i = 0; i < host->file_count; i++)
        if (strcmp(host->files[i], path) == 0) return MB_OK;
    char **files = realloc(host->files, (host->file_count + 1) * sizeof *files);
    if (files) host->files = files;
    char *copy = files ? mb_strdup(path) : NULL;
    if (!host->text) host->text = mb_strdup(text);
    if (!copy || !host->text) {
        free(copy);
        return mb_fail_memory(error);
    }
    host->files[host->file_count++] = copy;
    host->says_plain = host->says_plain || strstr(text, ":plain") != NULL;
    return MB_OK;
}

// `own` keeps a text that nobody else does.
static mb_status read_script(const mb_host *host, const char *path, mb_strbuf *own, const char **text,
                             size_t *length, mb_error *error) {
    if (host->spec && host->spec->scripts)
        return mb_scripts_read(host->spec->scripts, path, MB_MAX_SCRIPT, text, length, error);
    const mb_status status = mb_paths_read(path, MB_MAX_SCRIPT, own, error);
    *text = own->text;
    *length = own->length;
    return status;
}

mb_status mb_host_load_file(mb_host *host, const char *path, const char *name, mb_error *error) {
    lua_State *L = host->L;
    mb_strbuf own = {0}, chunk_name = {0};
    const char *start = NULL;
    size_t length = 0;
    if (host->sealed)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: no file is opened once the run has begun; `require`, rules and samples belong into the "
            "script itself or its `init`",
            name);
    mb_status status = read_script(host, path, &own, &start, &length, error);
    if (status == MB_OK) status = note_file(host, path, start, error);
    if (status == MB_OK) {
        mb_strbuf_printf(&chunk_name, "@%s", name);
        if (length >= 3 &&
            memcmp(start, "\xef\xbb\xbf", 3) == 0) { // the mark that some editors put before UTF-8
            start += 3;
            length -= 3;
        }
        if (length > 2 && start[0] == '#' &&
            start[1] == '!') { // a shebang line; its newline stays, for line numbers
            const char *newline = memchr(start, '\n', length);
            length = newline ? length - (size_t)(newline - start) : 0;
            start = newline ? newline : "";
        }
        if (start[0] != '\x1b') status = mb_dialect_check(start, length, name, error);
        if (status != MB_OK) {
            // said already
        } else if (luaL_loadbufferx(L, start, length, chunk_name.text, "t") != LUA_OK) {
            const char *message = lua_tostring(L, -1);
            if (length && start[0] == '\x1b')
                status =
                    mb_fail(error, MB_BAD_INPUT, "%s: is compiled Lua; a policy must be source text", name);
            else if (length > 1 && (memcmp(start, "\xff\xfe", 2) == 0 || memcmp(start, "\xfe\xff", 2) == 0))
                status = mb_fail(error, MB_BAD_INPUT, "%s: is UTF-16 text; save it as UTF-8", name);
            else if (message && has_position(message))
                status = mb_fail(error, MB_BAD_INPUT, "%s", message);
            else
                status =
                    mb_fail(error, MB_BAD_INPUT, "%s: %s", name, message ? message : "not enough memory");
            lua_pop(L, 1);
        } else {
            lua_rawgeti(L, LUA_REGISTRYINDEX, host->environment);
            mb_lua_set_environment(L);
        }
    }
    mb_strbuf_deinit(&own);
    mb_strbuf_deinit(&chunk_name);
    return status;
}
