// SPDX-License-Identifier: MIT
#include "scenario/modules.h"

#include "base/paths.h"

#include <string.h>

#if LUA_VERSION_NUM < 502
#define SEARCHERS "loaders"
#define FIRST_MISS "\n\t" // `require` puts it before the first file itself in later versions
#else
#define SEARCHERS "searchers"
#define FIRST_MISS ""
#endif

static mb_scripts *scripts_of(lua_State *L) { // upvalue 1 of each function here
    return lua_touserdata(L, lua_upvalueindex(1));
}

// Push the chunk of a file, as Lua's own loadfile makes it; false: push a sentence.
static bool load_file(lua_State *L, const char *path, const char *mode) {
    const char *text;
    size_t length;
    mb_error error;
    if (mb_scripts_read(scripts_of(L), path, MB_MAX_SCENARIO, &text, &length, &error) != MB_OK) {
        lua_pushstring(L, error.message);
        return false;
    }
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, length -= 3;
    if (*text == '#') { // "#!/usr/bin/lua"; the line keeps its number
        const size_t line = strcspn(text, "\n");
        text += line, length -= line;
    }
    lua_pushfstring(L, "@%s", path);
    const int status = luaL_loadbufferx(L, text, length, lua_tostring(L, -1), mode);
    lua_remove(L, -2);
    return status == LUA_OK;
}

// (name, path): the first file of that name in a package.path, or nil and where it was looked for. Nothing is
// opened, so that a file that cannot be read is not taken for one that is missing.
static int search_path(lua_State *L) {
    const char *name = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
    const char *rest = luaL_checkstring(L, 2);
    lua_pushliteral(L, FIRST_MISS);
    for (size_t length; *rest; rest += length + (rest[length] == ';')) {
        length = strcspn(rest, ";");
        if (!length) continue;
        lua_pushlstring(L, rest, length);
        const char *file = luaL_gsub(L, lua_tostring(L, -1), "?", name);
        lua_remove(L, -2);
        if (mb_paths_is_file(file)) return 1;
        lua_pushfstring(L, "%sno file '%s'", lua_rawlen(L, -2) > strlen(FIRST_MISS) ? "\n\t" : "", file);
        lua_remove(L, -2);
        lua_concat(L, 2);
    }
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

// (name): the module's chunk and its path, or where it was looked for. Upvalue 2 is `package`.
static int search(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, search_path, 1);
    lua_pushvalue(L, 1);
    lua_getfield(L, lua_upvalueindex(2), "path");
    if (!lua_isstring(L, -1)) return luaL_error(L, "'package.path' must be a string");
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2)) return 1;
    lua_pop(L, 1);
    const char *path = lua_tostring(L, -1);
    if (!load_file(L, path, NULL))
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path,
                          lua_tostring(L, -1));
    lua_pushvalue(L, -2);
    return 2;
}

// (path, mode, environment): the chunk, or nil and a sentence. Upvalue 2 is Lua's own, for standard input.
static int loadfile(lua_State *L) {
    const bool environment = !lua_isnone(L, 3);
    if (lua_isnoneornil(L, 1)) {
        const int arguments = lua_gettop(L);
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_insert(L, 1);
        lua_call(L, arguments, LUA_MULTRET);
        return lua_gettop(L);
    }
    if (load_file(L, luaL_checkstring(L, 1), luaL_optstring(L, 2, NULL))) {
        if (!environment) return 1;
        lua_pushvalue(L, 3);
        mb_lua_set_environment(L);
        return 1;
    }
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int dofile(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_pushvalue(L, lua_upvalueindex(2));
    } else if (!load_file(L, luaL_checkstring(L, 1), NULL))
        return lua_error(L);
    const int below = lua_gettop(L) - 1;
    lua_call(L, 0, LUA_MULTRET);
    return lua_gettop(L) - below;
}

// Put `function` in the place of the global of that name, which becomes its second upvalue.
static void replace(lua_State *L, mb_scripts *scripts, const char *name, lua_CFunction function) {
    lua_pushlightuserdata(L, scripts);
    lua_getglobal(L, name);
    lua_pushcclosure(L, function, 2);
    lua_setglobal(L, name);
}

void mb_modules_open(lua_State *L, mb_scripts *scripts, const char *root, const char *scenario) {
    const char *slash = strrchr(scenario, '/');
    replace(L, scripts, "loadfile", loadfile);
    replace(L, scripts, "dofile", dofile);
    lua_getglobal(L, "package");
    const int package = lua_gettop(L);
    lua_pushfstring(L, "%s/lua/?.lua;", root);
    lua_pushlstring(L, slash ? scenario : ".", slash ? (size_t)(slash - scenario) : 1);
    lua_pushliteral(L, "/?.lua;");
    lua_getfield(L, package, "path");
    lua_concat(L, 4);
    lua_setfield(L, package, "path");
    lua_pushlightuserdata(L, scripts);
    lua_pushcclosure(L, search_path, 1);
    lua_setfield(L, package, "searchpath");
    lua_getfield(L, package, SEARCHERS);
    lua_pushlightuserdata(L, scripts);
    lua_pushvalue(L, package);
    lua_pushcclosure(L, search, 2);
    lua_rawseti(L, -2, 2); // in the place of Lua's own for files; the first looks at package.preload
    lua_pop(L, 2);
}
