// SPDX-License-Identifier: MIT
// What a relaxed control says of its scenario.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// What results->control says of the scenario; nothing where there is none.
void mb_control_verdict(const mb_results *results, mb_strbuf *text);
