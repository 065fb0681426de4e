// SPDX-License-Identifier: MIT
// What a plan's figures rest on that a reader should know: the same sentences in every format.
#pragma once
#include "base/strbuf.h"
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
mb_plan_warnings mb_plan_warnings_of(const mb_plan_options *options, const mb_plan_row *row);
// "first; second" for a field of a CSV file, quoted where it must be.
void mb_plan_warnings_add_csv(mb_strbuf *out, const mb_plan_warnings *warnings);
// "\nwarning: first\n" for each that is not among those said before, and from then on is.
void mb_plan_warnings_say(mb_strbuf *out, const mb_plan_warnings *warnings, mb_plan_warnings *said);
void mb_plan_warnings_deinit(mb_plan_warnings *warnings);
