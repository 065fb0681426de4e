// SPDX-License-Identifier: MIT
// The workload of a scenario.
#pragma once
#include "policy/lua_compat.h"
#include "workload/source.h"

// Read the table at `table`; raises a Lua error when out of memory.
void mb_scenario_read_workload(lua_State *L, int table, mb_workload *workload);
