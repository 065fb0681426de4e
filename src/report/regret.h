// SPDX-License-Identifier: MIT
// How far policies are from the best possible (run/reference.h), as a table of its own.
#pragma once
#include "report/sheet.h"

// Of each point a row for the bound, one for the best of those who know every length, and what each policy's
// regret is. No columns where nobody asked, or where nothing is known. Release with mb_sheet_deinit.
void mb_regret_sheet(const mb_results *results, mb_sheet *sheet);
// What the rows mean, and who the clairvoyant is; "" where there is no sheet.
void mb_regret_explain(const mb_results *results, mb_strbuf *text);
// Why there is no bound, as a sentence; "" where there is one everywhere, or nobody asked.
void mb_regret_refusals(const mb_results *results, mb_strbuf *text);
