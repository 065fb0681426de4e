// SPDX-License-Identifier: MIT
#include "scenario/scenario_keys.h"

#include "policy/lua_compat.h"

typedef struct asked {
    const char *root, *module; // a function that returns the text
    mb_strbuf *text;
} asked;

static int list(lua_State *L) {
    const asked *of = lua_touserdata(L, 1);
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/lua/?.lua", of->root);
    lua_setfield(L, -2, "path");
    lua_getglobal(L, "require");
    lua_pushstring(L, of->module);
    lua_call(L, 1, 1);
    lua_call(L, 0, 1);
    mb_strbuf_add(of->text, lua_tostring(L, -1));
    return 0;
}

static mb_status text_of(const char *root, const char *module, mb_strbuf *text, mb_error *error) {
    lua_State *L = luaL_newstate();
    if (!L) return mb_fail_memory(error);
    lua_pushcfunction(L, list);
    lua_pushlightuserdata(L, &(asked){root, module, text});
    mb_status status = MB_OK;
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        status = mb_fail(error, MB_FAILED, "the keys cannot be listed: %s", lua_tostring(L, -1));
    lua_close(L);
    return status == MB_OK && text->failed ? mb_fail_memory(error) : status;
}

mb_status mb_scenario_keys(const char *root, mb_strbuf *text, mb_error *error) {
    return text_of(root, "mbsand.keys", text, error);
}

mb_status mb_scenario_schema(const char *root, mb_strbuf *text, mb_error *error) {
    return text_of(root, "mbsand.json_schema", text, error);
}
