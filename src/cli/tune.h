// SPDX-License-Identifier: MIT
// mbsand search --tune: the best values of keys.
#pragma once
#include "cli/options.h"

// The exit code.
int mb_tune(const mb_run_arguments *arguments, int argc, char **argv);
