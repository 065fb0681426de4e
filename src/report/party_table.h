// SPDX-License-Identifier: MIT
// `by = "class"` or "client": a row for each of them and policy.
#pragma once
#include "report/sheet.h"

// No columns where nobody asked. Release with mb_sheet_deinit.
void mb_party_sheet(const mb_results *results, mb_sheet *sheet);
void mb_party_explain(const mb_results *results, mb_strbuf *text);
