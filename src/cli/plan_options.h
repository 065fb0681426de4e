// SPDX-License-Identifier: MIT
// The command line of mbsand plan.
#pragma once
#include "planner/question.h"

// 0, or an exit code with the sentence printed.
int mb_plan_options_parse(int argc, char **argv, mb_plan_options *options);
void mb_plan_options_deinit(mb_plan_options *options);
void mb_plan_options_help(void);
