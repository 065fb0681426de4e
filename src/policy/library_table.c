// SPDX-License-Identifier: MIT
// The functions of the closed environment that work on whole tables. Each counts its work, since nothing
// interrupts it.
#include "policy/library_table.h"

#include "policy/views.h"

#include <limits.h>
#include <string.h>

#define MAX_SORT 1000000
#define BYTES_PER_UNIT 16 // of texts that are compared; see mb_host_work

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

static int compare_keys(lua_State *L, const key_order *a, const key_order *b) {
    mb_host_work(L, 1);
    if (a->type != b->type) return a->type < b->type ? -1 : 1;
    if (a->type != 1) return (a->number > b->number) - (a->number < b->number);
    const size_t shorter = a->length < b->length ? a->length : b->length;
    mb_host_work(L, shorter / BYTES_PER_UNIT);
    const int difference = memcmp(a->text, b->text, shorter);
    return difference ? difference : (a->length > b->length) - (a->length < b->length);
}

// Heapsort: takes no memory, so that an error in the middle leaks none. No two keys are equal.
static void sift(lua_State *L, key_order *keys, int at, int count) {
    for (int child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare_keys(L, &keys[child], &keys[child + 1]) < 0) child++;
        if (compare_keys(L, &keys[at], &keys[child]) >= 0) return;
        const key_order moved = keys[at];
        keys[at] = keys[child];
        keys[child] = moved;
    }
}

static void sort_keys(lua_State *L, key_order *keys, int count) {
    for (int at = count / 2; at-- > 0;)
        sift(L, keys, at, count);
    while (count-- > 1) {
        const key_order largest = keys[0];
        keys[0] = keys[count];
        keys[count] = largest;
        sift(L, keys, 0, count);
    }
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
        mb_host_work(L, 1);
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
    sort_keys(L, keys, count);
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
        if ((from_start || compare_keys(L, &key, &after) > 0) &&
            (!found || compare_keys(L, &key, &best) < 0)) {
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

// --- table.insert and table.remove
// ----------------------------------------------------------------------------

// The length of the list in place 1. That of a table with holes may be any number, 2^40 as well; a list has a
// value in each place.
static int list_length(lua_State *L, const char *function) {
    luaL_checktype(L, 1, LUA_TTABLE);
    const size_t length = lua_rawlen(L, 1);
    if (length > mb_host_of(L)->limits.memory_bytes / sizeof(double) || length >= INT_MAX)
        luaL_error(L, "%s: the table has holes: its length is not the number of its values", function);
    return (int)length;
}

static int check_place(lua_State *L, int last, const char *function) {
    const lua_Number place = luaL_checknumber(L, 2);
    if (!(place >= 1 && place <= last && place == (lua_Number)(int)place))
        luaL_error(L, "%s: the place must be a whole number from 1 to %d, one behind the end", function,
                   last);
    return (int)place;
}

// LuaJIT's own fills the gap up to a position far outside, for ever.
static int insert(lua_State *L) {
    const int end = list_length(L, "insert") + 1;
    const int arguments = lua_gettop(L);
    if (arguments != 2 && arguments != 3)
        return luaL_error(L, "insert: expected (list, value) or (list, place, value)");
    const int place = arguments == 2 ? end : check_place(L, end, "insert");
    for (int i = end; i > place; i--) {
        mb_host_work(L, 1);
        lua_rawgeti(L, 1, i - 1);
        lua_rawseti(L, 1, i);
    }
    lua_rawseti(L, 1, place);
    return 0;
}

// Lua 5.4 refuses a place far outside, LuaJIT does not.
static int remove_value(lua_State *L) {
    const int last = list_length(L, "remove");
    int place = last;
    if (!lua_isnoneornil(L, 2)) place = check_place(L, last + 1, "remove");
    lua_settop(L, 1);
    lua_rawgeti(L, 1, place);
    for (int i = place; i < last; i++) {
        mb_host_work(L, 1);
        lua_rawgeti(L, 1, i + 1);
        lua_rawseti(L, 1, i);
    }
    lua_pushnil(L);
    lua_rawseti(L, 1, place > last ? place : last);
    return 1;
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
    mb_host_work(L, 1);
    if (!s->by_function) {
        const int a = lua_type(L, -1), b = lua_type(L, -2);
        if (a != b || (a != LUA_TNUMBER && a != LUA_TSTRING))
            luaL_error(L, "sort: %s and %s cannot be compared", luaL_typename(L, -2), luaL_typename(L, -1));
        if (a == LUA_TSTRING) mb_host_work(L, lua_rawlen(L, -1) / BYTES_PER_UNIT);
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
        mb_host_work(L, 1);
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
    const int count = list_length(L, "sort");
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    if (count > MAX_SORT) return luaL_error(L, "sort: more than %d values", MAX_SORT);
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

const mb_replacement mb_library_tables[] = {{"", "next", next},          {"", "pairs", pairs},
                                            {"table", "insert", insert}, {"table", "remove", remove_value},
                                            {"table", "sort", sort},     {NULL, NULL, NULL}};
