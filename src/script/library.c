// SPDX-License-Identifier: MIT
// The functions of the closed environment that differ from Lua's own: deterministic, bounded, without
// addresses.
#include "script/sandbox.h"
#include "script/views.h"

#include "base/strbuf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LOG_LINES 1000u
#define MAX_LOG_LINE 2000        // characters
#define MAX_STRING (64u * 1024u) // of string.rep
#define MAX_SORT 1000000
#define MAX_FIND 5e8 // comparisons of string.find: half a second

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

// One line on standard error, cut at a length, and without the control characters that could steer a
// terminal.
static void print_line(const char *label, const char *text) {
    char line[MAX_LOG_LINE + 1];
    size_t length = 0;
    for (; text[length] && length < MAX_LOG_LINE; length++) {
        const unsigned char c = (unsigned char)text[length];
        line[length] = (c < ' ' && c != '\t' && c != '\n') || c == 127 ? '?' : text[length];
    }
    line[length] = '\0';
    fprintf(stderr, "%s: %s%s\n", label, line, text[length] ? " ..." : "");
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
    if (host->log_lines == MAX_LOG_LINES)
        fprintf(stderr, "%s: (more than %u lines; the rest is not shown)\n", host->label, MAX_LOG_LINES);
    if (host->log_lines++ < MAX_LOG_LINES) print_line(host->label, lua_tostring(L, -1));
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
    }
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
    for (size_t at = (size_t)start - 1; at + wanted_length <= length; at++) {
        if (memcmp(text + at, wanted, wanted_length) != 0) continue;
        lua_pushinteger(L, (lua_Integer)at + 1);
        lua_pushinteger(L, (lua_Integer)(at + wanted_length));
        return 2;
    }
    lua_pushnil(L);
    return 1;
}

// --- pairs and next, in an order that is the same on every run
// ------------------------------------------------

typedef struct key_order {
    int type; // kinds of keys follow each other: numbers, strings, booleans, requests, views
    double number;
    const char *text;
    size_t length;
    int position; // in the temporary table of keys
} key_order;

static key_order order_of(lua_State *L, int index) {
    key_order key = {.type = lua_type(L, index)};
    switch (key.type) {
    case LUA_TNUMBER:
        key.type = 0, key.number = lua_tonumber(L, index);
        break;
    case LUA_TSTRING:
        key.type = 1, key.text = lua_tolstring(L, index, &key.length);
        break;
    case LUA_TBOOLEAN:
        key.type = 2, key.number = lua_toboolean(L, index);
        break;
    default:
        if (!mb_view_order(L, index, &key.type, &key.number))
            luaL_error(L,
                       "a table with a %s as a key has no order that is the same on every run; use numbers, "
                       "strings, requests, queues or replicas as keys",
                       luaL_typename(L, index));
    }
    return key;
}

static int compare_keys(const void *x, const void *y) {
    const key_order *a = x, *b = y;
    if (a->type != b->type) return a->type < b->type ? -1 : 1;
    if (a->type != 1) return (a->number > b->number) - (a->number < b->number);
    const int difference = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
    return difference ? difference : (a->length > b->length) - (a->length < b->length);
}

// Number of keys of table 1, and whether they are exactly 1 .. n.
static int count_keys(lua_State *L, bool *sequence) {
    const lua_Number length = (lua_Number)lua_rawlen(L, 1);
    int count = 0;
    *sequence = true;
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        count++;
        const lua_Number n = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
        if (!(n >= 1 && n <= length && n == (lua_Number)(lua_Integer)n)) *sequence = false;
    }
    if ((lua_Number)count != length) *sequence = false;
    return count;
}

// Push an array of the keys of table 1 in order.
static void push_sorted_keys(lua_State *L, int count) {
    key_order *keys = lua_newuserdatauv(L, (size_t)count * sizeof *keys, 0);
    lua_createtable(L, count, 0);
    const int found = lua_gettop(L);
    int i = 0;
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        keys[i] = order_of(L, -1);
        keys[i].position = i + 1;
        lua_pushvalue(L, -1);
        lua_rawseti(L, found, ++i);
    }
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    lua_createtable(L, count, 0);
    for (i = 0; i < count; i++) {
        lua_rawgeti(L, found, keys[i].position);
        lua_rawseti(L, -2, i + 1);
    }
    lua_replace(L, found);
    lua_remove(L, found - 1);
}

static int next_of_sequence(lua_State *L) {
    const int i = (int)lua_tointeger(L, lua_upvalueindex(2)) + 1;
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(2));
    lua_pushinteger(L, i);
    lua_rawgeti(L, lua_upvalueindex(1), i);
    if (lua_isnil(L, -1)) return 1; // the end: the value is nil, and so is the key
    return 2;
}

static int next_sorted(lua_State *L) {
    int i = (int)lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        lua_rawgeti(L, lua_upvalueindex(2), ++i);
        if (lua_isnil(L, -1)) return 1;
        lua_pushvalue(L, -1);
        lua_rawget(L, lua_upvalueindex(1));
        if (!lua_isnil(L, -1)) break; // else removed since the loop began
        lua_pop(L, 2);
    }
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(3));
    return 2;
}

static int pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    bool sequence;
    const int count = count_keys(L, &sequence);
    if (sequence) {
        lua_pushinteger(L, 0);
        lua_pushcclosure(L, next_of_sequence, 2);
        return 1;
    }
    push_sorted_keys(L, count);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_sorted, 3);
    return 1;
}

static int next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    const bool from_start = lua_isnil(L, 2);
    key_order after = {0}, best = {0};
    if (!from_start) after = order_of(L, 2);
    bool found = false;
    lua_pushnil(L); // 3: the best key so far
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        const key_order key = order_of(L, -1);
        if ((from_start || compare_keys(&key, &after) > 0) && (!found || compare_keys(&key, &best) < 0)) {
            best = key;
            found = true;
            lua_pushvalue(L, -1);
            lua_replace(L, 3);
        }
    }
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushvalue(L, 3);
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}

// --- table.insert
// ---------------------------------------------------------------------------------------------

// LuaJIT's own fills the gap up to a position far outside, for ever.
static int insert(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    const lua_Number end = (lua_Number)lua_rawlen(L, 1) + 1;
    const int arguments = lua_gettop(L);
    if (arguments != 2 && arguments != 3)
        return luaL_error(L, "insert: expected (list, value) or (list, place, value)");
    const lua_Number place = arguments == 2 ? end : luaL_checknumber(L, 2);
    if (!(place >= 1 && place <= end && place == (lua_Number)(int)place))
        return luaL_error(L, "insert: the place must be a whole number from 1 to %d, one behind the end",
                          (int)end);
    for (int i = (int)end; i > (int)place; i--) {
        lua_rawgeti(L, 1, i - 1);
        lua_rawseti(L, 1, i);
    }
    lua_rawseti(L, 1, (int)place);
    return 0;
}

// --- sort
// -----------------------------------------------------------------------------------------------------

// Lua's own is not stable, its pivots depend on the clock (5.4), it differs between the engines, and it can
// take quadratic time inside one C call (LuaJIT). This one is a merge sort: stable, and the same everywhere.

typedef struct sorting {
    int from, to; // positions on the stack of the tables merged from and into
    bool by_function;
} sorting;

static bool less(lua_State *L, const sorting *s) { // the values on top: is the upper less than the lower?
    if (!s->by_function) {
        const int a = lua_type(L, -1), b = lua_type(L, -2);
        if (a != b || (a != LUA_TNUMBER && a != LUA_TSTRING))
            luaL_error(L, "sort: %s and %s cannot be compared", luaL_typename(L, -2), luaL_typename(L, -1));
        return lua_lessthan(L, -1, -2) != 0;
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -4);
    lua_call(L, 2, 1);
    const bool result = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return result;
}

// Merge the sorted runs [first, middle) and [middle, end) of s->from into s->to.
static void merge(lua_State *L, const sorting *s, int first, int middle, int end) {
    int a = first, b = middle;
    for (int i = first; i < end; i++) {
        bool right = a == middle;
        if (a < middle && b < end) {
            lua_rawgeti(L, s->from, a);
            lua_rawgeti(L, s->from, b);
            right = less(L, s);
            lua_pop(L, 2);
        }
        lua_rawgeti(L, s->from, right ? b++ : a++);
        lua_rawseti(L, s->to, i);
    }
}

static int sort(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    const size_t length = lua_rawlen(L, 1);
    if (length > MAX_SORT) return luaL_error(L, "sort: more than %d values", MAX_SORT);
    const int count = (int)length;
    if (count < 2) return 0;
    for (int copy = 0; copy < 2; copy++) { // the script's own table changes only at the end
        lua_createtable(L, count, 0);
        for (int i = 1; i <= count && copy == 0; i++) {
            lua_rawgeti(L, 1, i);
            lua_rawseti(L, -2, i);
        }
    }
    sorting s = {.from = 3, .to = 4, .by_function = !lua_isnil(L, 2)};
    mb_host_enter(L);
    for (int width = 1; width < count; width *= 2) {
        for (int first = 1; first <= count; first += 2 * width) {
            const int middle = first + width <= count ? first + width : count + 1;
            const int end = middle + width <= count ? middle + width : count + 1;
            merge(L, &s, first, middle, end);
        }
        const int other = s.from;
        s.from = s.to;
        s.to = other;
    }
    mb_host_leave(L);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, s.from, i);
        lua_rawseti(L, 1, i);
    }
    return 0;
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

static int require(lua_State *L) {
    mb_host *host = mb_host_of(L);
    size_t name_length;
    const char *name = luaL_checklstring(L, 1, &name_length);
    if (!plain_name(name) || strlen(name) != name_length)
        return luaL_error(
            L,
            "require: \"%s\" is not a module's name; a policy may require \"mbsand.NAME\" and files "
            "beside itself by their name without .lua",
            name);
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->modules);
    const int modules = lua_gettop(L);
    lua_getfield(L, modules, name);
    if (lua_type(L, -1) == LUA_TBOOLEAN && !lua_toboolean(L, -1))
        return luaL_error(L, "require: \"%s\" requires itself, by itself or through another module", name);
    if (!lua_isnil(L, -1)) return 1;
    lua_pushboolean(L, 0); // it loads
    lua_setfield(L, modules, name);
    char relative[256], path[1280];
    snprintf(relative, sizeof relative, "%s.lua", name);
    for (char *c = relative; c < relative + strlen(name) && c < relative + sizeof relative; c++)
        if (*c == '.') *c = '/';
    const bool own = strncmp(name, "mbsand.", 7) == 0;
    snprintf(path, sizeof path, "%s/%s%s", own ? host->root : host->directory, own ? "lua/" : "", relative);
    mb_error error = {0};
    if (mb_host_load_file(host, path, own ? relative : path, &error) != MB_OK)
        return luaL_error(L, "require: %s", error.message);
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

void mb_library_install(lua_State *L, int environment, const mb_replacement *replaced) {
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
        {"", "next", next},       {"", "pairs", pairs},       {"", "print", print},
        {"", "require", require}, {"", "tostring", tostring}, {"math", "random", mb_library_random},
        {"string", "find", find}, {"string", "rep", repeat},  {"table", "insert", insert},
        {"table", "sort", sort},  {NULL, NULL, NULL}};
    mb_library_install(L, environment, replaced);
    mb_library_equalise(L, environment);
    lua_getfield(L, environment, "string");
    lua_getfield(L, LUA_REGISTRYINDEX, "string");
    lua_getfield(L, -1, "format");
    lua_pushcclosure(L, format, 1);
    lua_setfield(L, -3, "format");
    lua_pop(L, 2);
}
