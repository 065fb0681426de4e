// SPDX-License-Identifier: MIT
// The results of a section, for people to read.
#pragma once
#include "run/results.h"

// On standard output: the table, or what the scenario's own report function prints. `answer`: what that
// printed already; NULL: it prints now.
mb_status mb_print_section(const mb_results *results, const char *answer, mb_error *error);
