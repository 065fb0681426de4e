// SPDX-License-Identifier: MIT
// What a plan is of, and where its bytes per token come from, in words.
#pragma once
#include "base/strbuf.h"
#include "planner/answer.h"

void mb_plan_add_count(mb_strbuf *out, double value);
// A line.
void mb_plan_add_title(mb_strbuf *out, const mb_plan_row *row);
// A line for rows of several GPUs.
void mb_plan_add_gpus_title(mb_strbuf *out, const mb_plan_row *row);
// "131,072 = 2 (K and V) x 32 layers x 8 KV heads x 128 x 2 bytes"; on_each: and what that is on a GPU
void mb_plan_add_formula(mb_strbuf *out, const mb_plan_row *row, bool on_each);
