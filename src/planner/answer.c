// SPDX-License-Identifier: MIT
#include "planner/answer.h"

#include <math.h>
#include <stdlib.h>

// TTFT: the prompt of one user alone; TPOT: a step of all users, each with its whole context.
static mb_status add_times(const mb_plan_options *options, mb_plan_row *row, mb_error *error) {
    mb_roofline roofline;
    if (row->plan.pipeline > 1 || row->plan.expert_parallel) return MB_OK; // the roofline knows neither
    const mb_status status = mb_roofline_make(&row->plan, &row->efficiency, &roofline, error);
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

static void count_gpus(const mb_plan_options *options, mb_plan_row *row) {
    mb_plan inside;
    row->per_node = options->per_node ? options->per_node : row->plan.gpu->per_node;
    row->gpus_needed = mb_gpus_needed(&row->plan);
    if (mb_plan_engines(&row->plan) > 1 || row->gpus_needed <= row->per_node) return;
    if (!mb_plan_inside_nodes(&row->plan, row->per_node, &inside)) return;
    if (inside.pipeline <= 1) return;
    row->inside_tp = inside.tp;
    row->inside_pipeline = inside.pipeline;
}

mb_status mb_plan_row_make(const mb_plan_options *options, const mb_plan *plan, uint64_t context,
                           uint64_t batch, mb_plan_row *row, mb_error *error) {
    *row = (mb_plan_row){
        .plan = *plan, .ttft_s = NAN, .tpot_s = NAN, .output_tps = NAN, .efficiency = options->efficiency};
    // No engine serves more than the model's positions; the tutorial of MLSys-im counts on.
    const uint64_t most = options->plan.model->max_positions;
    row->asked_context = context;
    row->plan.context = most && context > most && row->plan.rules != MB_RULES_MLSYSIM ? most : context;
    row->plan.batch = batch;
    if (options->from_log) {
        row->estimate = mb_budget_of(&row->plan);
        row->plan.blocks = blocks_of_log(options, &row->estimate);
    }
    count_gpus(options, row);
    if (options->gpus) { // as many as are needed; one where none are enough
        mb_plan fitting;
        if (mb_plan_inside_nodes(&row->plan, row->per_node, &fitting)) {
            row->plan = fitting;
        } else if (row->gpus_needed) {
            row->plan.tp = row->gpus_needed;
        }
    }
    row->budget = mb_budget_of(&row->plan);
    const double each = isnan(options->price) ? row->plan.gpu->usd_per_hour : options->price;
    row->usd_per_hour = each * mb_plan_gpus(&row->plan);
    mb_status status = MB_OK;
    if (options->latency || options->slo)
        status = mb_roofline_complete(options->root, row->plan.gpu->name, options->engine, &row->efficiency,
                                      error);
    if (!status && options->latency) status = add_times(options, row, error);
    return status;
}

// What fits first, by price, then by the number of GPUs; unknown prices behind known ones.
static int compare_rows(const void *left, const void *right) {
    const mb_plan_row *a = left, *b = right;
    if (a->budget.fits != b->budget.fits) return a->budget.fits ? -1 : 1;
    if (isnan(a->usd_per_hour) != isnan(b->usd_per_hour)) return isnan(a->usd_per_hour) ? 1 : -1;
    if (a->usd_per_hour != b->usd_per_hour && !isnan(a->usd_per_hour))
        return a->usd_per_hour < b->usd_per_hour ? -1 : 1;
    const uint32_t gpus_a = mb_plan_gpus(&a->plan), gpus_b = mb_plan_gpus(&b->plan);
    if (gpus_a != gpus_b) return gpus_a < gpus_b ? -1 : 1;
    return a->plan.gpu < b->plan.gpu ? -1 : 1; // as their file has them
}

static mb_status answer_gpus(const mb_plan_options *options, mb_plan_answer *answer, mb_error *error) {
    mb_status status = mb_gpu_list_open(options->root, options->gpus, &answer->gpus, error);
    answer->count = answer->gpus.count;
    answer->rows = calloc(answer->count + 1, sizeof *answer->rows);
    if (!answer->rows) return mb_fail_memory(error);
    for (size_t i = 0; i < answer->count && !status; i++) {
        mb_plan plan = options->plan;
        plan.gpu = answer->gpus.items[i];
        status = mb_plan_check(&plan, error);
        if (!status)
            status = mb_plan_row_make(options, &plan, options->contexts.values[0], options->batches.values[0],
                                      &answer->rows[i], error);
    }
    if (!status) qsort(answer->rows, answer->count, sizeof *answer->rows, compare_rows);
    return status;
}

mb_status mb_plan_answer_make(const mb_plan_options *options, mb_plan_answer *answer, mb_error *error) {
    const size_t count = options->contexts.count * options->batches.count;
    *answer = (mb_plan_answer){.options = options, .count = count};
    if (options->gpus) return answer_gpus(options, answer, error);
    answer->rows = calloc(count, sizeof *answer->rows);
    if (!answer->rows) return mb_fail_memory(error);
    mb_status status = MB_OK;
    for (size_t i = 0; i < count && !status; i++) {
        status =
            mb_plan_row_make(options, &options->plan, options->contexts.values[i / options->batches.count],
                             options->batches.values[i % options->batches.count], &answer->rows[i], error);
    }
    return status;
}

void mb_plan_answer_deinit(mb_plan_answer *answer) {
    free(answer->rows);
    mb_gpu_list_deinit(&answer->gpus);
    *answer = (mb_plan_answer){.rows = NULL};
}
