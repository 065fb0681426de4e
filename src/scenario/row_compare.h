// SPDX-License-Identifier: MIT
// row:compare, for a scenario's report.
#pragma once
#include "policy/lua_compat.h"

int mb_rows_compare(lua_State *L);
