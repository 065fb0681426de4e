// SPDX-License-Identifier: MIT
// One page of HTML that holds all it needs: the answer, the tables, and the charts with their data and what
// draws them. It asks nothing of any network.
#pragma once
#include "page/section.h"

typedef struct mb_page_options {
    const char *source;  // what was run or read
    const char *command; // that made the page
} mb_page_options;

mb_status mb_page_write(const mb_page_section *sections, size_t count, const mb_page_options *options,
                        mb_strbuf *html, mb_error *error);
