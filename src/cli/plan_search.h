// SPDX-License-Identifier: MIT
// What a simulation of mbsand plan is told.
#pragma once
#include "base/strbuf.h"
#include "cli/plan_options.h"

enum { MB_PLAN_MOST_SETS = 40 };

typedef struct mb_plan_sets {
    char *items[MB_PLAN_MOST_SETS]; // "key=value", as of --set; owned
    size_t count;
} mb_plan_sets;

void mb_plan_sets_make(const mb_plan_options *options, const char *gpu, uint32_t tp, uint32_t replicas,
                       mb_plan_sets *sets);
void mb_plan_sets_deinit(mb_plan_sets *sets);
