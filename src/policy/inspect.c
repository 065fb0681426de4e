// SPDX-License-Identifier: MIT
#include "policy/inspect.h"

#include "policy/dialect.h"
#include "policy/views.h"

#include <string.h>

enum { MOST_FIELDS = 20 }; // of a table that is shown

typedef struct looking {
    const char *line, *who;
    mb_strbuf *text;
} looking;

static void add_value(lua_State *L, int index, mb_strbuf *text) {
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        mb_strbuf_add(text, "nil");
        break;
    case LUA_TBOOLEAN:
        mb_strbuf_add(text, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        lua_pushvalue(L, index); // whose copy becomes a text
        mb_strbuf_add(text, lua_tostring(L, -1));
        lua_pop(L, 1);
        break;
    case LUA_TSTRING:
        mb_strbuf_add(text, lua_tostring(L, index));
        break;
    default:
        mb_view_describe(L, index);
        mb_strbuf_add(text, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
}

// The fields of a plain table, one level deep: { 1, 2, name = "x" }.
static void add_table(lua_State *L, int index, mb_strbuf *text) {
    int shown = 0;
    mb_strbuf_add(text, "{");
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (shown++ == MOST_FIELDS) {
            mb_strbuf_add(text, ", ...");
            lua_pop(L, 2);
            break;
        }
        mb_strbuf_add(text, shown > 1 ? ", " : " ");
        if (lua_type(L, -2) != LUA_TNUMBER) {
            add_value(L, lua_gettop(L) - 1, text);
            mb_strbuf_add(text, " = ");
        }
        add_value(L, lua_gettop(L), text);
        lua_pop(L, 1);
    }
    mb_strbuf_add(text, shown ? " }" : "}");
}

// Is it the policy's own, and no request or view?
static bool is_plain_table(lua_State *L, int index) {
    int type;
    double number;
    return lua_istable(L, index) && !mb_view_order(L, index, &type, &number);
}

static bool load(lua_State *L, const looking *at, const char *before) {
    mb_strbuf chunk = {0}, name = {0};
    mb_strbuf_printf(&chunk, "local self, sim, replicas = ... %s%s", before, at->line);
    mb_strbuf_printf(&name, "=%s", at->who);
    const bool good = !chunk.failed && !name.failed &&
                      luaL_loadbufferx(L, chunk.text, chunk.length, name.text, "t") == LUA_OK;
    mb_strbuf_deinit(&chunk);
    mb_strbuf_deinit(&name);
    return good;
}

static int look(lua_State *L) {
    const looking *at = lua_touserdata(L, 1);
    mb_host *host = mb_host_of(L);
    lua_settop(L, 0);
    if (!load(L, at, "return ")) {
        lua_settop(L, 0);
        if (!load(L, at, "")) return luaL_error(L, "%s", lua_tostring(L, -1));
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->environment);
    mb_lua_set_environment(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->instance);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->sim_view);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->replica_views);
    lua_call(L, 3, LUA_MULTRET);
    const int count = lua_gettop(L);
    for (int i = 1; i <= count; i++) {
        if (i > 1) mb_strbuf_add(at->text, "  ");
        if (is_plain_table(L, i))
            add_table(L, i, at->text);
        else
            add_value(L, i, at->text);
    }
    return 0;
}

mb_status mb_inspect(mb_host *host, const char *line, const char *who, mb_strbuf *text, mb_error *error) {
    looking at = {line, who, text};
    mb_status status = mb_dialect_check(line, strlen(line), who, error);
    if (status != MB_OK) return status;
    const mb_rng random = host->random;
    const mb_fence outer = mb_host_fence(host, MB_FENCE_ALL, who);
    lua_pushlightuserdata(host->L, &at);
    status = mb_host_run(host, look, who, 1, error);
    host->fence = outer;
    host->random = random;
    return status == MB_OK && text->failed ? mb_fail_memory(error) : status;
}
