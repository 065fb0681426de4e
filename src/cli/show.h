// SPDX-License-Identifier: MIT
// A database of results on standard output.
#pragma once
#include "cli/options.h"

// `baseline` and `out` may be NULL. The exit code; a sentence is on standard error if it is not 0.
int mb_show(const char *path, mb_output_format format, const char *baseline, const char *out);
