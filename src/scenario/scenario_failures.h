// SPDX-License-Identifier: MIT
// When replicas fail: `failures` of a scenario.
#pragma once
#include "policy/lua_compat.h"
#include "scenario/experiment.h"

// As mb_scenario_read_experiment.
void mb_failures_read(lua_State *L, int table, mb_experiment *experiment);
void mb_failures_free(mb_experiment *experiment);
