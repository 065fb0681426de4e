// SPDX-License-Identifier: MIT
#include "policy/sandbox.h"

#include "base/strbuf.h"
#include "policy/library.h"

#include <string.h>

const mb_allowed mb_sandbox_allowed[] = {
    {"", "assert"},     {"", "error"},     {"", "ipairs"},    {"", "rawequal"},    {"", "rawget"},
    {"", "rawlen"},     {"", "rawset"},    {"", "select"},    {"", "type"},        {"", "_VERSION"},
    {"math", "abs"},    {"math", "acos"},  {"math", "asin"},  {"math", "ceil"},    {"math", "cos"},
    {"math", "deg"},    {"math", "exp"},   {"math", "floor"}, {"math", "fmod"},    {"math", "huge"},
    {"math", "max"},    {"math", "min"},   {"math", "modf"},  {"math", "pi"},      {"math", "rad"},
    {"math", "sin"},    {"math", "sqrt"},  {"math", "tan"},   {"table", "unpack"}, {"string", "byte"},
    {"string", "char"}, {"string", "len"}, {NULL, NULL},
};

const mb_allowed mb_sandbox_replaced[] = {
    {"", "next"},        {"", "pairs"},       {"", "print"},        {"", "require"},     {"", "tostring"},
    {"math", "random"},  {"string", "find"},  {"string", "format"}, {"string", "rep"},   {"table", "insert"},
    {"table", "sort"},   {"", "tonumber"},    {"math", "atan"},     {"math", "log"},     {"table", "concat"},
    {"table", "remove"}, {"string", "lower"}, {"string", "sub"},    {"string", "upper"}, {NULL, NULL},
};

#define EITHER_ENGINE "differs between the engines: a policy would not run on both"
#define PATTERNS "patterns can take exponential time inside one C call"
#define ESCAPE "reaches code or data outside the environment"
#define METATABLES "metatables can run code after a limit (__gc), or endlessly inside C (__len, __index)"

const mb_omitted mb_sandbox_omitted[] = {
    {"", "_G", ESCAPE},
    {"", "collectgarbage", "when memory is collected must not depend on the policy"},
    {"", "coroutine", "a coroutine escapes the time limit, and nothing here needs one"},
    {"", "dofile", ESCAPE},
    {"", "gcinfo", "memory in use differs from run to run"},
    {"", "getfenv", ESCAPE},
    {"", "getmetatable", METATABLES},
    {"", "load", "code made at run time could be bytecode, which crashes the interpreter at will"},
    {"", "loadfile", ESCAPE},
    {"", "loadstring", "as load"},
    {"", "module", ESCAPE},
    {"", "newproxy", METATABLES},
    {"", "pcall", "would swallow the error that ends a hook over its limit"},
    {"", "setfenv", ESCAPE},
    {"", "setmetatable", METATABLES},
    {"", "unpack", "table.unpack is its name in both engines here"},
    {"", "warn", "writes to the terminal"},
    {"", "xpcall", "as pcall"},
    {"math", "atan2", EITHER_ENGINE},
    {"math", "cosh", EITHER_ENGINE},
    {"math", "frexp", EITHER_ENGINE},
    {"math", "ldexp", EITHER_ENGINE},
    {"math", "log10", EITHER_ENGINE},
    {"math", "maxinteger", EITHER_ENGINE},
    {"math", "mininteger", EITHER_ENGINE},
    {"math", "mod", EITHER_ENGINE},
    {"math", "pow", EITHER_ENGINE},
    {"math", "randomseed", "the stream belongs to the run: same seed, same bits"},
    {"math", "sinh", EITHER_ENGINE},
    {"math", "tanh", EITHER_ENGINE},
    {"math", "tointeger", EITHER_ENGINE},
    {"math", "type", EITHER_ENGINE},
    {"math", "ult", EITHER_ENGINE},
    {"string", "dump", "makes bytecode"},
    {"string", "gmatch", PATTERNS},
    {"string", "gfind", PATTERNS},
    {"string", "gsub", PATTERNS},
    {"string", "match", PATTERNS},
    {"string", "pack", EITHER_ENGINE},
    {"string", "packsize", EITHER_ENGINE},
    {"string", "reverse", "nobody needs it"},
    {"string", "unpack", EITHER_ENGINE},
    {"table", "clear", EITHER_ENGINE},
    {"table", "foreach", EITHER_ENGINE},
    {"table", "foreachi", EITHER_ENGINE},
    {"table", "getn", EITHER_ENGINE},
    {"table", "maxn", EITHER_ENGINE},
    {"table", "move", "its length argument is a loop inside C that no limit stops"},
    {"table", "new", EITHER_ENGINE},
    {"table", "pack", EITHER_ENGINE},
    {NULL, NULL, NULL},
};

static int unknown_global(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    for (const mb_omitted *o = mb_sandbox_omitted; o->name; o++)
        if (!o->library[0] && strcmp(o->name, name) == 0)
            return luaL_error(L, "'%s' is not available to policies: %s", name, o->reason);
    static const char *const closed[] = {"io", "os", "package", "debug", "utf8", "jit", "bit", "ffi"};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        if (strcmp(closed[i], name) == 0)
            return luaL_error(L, "'%s' is not available to policies: they run in a closed environment", name);
    const char *known[64];
    size_t count = 0;
    for (const mb_allowed *a = mb_sandbox_allowed; a->name; a++)
        if (!a->library[0]) known[count++] = a->name;
    for (const mb_allowed *a = mb_sandbox_replaced; a->name; a++)
        if (!a->library[0]) known[count++] = a->name;
    known[count++] = "math";
    known[count++] = "string";
    known[count++] = "table";
    const char *nearest = mb_nearest_word(name, known, count);
    if (nearest) return luaL_error(L, "unknown variable '%s'; did you mean '%s'?", name, nearest);
    return luaL_error(L, "unknown variable '%s'; is a 'local' missing, or 'self.%s' meant?", name, name);
}

static int new_global(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    if (mb_host_of(L)->loaded)
        return luaL_error(
            L, "a hook may not make the global variable '%s'; write 'local %s', or keep it in self.%s", name,
            name, name);
    lua_rawset(L, 1);
    return 0;
}

static void open_library(lua_State *L, lua_CFunction open, const char *name) {
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

// Push a function of the standard libraries, or nil.
static void push_standard(lua_State *L, const mb_allowed *entry) {
#if LUA_VERSION_NUM < 502
    if (strcmp(entry->name, "unpack") == 0) {
        lua_getglobal(L, "unpack"); // lives in the base library there
        return;
    }
#endif
    if (!entry->library[0]) {
        lua_getglobal(L, entry->name);
        return;
    }
    lua_getfield(L, LUA_REGISTRYINDEX, entry->library);
    lua_getfield(L, -1, entry->name);
    lua_remove(L, -2);
}

#if LUA_VERSION_NUM < 502
static int raw_length(lua_State *L) { // LuaJIT has no rawlen
    const int type = lua_type(L, 1);
    luaL_argcheck(L, type == LUA_TTABLE || type == LUA_TSTRING, 1, "table or string expected");
    lua_pushinteger(L, (lua_Integer)lua_objlen(L, 1));
    return 1;
}
#endif

static void open_standard(lua_State *L) {
    static const struct {
        lua_CFunction open;
        const char *name;
    } libraries[] = {{luaopen_math, "math"}, {luaopen_string, "string"}, {luaopen_table, "table"}};
#if LUA_VERSION_NUM < 502
    open_library(L, luaopen_base, "");
    lua_pushcfunction(L, raw_length);
    lua_setglobal(L, "rawlen");
#else
    luaL_requiref(L, "_G", luaopen_base, 1);
    lua_pop(L, 1);
#endif
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
#if LUA_VERSION_NUM < 502
        open_library(L, libraries[i].open, libraries[i].name);
#else
        (void)open_library;
        luaL_requiref(L, libraries[i].name, libraries[i].open, 1);
        lua_pop(L, 1);
#endif
        lua_getglobal(L, libraries[i].name);
        lua_setfield(L, LUA_REGISTRYINDEX, libraries[i].name);
    }
#if LUA_VERSION_NUM < 502
    if (mb_host_of(L)->limits.jit) open_library(L, luaopen_jit, "jit"); // which turns the compiler on
#endif
    if (!mb_host_of(L)->limits.jit) mb_lua_interpret(L);
}

static void guard_environment(lua_State *L, int environment) {
    lua_newtable(L);
    lua_pushcfunction(L, unknown_global);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, new_global);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, environment);
}

void mb_sandbox_build(lua_State *L) {
    mb_host *host = mb_host_of(L);
    open_standard(L);
    lua_newtable(L);
    const int environment = lua_gettop(L);
    static const char *const tables[] = {"math", "string", "table"};
    for (size_t i = 0; i < 3; i++) {
        lua_newtable(L);
        lua_setfield(L, environment, tables[i]);
    }
    for (const mb_allowed *entry = mb_sandbox_allowed; entry->name; entry++) {
        if (entry->library[0])
            lua_getfield(L, environment, entry->library);
        else
            lua_pushvalue(L, environment);
        push_standard(L, entry);
        lua_setfield(L, -2, entry->name);
        lua_pop(L, 1);
    }
    mb_library_replace(L, environment);
    // Methods of strings: the reduced table, out of reach.
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, environment, "string");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
    guard_environment(L, environment);
    host->environment = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    host->modules = luaL_ref(L, LUA_REGISTRYINDEX);
}

void mb_sandbox_close(mb_host *host) {
    host->loaded = true;
}
