// SPDX-License-Identifier: MIT
// cluster.link: what KV memory moves over.
#pragma once
#include "policy/lua_compat.h"
#include "scenario/experiment.h"

// As mb_scenario_read_experiment, of the cluster's table.
void mb_links_read(lua_State *L, int cluster, mb_experiment *experiment);
