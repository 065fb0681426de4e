// SPDX-License-Identifier: MIT
// What a simulation of mbsand plan is told.
#pragma once
#include "base/strbuf.h"
#include "planner/question.h"

enum { MB_PLAN_MOST_SETS = 40 };

typedef struct mb_plan_sets {
    char *items[MB_PLAN_MOST_SETS]; // "key=value", as of --set; owned
    size_t count;
} mb_plan_sets;

// Release with mb_plan_sets_deinit.
void mb_plan_sets_make(const mb_plan_options *options, const char *gpu, uint32_t tp, uint32_t replicas,
                       mb_plan_sets *sets);
// Of lua/mbsand/plan_pages.lua, which simulates block sizes beside contiguous memory.
mb_status mb_plan_sets_pages(const mb_plan_options *options, mb_plan_sets *sets, mb_error *error);
void mb_plan_sets_deinit(mb_plan_sets *sets);
