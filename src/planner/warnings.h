// SPDX-License-Identifier: MIT
// What a plan's figures rest on that a reader should know: the same sentences in every format.
#pragma once
#include "planner/answer.h"

enum { MB_PLAN_MOST_WARNINGS = 64 };

typedef struct mb_plan_warnings {
    char *items[MB_PLAN_MOST_WARNINGS]; // sentences without a full stop; owned
    size_t count;
    bool failed; // out of memory
} mb_plan_warnings;

void mb_plan_warnings_add(mb_plan_warnings *warnings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Of one row. Release with mb_plan_warnings_deinit.
mb_plan_warnings mb_plan_warnings_of(const mb_plan_answer *answer, const mb_plan_row *row);
void mb_plan_warnings_deinit(mb_plan_warnings *warnings);
