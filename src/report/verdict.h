// SPDX-License-Identifier: MIT
// Which policy is best, and whether the seeds allow to say so.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// How the policies at one point stand in one measure.
typedef struct mb_standing {
    size_t best, runner_up; // SIZE_MAX: none
    bool real;              // the best is really better than every other policy
    bool refused;           // a latency, of shares of the requests that differ too much: see least, most
    size_t least, most;     // the policies that served the smallest and the largest share
    mb_difference *against; // best against each policy; owned, NULL where there is no runner-up
    bool failed;            // out of memory
} mb_standing;

// The caller frees `against`.
mb_standing mb_standing_of(const mb_results *results, size_t point, int measure);

enum { MB_MAX_HEADLINES = 4 };
// The measures that the verdict is about: goodput (throughput without an SLO), p99 and mean latency; or the
// first directed ones of section->columns.
size_t mb_headlines(const mb_section *section, int measures[MB_MAX_HEADLINES]);

// One sentence, for a sweep a line per headline measure; nothing where there is nothing to compare.
void mb_verdict(const mb_results *results, mb_strbuf *sentence);

// The parts that sentences are made of: a measure's name, "p99 latency"; and " (+12 % over NAME, 95 % CI 9 to
// 15 %)", without the name where it is NULL.
void mb_add_measure(mb_strbuf *text, int measure);
void mb_add_gap(mb_strbuf *text, const mb_difference *gap, int measure, const char *name);
// Did two policies serve shares of the requests that are alike enough to compare them in a measure?
bool mb_shares_alike(const mb_results *results, size_t point, size_t a, size_t b, int measure);

// The verdict where results->baseline is named, which mb_verdict calls.
void mb_verdict_baseline(const mb_results *results, mb_strbuf *text);
// Is a policy really better than the baseline? `difference` is mb_compare_all's.
bool mb_better_than_baseline(const mb_results *results, size_t point, size_t policy, size_t baseline,
                             int measure, const mb_difference *difference);

// What results->control says of the scenario; nothing where there is none. mb_verdict ends with it.
void mb_control_verdict(const mb_results *results, mb_strbuf *text);
