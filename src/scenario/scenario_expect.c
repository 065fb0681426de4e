// SPDX-License-Identifier: MIT
#include "scenario/scenario_expect.h"

#include "scenario/scenario_fields.h"
#include "scenario/scenario_state.h"

#include <math.h>

typedef struct asked {
    mb_scenario *scenario;
    const mb_experiment *experiment;
    mb_expectations *into;
} asked;

static void complain(lua_State *L, const asked *of, size_t row) {
    luaL_error(
        L,
        "%s: section %d: expect[%d] is not understood; expected { start, first token, end } in seconds "
        "and, as a fourth, the preemptions (false where it does not matter), \"rejected\" or \"unserved\"",
        mb_scenario_path(of->scenario), (int)of->experiment->section_index + 1, (int)row + 1);
}

static void read_row(lua_State *L, int at, const asked *of, size_t i) {
    mb_expected *row = &of->into->rows[i];
    *row = (mb_expected){NAN, NAN, NAN, NAN, false, false};
    if (lua_type(L, at) == LUA_TSTRING) {
        row->rejected = strcmp(lua_tostring(L, at), "rejected") == 0;
        row->unserved = strcmp(lua_tostring(L, at), "unserved") == 0;
        if (!row->rejected && !row->unserved) complain(L, of, i);
        return;
    }
    double *const values[] = {&row->start_s, &row->first_token_s, &row->end_s, &row->preemptions};
    const size_t given = lua_istable(L, at) ? lua_rawlen(L, at) : 0;
    if (given < 3 || given > 4) complain(L, of, i);
    for (size_t k = 0; k < given; k++) {
        lua_rawgeti(L, at, (int)k + 1);
        if (lua_type(L, -1) == LUA_TNUMBER)
            *values[k] = lua_tonumber(L, -1);
        else if (!lua_isboolean(L, -1) || lua_toboolean(L, -1))
            complain(L, of, i);
        lua_pop(L, 1);
    }
}

static int read(lua_State *L) {
    const asked *of = lua_touserdata(L, 1);
    mb_expectations *into = of->into;
    mb_scenario_push_experiment(of->scenario, of->experiment);
    const int table = lua_gettop(L);
    lua_getfield(L, table, "expect");
    if (!lua_isnil(L, -1)) {
        if (!lua_istable(L, -1)) complain(L, of, 0);
        const int list = lua_gettop(L);
        const size_t n = lua_rawlen(L, list);
        into->rows = mb_field_make(L, n, sizeof *into->rows);
        into->count = n;
        for (size_t i = 0; i < n; i++) {
            lua_rawgeti(L, list, (int)i + 1);
            read_row(L, lua_gettop(L), of, i);
            lua_pop(L, 1);
        }
    }
    if (!mb_field_enter(L, table, "assert")) return 0;
    const size_t n = lua_rawlen(L, -1);
    into->bounds = mb_field_make(L, n, sizeof *into->bounds);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (int)i + 1);
        into->bounds[i] = mb_field_copy(L, -1);
        into->bound_count = i + 1;
        lua_pop(L, 1);
    }
    return 0;
}

mb_status mb_scenario_expectations(mb_scenario *scenario, size_t section, mb_expectations *expected,
                                   mb_error *error) {
    *expected = (mb_expectations){0};
    asked of = {scenario, &mb_scenario_section(scenario, section)->points[0].experiment, expected};
    const mb_status status = mb_scenario_call(scenario, read, &of, error);
    if (status != MB_OK) { // the script did not do it
        error->status = MB_BAD_INPUT;
        error->traceback[0] = '\0';
    }
    return status;
}

void mb_expectations_deinit(mb_expectations *expected) {
    for (size_t i = 0; i < expected->bound_count; i++)
        free(expected->bounds[i]);
    free(expected->bounds);
    free(expected->rows);
    *expected = (mb_expectations){0};
}
