// SPDX-License-Identifier: MIT
// The cheapest configuration whose simulation meets an SLO.
#pragma once
#include "base/strbuf.h"
#include "planner/question.h"

// Writes what was tried in the format asked for, and to *notes what that has no place for; *met: whether any
// meets it.
mb_status mb_plan_cheapest(const mb_plan_options *options, mb_strbuf *out, mb_strbuf *notes, bool *met,
                           mb_error *error);
