// SPDX-License-Identifier: MIT
#include "scenario/scenario_failures.h"

#include "scenario/scenario_fields.h"

#include <math.h>

void mb_failures_read(lua_State *L, int table, mb_experiment *experiment) {
    if (!mb_field_enter(L, table, "failures")) return;
    const int given = lua_gettop(L);
    mb_failure_plan *plan = &experiment->failures;
    const size_t n = lua_rawlen(L, given);
    experiment->comes_and_goes = true;
    plan->mtbf_s = mb_field_number(L, given, "mtbf");
    plan->mttr_s = mb_field_number(L, given, "mttr");
    mb_failure *list = mb_field_make(L, n, sizeof *list);
    plan->list = list;
    plan->count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, given, (int)(i + 1));
        const int item = lua_gettop(L);
        list[i] = (mb_failure){.at_s = mb_field_number(L, item, "at"),
                               .repair_s = mb_field_number_or(L, item, "repair", INFINITY),
                               .replica = mb_field_small(L, item, "replica") - 1};
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void mb_failures_free(mb_experiment *experiment) {
    free((void *)(uintptr_t)experiment->failures.list);
}
