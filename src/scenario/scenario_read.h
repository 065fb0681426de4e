// SPDX-License-Identifier: MIT
// From the checked tables that lua/mbsand/scenario.lua makes to plain C values, and from those to something
// that runs.
#pragma once
#include "base/strbuf.h"
#include "policy/lua_compat.h"
#include "scenario/scenario.h"

// What an experiment needs between being read and being prepared.
typedef struct mb_scenario_draft {
    char *where;          // "scenarios/x.lua:12", for errors found later
    char *before, *after; // the description's words around those of the latency model
    char *grid_path;      // a grid to fit or to interpolate; NULL: none
    bool absolute_weight;
    uint32_t layers;     // of latency.profile
    double *graph_sizes; // as read
} mb_scenario_draft;

void mb_scenario_draft_deinit(mb_scenario_draft *draft);

// Read the table at `index` into `experiment` (zeroed). Called within a protected call: out of memory is a
// Lua error, and whatever was made so far hangs on `experiment` and `draft`, to be released by their owner.
void mb_scenario_read_experiment(lua_State *L, int index, mb_experiment *experiment,
                                 mb_scenario_draft *draft);
// A copy of the string in table[key]; NULL where there is none. Raises a Lua error when out of memory.
void mb_scenario_read_text(lua_State *L, int table, const char *key, char **text);
// The workload of the table at `table`, likewise.
void mb_scenario_read_workload(lua_State *L, int table, mb_workload *workload);

// src/scenario/scenario_describe.c

void mb_scenario_describe_latency(const mb_experiment *experiment, mb_strbuf *text);

// Read the grid, fit the law, check and prepare the workload, write the description.
mb_status mb_scenario_prepare(mb_experiment *experiment, const mb_scenario_draft *draft, mb_error *error);
void mb_experiment_deinit(mb_experiment *experiment);

// For src/scenario/step_clock.c. A protected call of `function` with `argument`:
mb_status mb_scenario_call(mb_scenario *scenario, lua_CFunction function, void *argument, mb_error *error);
lua_State *mb_scenario_state(const mb_scenario *scenario);
// The same scenario once more, in a state of its own: its script's tables, with nothing read or prepared.
mb_status mb_scenario_again(const mb_scenario *original, mb_scenario **copy, mb_error *error);
// Push the table that the Lua side made for the experiment.
void mb_scenario_push_experiment(const mb_scenario *scenario, const mb_experiment *experiment);
