// SPDX-License-Identifier: MIT
// What mbsand plan prints.
#pragma once
#include "base/strbuf.h"
#include "planner/answer.h"

void mb_plan_report_write(mb_strbuf *out, const mb_plan_answer *answer);
// What a run of the same question (--page) has no place for.
void mb_plan_report_warnings(mb_strbuf *out, const mb_plan_answer *answer);
