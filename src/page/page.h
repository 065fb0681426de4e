// SPDX-License-Identifier: MIT
// One page of HTML that holds all it needs: the answer, the tables, and the charts with their data and what
// draws them. It asks nothing of any network.
#pragma once
#include "page/gather.h"

typedef struct mb_page_section {
    const mb_results *results;
    const mb_gathered *gathered; // NULL: there are only the measures
    char *answer;                // of the scenario's own report function, or NULL; owned
    const char *tuned;   // of a tuning's trials, in the order of its points: by which measure; or NULL
    double least_served; // the share without which a trial's latencies do not count
} mb_page_section;

typedef struct mb_page_options {
    const char *source;  // what was run or read
    const char *command; // that made the page
} mb_page_options;

mb_status mb_page_write(const mb_page_section *sections, size_t count, const mb_page_options *options,
                        mb_strbuf *html, mb_error *error);
