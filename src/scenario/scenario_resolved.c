// SPDX-License-Identifier: MIT
#include "scenario/scenario.h"
#include "scenario/scenario_state.h"

typedef struct resolving {
    const mb_scenario *scenario;
    const mb_experiment *experiment;
    mb_strbuf *text;
} resolving;

static int write_json(lua_State *L) {
    const resolving *r = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "mbsand.resolved");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "experiment");
    mb_scenario_push_experiment(r->scenario, r->experiment);
    lua_pushliteral(L, "    ");
    lua_call(L, 2, 1);
    mb_strbuf_add(r->text, lua_tostring(L, -1));
    return 0;
}

mb_status mb_scenario_resolved(mb_scenario *scenario, const mb_experiment *experiment, mb_strbuf *text,
                               mb_error *error) {
    resolving r = {scenario, experiment, text};
    const mb_status status = mb_scenario_call(scenario, write_json, &r, error);
    return status == MB_OK && text->failed ? mb_fail_memory(error) : status;
}
