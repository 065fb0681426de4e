// SPDX-License-Identifier: MIT
#include "scenario/scenario.h"
#include "scenario/scenario_state.h"

typedef struct writing {
    const mb_scenario *scenario;
    const char *comment, *head;
    mb_strbuf *text;
} writing;

static int write_script(lua_State *L) {
    const writing *w = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "mbsand.write");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "section");
    mb_scenario_push_experiment(w->scenario, &mb_scenario_section(w->scenario, 0)->points[0].experiment);
    lua_getfield(L, -1, "node");
    lua_remove(L, -2);
    lua_pushstring(L, w->comment);
    lua_pushstring(L, w->head);
    lua_call(L, 3, 1);
    mb_strbuf_add(w->text, lua_tostring(L, -1));
    return 0;
}

mb_status mb_scenario_write(mb_scenario *scenario, const char *comment, const char *head, mb_strbuf *text,
                            mb_error *error) {
    writing w = {scenario, comment, head, text};
    const mb_status status = mb_scenario_call(scenario, write_script, &w, error);
    return status == MB_OK && text->failed ? mb_fail_memory(error) : status;
}
