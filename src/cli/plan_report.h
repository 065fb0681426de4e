// SPDX-License-Identifier: MIT
// What mbsand plan prints.
#pragma once
#include "base/strbuf.h"
#include "cli/plan_options.h"

// One combination of context and users.
typedef struct mb_plan_row {
    mb_plan plan;
    mb_budget budget;
    uint64_t asked_context;
    uint32_t gpus_needed; // 0: no number of them is enough
    uint32_t per_node;
    mb_budget estimate;                // where a log sets the pool: what would have been said without it
    double usd_per_hour;               // of the GPUs that share the model; NAN: not known
    double ttft_s, tpot_s, output_tps; // of the roofline; NAN: not asked for
} mb_plan_row;

typedef struct mb_plan_report {
    const mb_plan_options *options;
    const mb_plan_row *rows; // contexts outside, users inside
    size_t count;
    size_t width; // of the terminal
} mb_plan_report;

void mb_plan_report_write(mb_strbuf *out, const mb_plan_report *report);
