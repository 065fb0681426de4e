// SPDX-License-Identifier: MIT
// Mean and percentiles of the times of requests, policy by policy, as a table.
#pragma once
#include "report/sheet.h"

// A row per point, policy and time that anybody has. Release with mb_sheet_deinit.
void mb_percentile_sheet(const mb_results *results, mb_sheet *sheet);
