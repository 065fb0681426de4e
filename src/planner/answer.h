// SPDX-License-Identifier: MIT
// What a question comes to: a row for each combination of context and users.
#pragma once
#include "planner/gpu_list.h"
#include "planner/question.h"

// One combination of context and users.
typedef struct mb_plan_row {
    mb_plan plan;
    mb_budget budget;
    uint64_t asked_context;
    uint32_t gpus_needed; // 0: no number of them is enough
    // Where these are more than a node: the fewest whose tensor parallelism stays inside nodes; 0: none.
    uint32_t inside_tp, inside_pipeline;
    uint32_t per_node;
    mb_budget estimate;                // where a log sets the pool: what would have been said without it
    double usd_per_hour;               // of the GPUs that share the model; NAN: not known
    double ttft_s, tpot_s, output_tps; // of the roofline; NAN: not asked for
    mb_roofline_efficiency efficiency; // of these
} mb_plan_row;

typedef struct mb_plan_answer {
    const mb_plan_options *options;
    mb_plan_row *rows; // contexts outside, users inside; or a row for each GPU; owned
    size_t count;
    size_t width;       // of the terminal, or what a bar takes elsewhere
    size_t table_width; // of the terminal; elsewhere a table is as wide as it is
    mb_gpu_list gpus;
} mb_plan_answer;

// One row: of a plan (its GPU, and how it shares the model), for so many users with so many tokens.
mb_status mb_plan_row_make(const mb_plan_options *options, const mb_plan *plan, uint64_t context,
                           uint64_t batch, mb_plan_row *row, mb_error *error);
// Answer it, once it has been opened. Release with mb_plan_answer_deinit, whatever is returned.
mb_status mb_plan_answer_make(const mb_plan_options *options, mb_plan_answer *answer, mb_error *error);
void mb_plan_answer_deinit(mb_plan_answer *answer);
