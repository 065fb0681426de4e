// SPDX-License-Identifier: MIT
// The verdict where a baseline is named: every other policy against it.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// The verdict where results->baseline is named.
void mb_verdict_baseline(const mb_results *results, mb_strbuf *text);
// Is a policy really better than the baseline? `difference` is mb_compare_all's.
bool mb_better_than_baseline(const mb_results *results, size_t point, size_t policy, size_t baseline,
                             int measure, const mb_difference *difference);
