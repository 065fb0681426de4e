// SPDX-License-Identifier: MIT
// Which policy is best, and whether the seeds allow to say so.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// One sentence, for a sweep a line per headline measure; nothing where there is nothing to compare.
void mb_verdict(const mb_results *results, mb_strbuf *sentence);
