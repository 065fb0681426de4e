// SPDX-License-Identifier: MIT
// Which policy is best, and whether the seeds allow to say so.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// How the policies at one point stand in one measure.
typedef struct mb_standing {
    size_t best, runner_up; // SIZE_MAX: none
    bool real;              // the best is really better than every other policy
    mb_difference gap;      // best - runner-up, paired by seed
    double reference;       // the runner-up's mean over those pairs
} mb_standing;

mb_standing mb_standing_of(const mb_results *results, size_t point, int measure);
// Is `a` really different from `b`: the paired interval excludes zero, and by at least the 0.1 % that
// percentiles may be off?
bool mb_really_different(const mb_results *results, size_t point, size_t a, size_t b, int measure);

enum { MB_MAX_HEADLINES = 4 };
// The measures that the verdict is about: goodput (throughput without an SLO), p99 and mean latency; or the
// first directed ones of section->columns.
size_t mb_headlines(const mb_section *section, int measures[MB_MAX_HEADLINES]);

// One sentence, for a sweep a line per headline measure; nothing where there is nothing to compare.
void mb_verdict(const mb_results *results, mb_strbuf *sentence);
