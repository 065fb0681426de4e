// SPDX-License-Identifier: MIT
// Bin boundaries: either given, or found by a bin-boundary rule from a sample of the lengths to come.
#include "base/paths.h"
#include "policy/params.h"
#include "policy/views.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double length_of(mb_key key, const mb_arrival *arrival) {
    switch (key) {
    case MB_KEY_PROMPT_TOKENS:
        return arrival->prompt_tokens;
    case MB_KEY_PREDICTED_TOTAL:
        return (double)arrival->prompt_tokens + arrival->predicted_output;
    case MB_KEY_OUTPUT_TOKENS:
        return arrival->output_tokens;
    case MB_KEY_PRIORITY:
        return -(double)arrival->priority;
    default:
        return arrival->predicted_output;
    }
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void mb_sample_push(lua_State *L, mb_key key) {
    mb_host *host = mb_host_of(L);
    mb_error error = {0};
    if (mb_sample_load(host, &error) != MB_OK) mb_host_raise(L, &error);
    const size_t count = host->sample_count;
    mb_host_work(L, 16 * count);
    double *lengths = lua_newuserdatauv(L, (count + 1) * sizeof *lengths, 0);
    for (size_t i = 0; i < count; i++)
        lengths[i] = length_of(key, &host->sample[i]);
    qsort(lengths, count, sizeof *lengths, compare);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        mb_lua_push_quantity(L, lengths[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_remove(L, -2);
}

// A rule that the script names is bundled, or lies beside it.
static mb_status find_rule(const mb_host *host, const char *name, char *path, size_t size, mb_error *error) {
    const size_t length = strlen(name);
    const bool file = strchr(name, '/') || (length > 4 && strcmp(name + length - 4, ".lua") == 0);
    if (file && !mb_params_gave(host->spec, name))
        return mb_paths_beside(host->directory, strncmp(name, "./", 2) == 0 ? name + 2 : name, path, size,
                               error);
    char *found = NULL;
    const mb_status status = mb_paths_find_bin_rule(host->root, host->directory, name, &found, error);
    if (status == MB_OK) snprintf(path, size, "%s", found);
    free(found);
    return status;
}

// Push the function that a rule's script returns.
static void push_rule(lua_State *L, const char *name) {
    mb_host *host = mb_host_of(L);
    mb_error error = {0};
    char path[4096]; // on the stack, so that nothing leaks when the script fails
    mb_status status = find_rule(host, name, path, sizeof path, &error);
    if (status == MB_OK) status = mb_host_load_file(host, path, path, &error);
    if (status != MB_OK) luaL_error(L, "bins: %s", error.message);
    mb_host_enter(L);
    lua_call(L, 0, 1);
    mb_host_leave(L);
    if (!lua_isfunction(L, -1))
        luaL_error(L, "bins: the rule \"%s\" must return a function(lengths, k, options), not %s", name,
                   luaL_typename(L, -1));
}

// Replace the rule's function on top of the stack by the table of edges that it gives.
static void call_rule(lua_State *L, int options, mb_key key, const char *name, int count) {
    mb_sample_push(L, key);
    if (mb_host_of(L)->sample_count == 0)
        luaL_error(L, "bins: there is no sample of lengths to cut into bins: the workload is empty");
    lua_pushinteger(L, count);
    lua_pushvalue(L, options);
    const mb_fence outer = mb_host_fence(mb_host_of(L), MB_FENCE_ALL, "the bin-boundary rule");
    mb_host_enter(L);
    lua_call(L, 3, 1);
    mb_host_leave(L);
    mb_host_of(L)->fence = outer;
    if (!lua_istable(L, -1))
        luaL_error(L, "bins: the rule \"%s\" must return a table of %d edges, not %s", name, count - 1,
                   luaL_typename(L, -1));
    if ((int)lua_rawlen(L, -1) != count - 1)
        luaL_error(L, "bins: the rule \"%s\" gave %d edges for %d bins; expected %d", name,
                   (int)lua_rawlen(L, -1), count, count - 1);
}

// Read the table on top into `edges`; equal neighbours, which would make a bin that nothing enters, become
// one edge.
static uint32_t read_edges(lua_State *L, double *edges, int count) {
    uint32_t kept = 0;
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        const double edge = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
        lua_pop(L, 1);
        if (isnan(edge)) luaL_error(L, "bins: edge %d is not a number", i);
        if (kept && edge < edges[kept - 1])
            luaL_error(L, "bins: edge %d is below the one before; edges ascend", i);
        if (!kept || edge > edges[kept - 1]) edges[kept++] = edge;
    }
    return kept;
}

int mb_edges_from_options(lua_State *L, int options, mb_key key, double **edges, uint32_t *count) {
    lua_getfield(L, options, "rule");
    lua_getfield(L, options, "count");
    if (!lua_isnil(L, -2) && lua_type(L, -2) != LUA_TSTRING)
        return luaL_error(
            L, "bins: the rule is a %s; expected a bundled rule's name or a file's, rule = \"equal_mass\"",
            luaL_typename(L, -2));
    const char *rule = lua_tostring(L, -2);
    const lua_Number wanted = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    if (rule) {
        if (!(wanted >= 1 && wanted <= MB_MAX_BINS && wanted == floor(wanted)))
            return luaL_error(L, "bins: count must be a whole number from 1 to %d", MB_MAX_BINS);
        if (wanted > 1) {
            push_rule(L, rule);
            call_rule(L, options, key, rule, (int)wanted);
        } else
            lua_newtable(L);
    } else {
        lua_getfield(L, options, "edges");
        if (!lua_istable(L, -1))
            return luaL_error(L, "bins: expected edges = {...}, or rule = \"equal_mass\" and count = 4");
    }
    if (lua_rawlen(L, -1) >= MB_MAX_BINS) return luaL_error(L, "bins: more than %d edges", MB_MAX_BINS - 1);
    const int given = (int)lua_rawlen(L, -1);
    double *copy = lua_newuserdatauv(L, ((size_t)given + 1) * sizeof *copy, 0);
    lua_insert(L, -2);
    const uint32_t kept = read_edges(L, copy, given);
    *edges = malloc((kept + 1) * sizeof **edges);
    if (!*edges) return luaL_error(L, "not enough memory");
    memcpy(*edges, copy, kept * sizeof *copy);
    *count = kept + 1;
    return 0;
}
