// SPDX-License-Identifier: MIT
#include "planner/answer.h"

#include <math.h>
#include <stdlib.h>

// TTFT: the prompt of one user alone; TPOT: a step of all users, each with its whole context.
static mb_status add_times(const mb_plan_options *options, mb_plan_row *row, mb_error *error) {
    mb_roofline roofline;
    const mb_status status = mb_roofline_make(&row->plan, &options->efficiency, &roofline, error);
    if (status) return status;
    const uint64_t context = row->plan.context, batch = row->plan.batch;
    if (context > UINT32_MAX || batch > UINT32_MAX)
        return mb_fail(error, MB_BAD_INPUT, "plan: --latency is for contexts and users up to %u", UINT32_MAX);
    const mb_chunk prompt = {.tokens = (uint32_t)context};
    const mb_step_shape prefill = {.prefill_tokens = context, .prefill_requests = 1, .chunks = &prompt};
    const mb_step_shape decode = {.decode_requests = (uint32_t)batch, .decode_context = batch * context};
    row->ttft_s = mb_roofline_seconds(&roofline, &prefill, 0) + options->host_s;
    row->tpot_s = mb_roofline_seconds(&roofline, &decode, (uint32_t)batch) + options->host_s;
    row->output_tps = (double)batch / row->tpot_s;
    return MB_OK;
}

// Blocks of the pool that the log reports. Where layers differ, vLLM counts tokens by groups of layers that
// share blocks, so the memory of the pool says more than they do.
static uint64_t blocks_of_log(const mb_plan_options *options, const mb_budget *estimate) {
    const double block_bytes = estimate->token_bytes * options->plan.block;
    if (mb_plan_log_counts_groups(options) && options->log.pool_bytes > 0)
        return (uint64_t)fmax(1, floor(options->log.pool_bytes / block_bytes));
    return options->log.blocks;
}

static mb_status make_row(const mb_plan_options *options, uint64_t context, uint64_t batch, mb_plan_row *row,
                          mb_error *error) {
    *row = (mb_plan_row){.plan = options->plan, .ttft_s = NAN, .tpot_s = NAN, .output_tps = NAN};
    // No engine serves more than the model's positions; the tutorial of MLSys-im counts on.
    const uint64_t most = options->plan.model->max_positions;
    row->asked_context = context;
    row->plan.context = most && context > most && row->plan.rules != MB_RULES_MLSYSIM ? most : context;
    row->plan.batch = batch;
    if (options->from_log) {
        row->estimate = mb_budget_of(&row->plan);
        row->plan.blocks = blocks_of_log(options, &row->estimate);
    }
    row->budget = mb_budget_of(&row->plan);
    row->gpus_needed = mb_gpus_needed(&row->plan);
    row->per_node = options->per_node ? options->per_node : row->plan.gpu->per_node;
    const double each = isnan(options->price) ? row->plan.gpu->usd_per_hour : options->price;
    row->usd_per_hour = each * row->plan.tp;
    return options->latency ? add_times(options, row, error) : MB_OK;
}

mb_status mb_plan_answer_make(const mb_plan_options *options, mb_plan_answer *answer, mb_error *error) {
    const size_t count = options->contexts.count * options->batches.count;
    *answer =
        (mb_plan_answer){.options = options, .rows = calloc(count, sizeof *answer->rows), .count = count};
    if (!answer->rows) return mb_fail_memory(error);
    mb_status status = MB_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = make_row(options, options->contexts.values[i / options->batches.count],
                          options->batches.values[i % options->batches.count], &answer->rows[i], error);
    return status;
}

void mb_plan_answer_deinit(mb_plan_answer *answer) {
    free(answer->rows);
    *answer = (mb_plan_answer){.rows = NULL};
}
