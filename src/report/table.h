// SPDX-License-Identifier: MIT
// Results for people: a table for the terminal (table.c), and the same in Markdown (markdown.c).
#pragma once
#include "report/sheet.h"
#include "run/results.h"

#include <stdio.h>

// What was simulated, a row per policy (and point), the verdict, and notes. `color`: see mb_wants_color
// (format.h).
mb_status mb_report_table(const mb_results *results, FILE *out, bool color, mb_error *error);
mb_status mb_report_markdown(const mb_results *results, FILE *out, mb_error *error);

// The tables that somebody asked for besides: where time went (report/time_table.h), regrets
// (report/regret.h); false when out of memory.
bool mb_report_extras(const mb_results *results, FILE *out, bool color);

// The table alone.
void mb_print_sheet(const mb_sheet *sheet, FILE *out, bool color);
// The same in lines of at most `width` columns.
void mb_add_sheet(const mb_sheet *sheet, size_t width, mb_strbuf *text);
void mb_markdown_sheet(const mb_sheet *sheet, mb_strbuf *text);
// A sentence, wrapped at spaces; every line after the first is indented.
void mb_print_wrapped(FILE *out, const char *text, size_t indent);
