// SPDX-License-Identifier: MIT
// --assert 'ttft_p99<0.5': what every policy must keep, for those who keep policies in a repository.
#pragma once
#include "run/results.h"

enum { MB_DEMANDS_BROKEN = 3 }; // the exit code

typedef struct mb_demand {
    const char *text; // as it was given
    int measure;
    bool at_most, strict;
    double bound;
} mb_demand;

// "MEASURE<X", "<=", ">" or ">=", the measure with or without its "_s".
mb_status mb_demand_parse(const char *text, mb_demand *demand, mb_error *error);
// Does a value keep it? (No NAN does.)
bool mb_demand_is_kept(const mb_demand *demand, double value);
// A sentence on standard error for each policy and point that does not keep it, in the level over the seeds;
// how many these are. A measure that has no value is not kept.
size_t mb_demand_check(const mb_demand *demand, const mb_results *results);
