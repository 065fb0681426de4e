// SPDX-License-Identifier: MIT
#include "report/crowd.h"

#include "sim/service.h"

void mb_service_crowd(const mb_results *results, mb_strbuf *text) {
    size_t runs = 0;
    for (size_t i = 0; i < results->count; i++)
        runs += results->outcomes[i].finished && results->outcomes[i].service_crowded;
    if (!runs) return;
    mb_strbuf_printf(
        text,
        "in %zu of %zu runs more than %d clients waited at a time: `service_gap` is of those who "
        "came to wait first, and of all it is that or more",
        runs, results->count, MB_SERVICE_MOST);
}
