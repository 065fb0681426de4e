// SPDX-License-Identifier: MIT
// What fits, for scripts: mb_budget_of and mb_roofline_make between Lua tables.
#pragma once
#include "model/roofline.h"
#include "policy/lua_compat.h"

// plan(options) -> figures, or nil and a sentence. options: model and gpu (names, or files that are also
// looked for in options.folder), and optional tp, rules, context, batch, memory_gib, utilization,
// activation_gib, runtime_gib, step_tokens, block, blocks, weight_precision, kv_precision, roofline = {
// compute, attention, bandwidth, kv_bandwidth, link, link_latency, layer, engine }. figures: see
// lua/meta/scenario.lua, mbsand.Plan; `roofline` holds the coefficients that mb_roofline_from_table takes.
// Pushes the function; `root` is the folder of the project's files.
void mb_push_plan(lua_State *L, const char *root);
void mb_roofline_from_table(lua_State *L, int table, mb_roofline *roofline);
