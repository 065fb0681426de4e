// SPDX-License-Identifier: MIT
#include "planner/columns.h"

#include <math.h>
#include <stdio.h>

#define GIB 1073741824.0

static double total(const mb_plan_row *r) {
    return r->budget.weights + r->budget.activation + r->budget.runtime + r->budget.used;
}
static double context(const mb_plan_row *r) {
    return (double)r->plan.context;
}
static double batch(const mb_plan_row *r) {
    return (double)r->plan.batch;
}
static double tp(const mb_plan_row *r) {
    return r->plan.tp;
}
static double pipeline(const mb_plan_row *r) {
    return r->plan.pipeline > 1 ? r->plan.pipeline : 1;
}
static double expert_parallel(const mb_plan_row *r) {
    return r->plan.expert_parallel ? r->plan.expert_parallel : (double)NAN;
}
static double gpus(const mb_plan_row *r) {
    return mb_plan_gpus(&r->plan);
}
static double engines(const mb_plan_row *r) {
    return mb_plan_engines(&r->plan);
}
static double memory(const mb_plan_row *r) {
    return r->budget.memory;
}
static double held_back(const mb_plan_row *r) {
    return r->budget.held_back;
}
static double weights(const mb_plan_row *r) {
    return r->budget.weights;
}
static double activation(const mb_plan_row *r) {
    return r->budget.activation;
}
static double runtime(const mb_plan_row *r) {
    return r->budget.runtime;
}
static double pool(const mb_plan_row *r) {
    return r->budget.pool;
}
static double used(const mb_plan_row *r) {
    return r->budget.used;
}
static double share(const mb_plan_row *r) {
    return total(r) / r->budget.memory;
}
static double token_bytes(const mb_plan_row *r) {
    return r->budget.token_bytes;
}
static double tokens(const mb_plan_row *r) {
    return (double)r->budget.tokens;
}
static double blocks(const mb_plan_row *r) {
    return (double)r->budget.blocks;
}
// None beside an encoder that is not counted: it takes more than the margin.
double mb_plan_margin(const mb_plan_row *r) {
    const mb_pool_margin margin = mb_pool_margin_of(&r->plan);
    const bool known = r->budget.estimated && margin.compared && !r->plan.model->vision_left_out;
    return known && r->budget.tokens ? margin.share : (double)NAN;
}
static double users(const mb_plan_row *r) {
    return (double)r->budget.users;
}
static double longest(const mb_plan_row *r) {
    return (double)r->budget.longest;
}
static double needed(const mb_plan_row *r) {
    return r->gpus_needed ? r->gpus_needed : (double)NAN;
}
static double nodes(const mb_plan_row *r) {
    return ceil(needed(r) / r->per_node);
}
static double price(const mb_plan_row *r) {
    return r->usd_per_hour;
}
static double ttft(const mb_plan_row *r) {
    return r->ttft_s;
}
static double tpot(const mb_plan_row *r) {
    return r->tpot_s;
}
static double ttft_error(const mb_plan_row *r) {
    return r->efficiency.prompt_error;
}
static double tpot_error(const mb_plan_row *r) {
    return r->efficiency.decode_error;
}
static double output_tps(const mb_plan_row *r) {
    return r->output_tps;
}
double mb_plan_cost(const mb_plan_row *r) {
    return r->usd_per_hour / 3600 / (r->output_tps / 1e6);
}

const mb_plan_column mb_plan_columns[] = {
    {"context", "context", MB_PLAN_COUNT, context, true, false, false},
    {"batch", "users", MB_PLAN_COUNT, batch, true, false, false},
    {"tp", "tp", MB_PLAN_COUNT, tp, false, false, true},
    {"pipeline", "pipeline", MB_PLAN_COUNT, pipeline, false, false, true},
    {"expert_parallel", "experts over", MB_PLAN_COUNT, expert_parallel, false, false, false},
    {"gpus", "GPUs", MB_PLAN_COUNT, gpus, false, false, true},
    {"engines", "engines", MB_PLAN_COUNT, engines, false, false, false},
    {"memory_gib", "memory", MB_PLAN_GIB, memory, false, false, false},
    {"held_back_gib", "held back", MB_PLAN_GIB, held_back, false, false, false},
    {"weights_gib", "weights", MB_PLAN_GIB, weights, true, false, true},
    {"activation_gib", "activations", MB_PLAN_GIB, activation, false, false, false},
    {"runtime_gib", "runtime", MB_PLAN_GIB, runtime, false, false, false},
    {"pool_gib", "pool", MB_PLAN_GIB, pool, false, false, false},
    {"kv_gib", "KV memory", MB_PLAN_GIB, used, true, false, false},
    {"total_gib", "total", MB_PLAN_GIB, total, true, false, false},
    {"memory_share", "of memory", MB_PLAN_SHARE, share, true, false, true},
    {"kv_bytes_per_token", "bytes per token", MB_PLAN_COUNT, token_bytes, false, false, false},
    {"pool_tokens", "pool tokens", MB_PLAN_COUNT, tokens, false, false, true},
    {"pool_blocks", "blocks", MB_PLAN_COUNT, blocks, false, false, false},
    {"pool_margin", "margin", MB_PLAN_SHARE, mb_plan_margin, false, false, false},
    {"users", "most users", MB_PLAN_COUNT, users, true, false, true},
    {"longest_context", "longest context", MB_PLAN_COUNT, longest, false, false, true},
    {"gpus_needed", "GPUs needed", MB_PLAN_COUNT, needed, true, false, false},
    {"nodes_needed", "nodes", MB_PLAN_COUNT, nodes, false, false, false},
    {"usd_per_hour", "USD/h", MB_PLAN_PLAIN, price, false, false, true},
    {"ttft_s", "TTFT", MB_PLAN_SECONDS, ttft, true, true, true},
    {"ttft_error", "+-", MB_PLAN_SHARE, ttft_error, true, true, true},
    {"tpot_s", "TPOT", MB_PLAN_SECONDS, tpot, true, true, true},
    {"tpot_error", "+-", MB_PLAN_SHARE, tpot_error, true, true, true},
    {"output_tps", "output tok/s", MB_PLAN_COUNT, output_tps, true, true, true},
    {"usd_per_mtok", "USD/Mtok", MB_PLAN_PLAIN, mb_plan_cost, false, true, false},
};
const int mb_plan_column_count = sizeof mb_plan_columns / sizeof *mb_plan_columns;

bool mb_plan_column_used(const mb_plan_column *c, const mb_plan_answer *answer) {
    return !c->latency || answer->options->latency;
}

bool mb_plan_column_shown(const mb_plan_column *c, const mb_plan_answer *answer) {
    return mb_plan_column_used(c, answer) && (answer->options->gpus ? c->of_gpus : c->shown);
}

static void add_unit(char text[MB_TEXT_SIZE], double value, const char *unit) {
    char number[MB_TEXT_SIZE];
    mb_digits(number, MB_TEXT_SIZE, value, 3);
    snprintf(text, MB_TEXT_SIZE, "%.40s %s", number, unit);
}

void mb_plan_cell(char text[MB_TEXT_SIZE], const mb_plan_column *c, const mb_plan_row *row) {
    const double value = c->value(row);
    if (isnan(value))
        snprintf(text, MB_TEXT_SIZE, "-");
    else if (c->unit == MB_PLAN_COUNT)
        mb_format_count(text, value);
    else if (c->unit == MB_PLAN_GIB)
        snprintf(text, MB_TEXT_SIZE, "%.2f", value / GIB);
    else if (c->unit == MB_PLAN_SHARE)
        snprintf(text, MB_TEXT_SIZE, "%.1f %%", 100 * value);
    else if (c->unit == MB_PLAN_SECONDS && value < 1)
        add_unit(text, 1e3 * value, "ms");
    else if (c->unit == MB_PLAN_SECONDS)
        add_unit(text, value, "s");
    else
        mb_digits(text, MB_TEXT_SIZE, value, 4);
}

double mb_plan_stored(const mb_plan_column *c, const mb_plan_row *row) {
    const double value = c->value(row);
    return c->unit == MB_PLAN_GIB ? value / GIB : value;
}
