// SPDX-License-Identifier: MIT
// What was asked for, against what happened: headings and notes speak of the latter.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// Requests at a point, over the runs that finished; asked == 0: as many as there are.
typedef struct mb_asked {
    uint64_t asked, least, most; // least, most: that arrived
} mb_asked;
mb_asked mb_asked_at(const mb_results *results, size_t point);

// The point's description, headed by how many of the requests asked for were simulated.
void mb_describe_point(const mb_results *results, size_t point, mb_strbuf *text);
// A sentence if fewer requests were simulated than were asked for, or for a shorter time; else nothing.
void mb_describe_shortfall(const mb_results *results, mb_strbuf *text);
