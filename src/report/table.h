// SPDX-License-Identifier: MIT
// Results for people: a table for the terminal (table.c), and the same in Markdown (markdown.c).
#pragma once
#include "run/results.h"

#include <stdio.h>

// What was simulated, a row per policy (and point), the verdict, and notes. `color`: see mb_wants_color
// (format.h).
mb_status mb_report_table(const mb_results *results, FILE *out, bool color, mb_error *error);
mb_status mb_report_markdown(const mb_results *results, FILE *out, mb_error *error);
