// SPDX-License-Identifier: MIT
// From the checked tables that lua/mbsand/scenario.lua makes to plain C values, and from those to something
// that runs.
#pragma once
#include "policy/lua_compat.h"
#include "scenario/scenario_group.h"

// What an experiment needs between being read and being prepared.
typedef struct mb_scenario_draft {
    char *where;          // "scenarios/x.lua:12", for errors found later
    char *before, *after; // the description's words around those of the latency model
    mb_group_draft *groups;
    size_t group_count;
} mb_scenario_draft;

void mb_scenario_draft_deinit(mb_scenario_draft *draft);

// Read the table at `index` into `experiment` (zeroed). Called within a protected call: out of memory is a
// Lua error, and whatever was made so far hangs on `experiment` and `draft`, to be released by their owner.
void mb_scenario_read_experiment(lua_State *L, int index, mb_experiment *experiment,
                                 mb_scenario_draft *draft);
// Read the grid, fit the law, check and prepare the workload, write the description.
mb_status mb_scenario_prepare(mb_experiment *experiment, const mb_scenario_draft *draft, mb_error *error);
void mb_experiment_deinit(mb_experiment *experiment);
