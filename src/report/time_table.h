// SPDX-License-Identifier: MIT
// Where the time of requests went (metrics/why.h), policy by policy, as a table of its own.
#pragma once
#include "report/sheet.h"

// A row per point and policy: its mean E2E and the parts of it that anybody spent time on. No columns where
// nobody asked. Release with mb_sheet_deinit.
void mb_time_sheet(const mb_results *results, mb_sheet *sheet);
// "B is 31 % faster than A: 0.42 s less waiting, ..." at a single point, of the policies against the baseline
// or the best; "" where there is nothing to say.
void mb_time_compare(const mb_results *results, mb_strbuf *text);
// What the table holds, with mb_time_compare before it; "" where there is no table.
void mb_time_explain(const mb_results *results, mb_strbuf *text);
