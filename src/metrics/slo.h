// SPDX-License-Identifier: MIT
// What a request is promised.
#pragma once
#include "base/exceeds.h"

// Upper bounds, in seconds; INFINITY: none.
typedef struct mb_slo {
    double ttft_s; // time to first token
    double tbt_s;  // mean time between tokens
    double e2e_s;  // the whole request
    double gap_s;  // the largest gap between tokens; 0: none
    bool of_late;  // is there a bound on late tokens?
    double late;   // the largest share of a request's tokens that may come later than ttft_s and tbt_s say
} mb_slo;
