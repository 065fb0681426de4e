// SPDX-License-Identifier: MIT
// How policies stand against each other in a measure, and the words for it.
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

// The parts that sentences are made of: a measure's name, "p99 latency"; and " (+12 % over NAME, 95 % CI 9 to
// 15 %)", without the name where it is NULL.
void mb_add_measure(mb_strbuf *text, int measure);
void mb_add_gap(mb_strbuf *text, const mb_difference *gap, int measure, const char *name);
// Share of the requests that a policy served, over the seeds; NAN: no run finished.
double mb_served_share(const mb_results *results, size_t point, size_t policy);
// Did two policies serve shares of the requests that are alike enough to compare them in a measure?
bool mb_shares_alike(const mb_results *results, size_t point, size_t a, size_t b, int measure);
