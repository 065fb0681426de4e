// SPDX-License-Identifier: MIT
// What a page says of one section of results.
#pragma once
#include "page/gather.h"

typedef struct mb_page_section {
    const mb_results *results;
    const mb_gathered *gathered; // NULL: there are only the measures
    char *answer;                // of the scenario's own report function, or NULL; owned
    const char *tuned;   // of a tuning's trials, in the order of its points: by which measure; or NULL
    double least_served; // the share without which a trial's latencies do not count
} mb_page_section;
