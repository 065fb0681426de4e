// SPDX-License-Identifier: MIT
// All rows of an answer, a line each.
#pragma once
#include "base/strbuf.h"
#include "planner/answer.h"

void mb_plan_add_table(mb_strbuf *out, const mb_plan_answer *answer);
void mb_plan_add_markdown(mb_strbuf *out, const mb_plan_answer *answer);
// These with the warnings of each row.
void mb_plan_add_csv(mb_strbuf *out, const mb_plan_answer *answer);
void mb_plan_add_json(mb_strbuf *out, const mb_plan_answer *answer);
