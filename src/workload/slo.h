// SPDX-License-Identifier: MIT
// What a request is promised.
#pragma once

// Upper bounds, in seconds; INFINITY: none.
typedef struct mb_slo {
    double ttft_s; // time to first token
    double tbt_s;  // mean time between tokens
    double e2e_s;  // the whole request
} mb_slo;
