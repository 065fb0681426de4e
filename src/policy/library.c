// SPDX-License-Identifier: MIT
// The functions of the closed environment that differ from Lua's own: deterministic, bounded, without
// addresses.
#include "policy/library.h"

#include "base/paths.h"
#include "base/strbuf.h"
#include "policy/library_equal.h"
#include "policy/library_table.h"
#include "policy/params.h"
#include "policy/views.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LOG_LINES 1000u
#define MAX_LOG_LINE 2000        // characters
#define MAX_STRING (64u * 1024u) // of string.rep
#define MAX_FIND 5e8             // comparisons of string.find: half a second
#define BYTES_PER_UNIT 16        // of texts that are looked through; see mb_host_work

void mb_library_tostring(lua_State *L, int index) {
    index = mb_lua_absolute(L, index);
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        lua_pushliteral(L, "nil");
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        mb_library_push_number(L, lua_tonumber(L, index));
        break;
    case LUA_TSTRING:
        lua_pushvalue(L, index);
        break;
    default:
        mb_view_describe(L, index);
    }
}

static int tostring(lua_State *L) {
    luaL_checkany(L, 1);
    mb_library_tostring(L, 1);
    return 1;
}

// A text on standard error, each line behind the policy's name, so that none can pass for another's; cut at a
// length, and without the control characters that steer a terminal.
static void print_lines(mb_host *host, const char *text) {
    char label[128], line[MAX_LOG_LINE + 1];
    snprintf(label, sizeof label, "%s", host->label);
    mb_make_printable(label, "");
    for (const char *end; text; text = *end ? end + 1 : NULL) {
        end = text + strcspn(text, "\n");
        if (host->log_lines == MAX_LOG_LINES)
            fprintf(stderr, "%s: (more than %u lines; the rest is not shown)\n", label, MAX_LOG_LINES);
        if (host->log_lines >= MAX_LOG_LINES) {
            host->log_lines = MAX_LOG_LINES + 1;
            return;
        }
        host->log_lines++;
        snprintf(line, sizeof line, "%.*s", (int)(end - text < MAX_LOG_LINE ? end - text : MAX_LOG_LINE),
                 text);
        mb_make_printable(line, "\t");
        fprintf(stderr, "%s: %s%s\n", label, line, end - text > MAX_LOG_LINE ? " ..." : "");
    }
}

static int print(lua_State *L) {
    mb_host *host = mb_host_of(L);
    const int count = lua_gettop(L);
    luaL_Buffer line;
    // Texts first, so that the buffer's own stack use is not disturbed.
    for (int i = 1; i <= count; i++) {
        mb_library_tostring(L, i);
        lua_replace(L, i);
    }
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) luaL_addchar(&line, ' ');
        lua_pushvalue(L, i);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    print_lines(host, lua_tostring(L, -1));
    return 0;
}

int mb_library_random(lua_State *L) {
    mb_rng *rng = &mb_host_of(L)->random;
    int first = lua_type(L, 1) == LUA_TUSERDATA ? 2 : 1; // sim:random() and sim.random() both work
    const int count = lua_gettop(L) - first + 1;
    if (count <= 0) {
        lua_pushnumber(L, mb_rng_uniform(rng));
        return 1;
    }
    const lua_Number low = count == 1 ? 1 : luaL_checknumber(L, first);
    const lua_Number high = luaL_checknumber(L, count == 1 ? first : first + 1);
    if (!(low <= high) || !(low >= -0x1p53 && high <= 0x1p53) || high - low >= 0x1p53)
        return luaL_error(L, "random: the interval is empty or too wide");
    lua_pushinteger(L, (lua_Integer)low + (lua_Integer)mb_rng_below(rng, (uint64_t)(high - low) + 1));
    return 1;
}

static int format(lua_State *L) { // upvalue 1: Lua's own string.format
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    int argument = 1;
    for (const char *c = text; c < text + length; c++) {
        if (*c != '%') continue;
        if (*++c == '%') continue;
        while (*c && strchr("-+ #0123456789.", *c))
            c++;
        if (!*c) return luaL_error(L, "format: the text ends in the middle of a '%%'");
        if (!strchr("cdiouxXeEfgGs", *c)) return luaL_error(L, "format: '%%%c' is not available here", *c);
        argument++;
        const int type = lua_type(L, argument);
        if (strchr("cdiouxX", *c) && lua_isnumber(L, argument) &&
            lua_tonumber(L, argument) != floor(lua_tonumber(L, argument)))
            return luaL_error(
                L, "format: '%%%c' needs a whole number, and got %f; write math.floor(x), or %%.0f", *c,
                lua_tonumber(L, argument));
        if (*c == 's' && type != LUA_TSTRING && type != LUA_TNONE) {
            mb_library_tostring(L, argument);
            lua_replace(L, argument);
        }
        if (type == LUA_TSTRING) mb_host_work(L, lua_rawlen(L, argument) / BYTES_PER_UNIT);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

// A function of Lua's own that goes through a text.
static int go_through(lua_State *L) { // upvalue 1: it
    size_t length;
    luaL_checklstring(L, 1, &length);
    mb_host_work(L, length / BYTES_PER_UNIT);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int repeat(lua_State *L) {
    size_t length, between;
    const char *text = luaL_checklstring(L, 1, &length);
    const lua_Number times = luaL_checknumber(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &between);
    if (!(times <= MAX_STRING) || (double)(length + between) * times > MAX_STRING)
        return luaL_error(L, "rep: the result would be longer than %d characters", (int)MAX_STRING);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (int i = 0; i < times; i++) {
        if (i) luaL_addlstring(&buffer, separator, between);
        luaL_addlstring(&buffer, text, length);
    }
    luaL_pushresult(&buffer);
    return 1;
}

static int find(lua_State *L) { // plain only
    size_t length, wanted_length;
    const char *text = luaL_checklstring(L, 1, &length), *wanted = luaL_checklstring(L, 2, &wanted_length);
    lua_Number start = luaL_optnumber(L, 3, 1);
    if (start < 0) start += (lua_Number)length + 1;
    if (!(start >= 1)) start = 1;
    if (start > (lua_Number)length + 1)
        start = (lua_Number)length + 2; // found nowhere, not even the empty text
    if (wanted_length <= length && (double)(length - wanted_length) * (double)wanted_length > MAX_FIND)
        return luaL_error(L, "find: looking for %d characters in %d takes too long", (int)wanted_length,
                          (int)length);
    mb_host_work(L, length / BYTES_PER_UNIT);
    for (size_t at = (size_t)start - 1; at + wanted_length <= length; at++) {
        if (wanted_length && text[at] != *wanted) continue;
        mb_host_work(L, wanted_length / BYTES_PER_UNIT);
        if (memcmp(text + at, wanted, wanted_length) != 0) continue;
        lua_pushinteger(L, (lua_Integer)at + 1);
        lua_pushinteger(L, (lua_Integer)(at + wanted_length));
        return 2;
    }
    lua_pushnil(L);
    return 1;
}

// --- require
// --------------------------------------------------------------------------------------------------

static bool plain_name(const char *name) {
    bool start = true;
    for (const char *c = name; *c; c++) {
        if (*c == '.') {
            if (start) return false;
            start = true;
        } else if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                   *c == '_')
            start = false;
        else
            return false;
    }
    return !start;
}

// A part of the program, a file beside the policy, or else a bundled policy.
static mb_status find_module(const mb_host *host, const char *relative, char *path, size_t size,
                             mb_error *error) {
    if (strncmp(relative, "mbsand/", 7) == 0) {
        snprintf(path, size, "%s/lua/%s", host->root, relative);
        return MB_OK;
    }
    const mb_status status = mb_paths_beside(host->directory, relative, path, size, error);
    if (status == MB_OK) return MB_OK;
    char bundled[4096];
    const int length = snprintf(bundled, sizeof bundled, "%s/policies/%s", host->root, relative);
    if (length < 0 || (size_t)length >= sizeof bundled || mb_paths_is_file(path) ||
        !mb_paths_is_file(bundled))
        return status;
    snprintf(path, size, "%s", bundled);
    return MB_OK;
}

// A script that whoever started the run names in a parameter may lie anywhere.
static mb_status find_given(const mb_host *host, const char *name, char *path, size_t size, mb_error *error) {
    char *found = NULL;
    const mb_status status = mb_paths_find_policy(host->root, host->directory, name, &found, error);
    if (status == MB_OK) snprintf(path, size, "%s", found);
    free(found);
    return status;
}

static int require(lua_State *L) {
    mb_host *host = mb_host_of(L);
    size_t name_length;
    const char *name = luaL_checklstring(L, 1, &name_length);
    const bool given = mb_params_gave(host->spec, name) && strlen(name) == name_length;
    const bool file = given && name_length > 4 && strcmp(name + name_length - 4, ".lua") == 0;
    if (!file && (!plain_name(name) || strlen(name) != name_length))
        return luaL_error(
            L,
            "require: \"%s\" is not a module's name; a policy may require \"mbsand.NAME\", files beside "
            "itself by their name without .lua, and bundled policies by their names",
            name);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->modules);
    const int modules = lua_gettop(L);
    lua_getfield(L, modules, name);
    if (lua_type(L, -1) == LUA_TBOOLEAN && !lua_toboolean(L, -1))
        return luaL_error(L, "require: \"%s\" requires itself, by itself or through another module", name);
    if (!lua_isnil(L, -1)) return 1;
    lua_pushboolean(L, 0); // it loads
    lua_setfield(L, modules, name);
    char relative[256] = "", path[4096];
    if (name_length + 5 > sizeof relative && !file)
        return luaL_error(L, "require: the name is longer than %d characters", (int)sizeof relative - 5);
    for (size_t i = 0; i < name_length && !file; i++)
        relative[i] = name[i] == '.' ? '/' : name[i];
    memcpy(relative + (file ? 0 : name_length), ".lua", sizeof ".lua");
    mb_error error = {0};
    mb_status status = file ? find_given(host, name, path, sizeof path, &error)
                            : find_module(host, relative, path, sizeof path, &error);
    const bool own = !file && strncmp(name, "mbsand.", 7) == 0;
    if (status == MB_OK) status = mb_host_load_file(host, path, own ? relative : path, &error);
    if (status != MB_OK) return luaL_error(L, "require: %s", error.message);
    mb_host_enter(L);
    lua_call(L, 0, 1);
    mb_host_leave(L);
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, modules, name);
    return 1;
}

static void install(lua_State *L, int environment, const mb_replacement *replaced) {
    for (; replaced->name; replaced++) {
        if (replaced->library[0])
            lua_getfield(L, environment, replaced->library);
        else
            lua_pushvalue(L, environment);
        lua_pushcfunction(L, replaced->function);
        lua_setfield(L, -2, replaced->name);
        lua_pop(L, 1);
    }
}

void mb_library_replace(lua_State *L, int environment) {
    static const mb_replacement replaced[] = {
        {"", "print", print},       {"", "require", require},
        {"", "tostring", tostring}, {"math", "random", mb_library_random},
        {"string", "find", find},   {"string", "rep", repeat},
        {NULL, NULL, NULL}};
    install(L, environment, replaced);
    install(L, environment, mb_library_tables);
    install(L, environment, mb_library_equal);
    mb_library_equalise(L, environment);
    static const struct {
        const char *name;
        lua_CFunction function;
    } around[] = {{"format", format}, {"lower", go_through}, {"sub", go_through}, {"upper", go_through}};
    lua_getfield(L, environment, "string");
    lua_getfield(L, LUA_REGISTRYINDEX, "string");
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        lua_getfield(L, -1, around[i].name);
        lua_pushcclosure(L, around[i].function, 1);
        lua_setfield(L, -3, around[i].name);
    }
    lua_pop(L, 2);
}
