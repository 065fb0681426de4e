// SPDX-License-Identifier: MIT
// The Lua state of a scenario.
#pragma once
#include "policy/lua_compat.h"
#include "scenario/experiment.h"

#include <stdatomic.h>

typedef struct mb_scenario mb_scenario;

// A protected call of `function` with `argument`:
mb_status mb_scenario_call(mb_scenario *scenario, lua_CFunction function, void *argument, mb_error *error);
lua_State *mb_scenario_state(const mb_scenario *scenario);
// The same scenario once more, in a state of its own: its script's tables, with nothing read or prepared.
mb_status mb_scenario_again(const mb_scenario *original, mb_scenario **copy, mb_error *error);
// Push the table that the Lua side made for the experiment.
void mb_scenario_push_experiment(const mb_scenario *scenario, const mb_experiment *experiment);
// What runs in the state from now on ends with an error once the flag, if there is one, is set.
void mb_scenario_end_on(lua_State *L, const atomic_bool *stop);
