// SPDX-License-Identifier: MIT
// Replicas that are alike: their latency model and their memory, from the checked tables to something that
// runs.
#pragma once
#include "policy/lua_compat.h"
#include "scenario/experiment.h"

// What a group needs between being read and being prepared.
typedef struct mb_group_draft {
    char *grid_path; // a grid to fit or to interpolate; NULL: none
    bool absolute_weight;
    uint32_t layers;     // of latency.profile
    uint32_t tp, hidden; // of the all-reduces
    mb_expert_ranks shared;
    char *links_path, *exchange_path, *corrections_path; // NULL: none
    double *graph_sizes;                                 // as read
    double usd_per_hour;                                 // of all its replicas; 0: not known
    bool comes_and_goes;                                 // somebody says how many there are when
} mb_group_draft;

// As mb_scenario_read_experiment.
void mb_group_read(lua_State *L, int table, mb_group *group, mb_group_draft *draft);
// Read the grid, fit the law, check.
mb_status mb_group_prepare(mb_group *group, const mb_group_draft *draft, mb_error *error);
void mb_group_draft_deinit(mb_group_draft *draft);
void mb_group_deinit(mb_group *group);
