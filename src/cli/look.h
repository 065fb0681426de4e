// SPDX-License-Identifier: MIT
// The same of whatever is named: a scenario, a packed case, which are run, or a database of results.
#pragma once
#include "cli/look_run.h"

// Run or read what arguments->scenario names, and show it. The exit code.
int mb_look_at(mb_run_arguments *arguments, const mb_look *look, int argc, char **argv);
