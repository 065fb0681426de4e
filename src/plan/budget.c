// SPDX-License-Identifier: MIT
#include "plan/budget.h"

#include "plan/kv_groups.h"
#include "plan/vllm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GIB 1073741824.0
enum { MOST_GPUS = 4096, MOST_STAGES = 64 };

const char *const mb_rules_names[] = {"vllm", "kaito", "kaito-2026", "mlsysim"};

typedef struct convention {
    double utilization, weight_factor, activation_gib, runtime_gib; // NAN: computed
    bool whole_blocks, even, windows; // even: KV memory divides among any number of GPUs
} convention;

static const convention CONVENTIONS[MB_RULES_COUNT] = {
    [MB_RULES_VLLM] = {NAN, 1, NAN, NAN, true, false, true},
    [MB_RULES_KAITO] = {0.9, 1.02, 1.7, 0.6, false, true, false},
    [MB_RULES_KAITO_2026] = {0.9, 1.02, NAN, 0.6, false, true, false},
    [MB_RULES_MLSYSIM] = {1, 1, 0, 0, false, true, false},
};

double mb_precision_bytes(const char *name) {
    static const struct {
        const char *name;
        double bytes;
    } precisions[] = {{"fp32", 4}, {"fp16", 2}, {"bf16", 2}, {"fp8", 1}, {"int8", 1}, {"int4", 0.5}};
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++)
        if (strcmp(name, precisions[i].name) == 0) return precisions[i].bytes;
    return 0;
}

static double value_bytes(const mb_plan *plan) {
    return plan->bytes_per_value > 0 ? plan->bytes_per_value : plan->model->dtype_bytes;
}

// --- what a user takes
// -------------------------------------------------------------------------------------------------------

// Among how many GPUs rules that divide KV memory evenly divide it.
static double even_share(const mb_plan *plan) {
    if (plan->rules != MB_RULES_KAITO_2026) return 1.0 / plan->tp;
    const uint32_t node = plan->gpu->per_node ? plan->gpu->per_node : 1;
    return plan->model->latent_kv ? 1 : 1.0 / (plan->tp < node ? plan->tp : node);
}

// KV memory of `tokens` tokens in so many layers without and with a window on one GPU, without a request's
// state.
static double layers_bytes(const mb_plan *plan, uint32_t without, uint32_t with, uint64_t tokens,
                           uint64_t kept) {
    const bool even = CONVENTIONS[plan->rules].even;
    mb_model_config m = *plan->model;
    m.kv_layers = without + with;
    m.window_layers = with;
    const double bytes = mb_model_kv_bytes(&m, value_bytes(plan), tokens, kept, even ? 1 : plan->tp);
    return even ? bytes * even_share(plan) : bytes;
}

// Whether layers with a window keep less than all: not beside others before the engine had groups.
static bool counts_windows(const mb_plan *plan) {
    const mb_model_config *m = plan->model;
    const bool alone = m->window_layers == m->kv_layers;
    return CONVENTIONS[plan->rules].windows && m->window_layers > 0 && (alone || mb_vllm_has_groups(plan));
}

mb_request_kv mb_request_kv_of(const mb_plan *plan) {
    const mb_model_config *m = plan->model;
    const bool in_blocks = CONVENTIONS[plan->rules].whole_blocks;
    const mb_kv_groups g = mb_kv_groups_of(plan, value_bytes(plan));
    const uint32_t without = m->kv_layers - m->window_layers;
    return (mb_request_kv){.token = layers_bytes(plan, without, m->window_layers, 1, UINT64_MAX),
                           .whole = layers_bytes(plan, g.whole, 0, 1, UINT64_MAX),
                           .window = layers_bytes(plan, 0, g.window, 1, UINT64_MAX),
                           .state = g.state * g.state_layer_bytes,
                           .window_tokens = counts_windows(plan) ? (double)m->window : (double)INFINITY,
                           .step_tokens = mb_plan_step_tokens(plan),
                           .block = in_blocks ? g.block : 1};
}

// A layer with a window holds the window before the step's first token and all tokens of the step.
double mb_request_kv_bytes(const mb_request_kv *r, double tokens, double step) {
    const double whole = r->block * ceil(tokens / r->block);
    return r->whole * whole + r->window * fmin(whole, r->window_tokens + step - 1) + r->state;
}

// Memory of one user with `tokens` tokens on one GPU, while a prompt is computed.
static double user_bytes(const mb_plan *plan, uint64_t tokens) {
    const mb_request_kv request = mb_request_kv_of(plan);
    return mb_request_kv_bytes(&request, (double)tokens, request.step_tokens);
}

// As whole as 2^53 allows, with room for rounding: bytes are whole multiples of one another in exact
// arithmetic.
static uint64_t whole(double ratio) {
    if (!(ratio >= 0)) return 0;
    return (uint64_t)fmin(floor(ratio * (1 + 1e-12)), 9e15);
}

// The most tokens of one user in `bytes`.
static uint64_t longest_in(const mb_plan *plan, double bytes) {
    uint64_t low = 0, high = 1;
    while (high < (1ull << 48) && user_bytes(plan, high) <= bytes * (1 + 1e-12))
        high *= 2;
    while (high - low > 1) { // low fits, high does not
        const uint64_t middle = low + (high - low) / 2;
        if (user_bytes(plan, middle) <= bytes * (1 + 1e-12))
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t mb_plan_engines(const mb_plan *plan) {
    return plan->expert_parallel > plan->tp ? plan->expert_parallel / plan->tp : 1;
}

uint32_t mb_plan_gpus(const mb_plan *plan) {
    return plan->tp * mb_plan_engines(plan) * (plan->pipeline > 1 ? plan->pipeline : 1);
}

// The share of the experts on the GPU that has most of them, where they are dealt out whole.
static double expert_share(const mb_plan *plan) {
    const uint32_t experts = plan->model->experts, gpus = plan->expert_parallel;
    if (!gpus || !experts) return 1.0 / plan->tp;
    return (double)((experts + gpus - 1) / gpus) / experts;
}

// Of something of the whole model, and of its experts alone: what a GPU has.
static double on_a_gpu(const mb_plan *plan, double all, double experts) {
    if (!plan->expert_parallel) return all / plan->tp;
    return (all - experts) / plan->tp + experts * expert_share(plan);
}

// Bytes of weights on a GPU.
static double weights_of(const mb_plan *plan) {
    const mb_model_config *m = plan->model;
    const double padding = plan->rules == MB_RULES_VLLM ? mb_vllm_padding(plan) : 0;
    const double counted = mb_model_weight_bytes(m, plan->bytes_per_weight) + padding;
    const double experts = mb_model_expert_bytes(m, plan->bytes_per_weight) + padding;
    const double measured = plan->weight_bytes > 0 ? plan->weight_bytes / counted : 1;
    const double repeated = plan->rules == MB_RULES_VLLM
                                ? mb_model_whole_bytes(m, plan->bytes_per_weight) * (1 - 1.0 / plan->tp)
                                : 0;
    return (on_a_gpu(plan, counted, experts) + repeated) * measured;
}

static double or_else(double given, double otherwise) {
    return isnan(given) ? otherwise : given;
}

static mb_budget budget_of_stage(const mb_plan *plan) {
    const convention *c = &CONVENTIONS[plan->rules];
    const bool vllm = plan->rules == MB_RULES_VLLM;
    const double usable = plan->gpu->usable_bytes > 0 ? plan->gpu->usable_bytes : plan->gpu->memory_bytes;
    const double given = vllm ? usable : plan->gpu->memory_bytes;
    mb_budget b = {
        .layers = plan->model->layers,
        .memory = plan->memory_bytes > 0 ? plan->memory_bytes : given,
        .utilization = or_else(plan->utilization, vllm ? mb_vllm_utilization(plan) : c->utilization),
        .activation =
            or_else(plan->activation_bytes, vllm ? mb_vllm_activation(plan) : c->activation_gib * GIB),
        .runtime = or_else(plan->runtime_bytes, vllm ? mb_vllm_runtime(plan) : c->runtime_gib * GIB),
        .estimated = vllm && !plan->blocks && isnan(plan->activation_bytes) && isnan(plan->runtime_bytes),
        .windows = counts_windows(plan)};
    b.held_back = (1 - b.utilization) * b.memory;
    b.weights = weights_of(plan) * c->weight_factor;
    const mb_parameters parameters = mb_model_parameters(plan->model);
    b.parameters = on_a_gpu(plan, parameters.total, parameters.experts);
    if (plan->rules == MB_RULES_KAITO_2026 && isnan(plan->activation_bytes)) b.activation = 0.05 * b.weights;
    const mb_model_config *m = plan->model;
    b.token_bytes = layers_bytes(plan, m->kv_layers - m->window_layers, m->window_layers, 1, UINT64_MAX);
    b.pool = b.memory * b.utilization - b.weights - b.activation - b.runtime;
    const double block_bytes = b.token_bytes * plan->block;
    if (plan->blocks) b.pool = (double)plan->blocks * block_bytes;
    b.blocks = plan->blocks ? plan->blocks : whole(b.pool / block_bytes);
    b.tokens = c->whole_blocks ? b.blocks * plan->block : whole(b.pool / b.token_bytes);
    const double one = user_bytes(plan, plan->context);
    const uint32_t engines = mb_plan_engines(plan);
    const uint64_t most = (plan->batch + engines - 1) / engines; // users of an engine
    b.used = (double)most * one;
    const bool in_blocks = c->whole_blocks && !b.windows && plan->model->state_layers == 0;
    b.users = whole((in_blocks ? (double)b.blocks * block_bytes : b.pool) / one);
    b.fits = b.pool >= 0 && b.users >= most;
    b.users = b.users < UINT64_MAX / engines ? b.users * engines : UINT64_MAX;
    b.longest = b.pool > 0 ? longest_in(plan, b.pool) : 0;
    if (plan->model->max_positions && b.longest >= plan->model->max_positions) {
        b.longest = plan->model->max_positions;
        b.bound_by_positions = true;
    }
    return b;
}

// Every stage has as many blocks as the one that can have fewest.
mb_budget mb_budget_of(const mb_plan *plan) {
    if (plan->pipeline <= 1) return budget_of_stage(plan);
    const double all = mb_model_parameters(plan->model).total;
    mb_budget worst = {.stage = 0};
    for (uint32_t i = 0; i < plan->pipeline; i++) {
        const mb_model_config part = mb_model_stage(plan->model, i, plan->pipeline);
        mb_plan stage = *plan;
        stage.model = &part;
        stage.weight_bytes *= mb_model_parameters(&part).total / all;
        mb_budget b = budget_of_stage(&stage);
        b.stage = i;
        const mb_budget before = worst;
        const bool binds =
            i == 0 || b.tokens < before.tokens || (b.tokens == before.tokens && b.pool < before.pool);
        if (binds) worst = b;
        if (i == 0) continue;
        worst.fits = b.fits && before.fits;
        worst.users = b.users < before.users ? b.users : before.users;
        worst.bound_by_positions = b.bound_by_positions && before.bound_by_positions;
        worst.longest = b.longest < before.longest ? b.longest : before.longest;
    }
    return worst;
}

mb_pool_margin mb_pool_margin_of(const mb_plan *plan) {
    if (plan->pipeline > 1 || mb_plan_engines(plan) > 1) return (mb_pool_margin){0, 0, 0};
    return plan->tp == 1 ? (mb_pool_margin){0.05, 28, 31} : (mb_pool_margin){0.1, 13, 16};
}

static bool is_kaito(const mb_plan *plan) {
    return plan->rules == MB_RULES_KAITO || plan->rules == MB_RULES_KAITO_2026;
}

static bool is_falcon(const mb_model_config *m) {
    return strncmp(m->model_type, "falcon", 6) == 0 && m->state_layers == 0;
}

bool mb_plan_divides(const mb_plan *plan, uint32_t gpus) {
    const mb_model_config *m = plan->model;
    if (is_kaito(plan)) return gpus == 1 || !is_falcon(m);
    const bool deals = m->latent_kv || m->kv_heads % gpus == 0 || gpus % m->kv_heads == 0;
    return m->heads % gpus == 0 && deals;
}

static mb_status check_division(const mb_plan *plan, mb_error *error) {
    const mb_model_config *m = plan->model;
    if (mb_plan_divides(plan, plan->tp)) return MB_OK;
    if (is_kaito(plan))
        return mb_fail(error, MB_BAD_INPUT,
                       "KAITO does not run %s on more than one GPU: it is a Falcon model", m->name);
    char sizes[160] = "";
    for (uint32_t n = 1, used = 0; n <= 64 && used + 16 < sizeof sizes; n++)
        if (mb_plan_divides(plan, n))
            used += (uint32_t)snprintf(sizes + used, sizeof sizes - used, "%s%u", used ? ", " : "", n);
    if (m->heads % plan->tp)
        return mb_fail(error, MB_BAD_INPUT,
                       "%s cannot be divided among %u GPUs: it has %u attention heads (possible: %s)",
                       m->name, plan->tp, m->heads, sizes);
    return mb_fail(
        error, MB_BAD_INPUT,
        "%s cannot be divided among %u GPUs: its %u KV heads neither divide nor are divided (possible: %s)",
        m->name, plan->tp, m->kv_heads, sizes);
}

static mb_status check_stages(const mb_plan *plan, mb_error *error) {
    const mb_model_config *m = plan->model;
    const uint32_t gpus = plan->expert_parallel;
    if ((plan->pipeline > 1 || gpus) && plan->rules != MB_RULES_VLLM)
        return mb_fail(error, MB_BAD_INPUT,
                       "pipelines and experts in parallel are for the rules vllm; %s divides by its own",
                       mb_rules_names[plan->rules]);
    if (plan->pipeline > m->layers)
        return mb_fail(error, MB_BAD_INPUT, "%s has %u layers: they cannot be dealt out to %u stages",
                       m->name, m->layers, plan->pipeline);
    if (!gpus) return MB_OK;
    if (!m->experts) return mb_fail(error, MB_BAD_INPUT, "%s has no experts to deal out", m->name);
    if (gpus > m->experts)
        return mb_fail(error, MB_BAD_INPUT, "%s has %u experts: they cannot be dealt out to %u GPUs", m->name,
                       m->experts, gpus);
    if (gpus % plan->tp)
        return mb_fail(error, MB_BAD_INPUT,
                       "experts are dealt out to a multiple of the %u GPUs that share a layer (tensor "
                       "parallelism); %u is "
                       "none",
                       plan->tp, gpus);
    return MB_OK;
}

mb_status mb_plan_check(const mb_plan *plan, mb_error *error) {
    const mb_model_config *m = plan->model;
    if (m->quant_unknown && plan->bytes_per_weight == 0 && plan->weight_bytes == 0)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s is quantised by \"%s\", which is not understood: the size of its weights would be a guess; "
            "say it (--weights-gib), or the bytes of each (--weights, weight_precision)",
            m->name, m->quant_name);
    if (plan->rules == MB_RULES_VLLM && m->latent_kv && !mb_vllm_has_latents(plan))
        return mb_fail(
            error, MB_BAD_INPUT,
            "vLLM before 0.7 kept the keys and values of %s whole, not compressed: what it held then is not "
            "known here",
            m->name);
    const mb_status status = check_division(plan, error);
    return status ? status : check_stages(plan, error);
}

// Whether users fit with so many GPUs to a layer and so many stages, with the engines of `plan`. Blocks that
// were told of its own division hold for no other.
static bool fits_with(const mb_plan *plan, uint32_t tp, uint32_t pipeline, mb_plan *tried) {
    const uint32_t engines = mb_plan_engines(plan);
    *tried = *plan;
    if (tp != plan->tp || pipeline != plan->pipeline) tried->blocks = 0;
    tried->tp = tp;
    tried->pipeline = pipeline;
    tried->expert_parallel = plan->expert_parallel ? tp * engines : 0;
    return tried->expert_parallel <= plan->model->experts && mb_plan_divides(tried, tp) &&
           mb_budget_of(tried).fits;
}

uint32_t mb_gpus_needed(const mb_plan *plan) {
    mb_plan tried = *plan;
    for (uint32_t tp = 1; tp <= MOST_GPUS && mb_plan_gpus(&tried) <= MOST_GPUS; tp++)
        if (fits_with(plan, tp, plan->pipeline, &tried)) return mb_plan_gpus(&tried);
    return 0;
}

bool mb_plan_inside_nodes(const mb_plan *plan, uint32_t per_node, mb_plan *found) {
    const uint32_t engines = mb_plan_engines(plan), most = per_node / engines ? per_node / engines : 1;
    uint32_t widest = 1;
    for (uint32_t tp = 1; tp <= most; tp++) {
        if (fits_with(plan, tp, 1, found)) return true;
        if (mb_plan_divides(plan, tp)) widest = tp;
    }
    for (uint32_t stages = 2;
         plan->rules == MB_RULES_VLLM && stages <= MOST_STAGES && stages <= plan->model->layers; stages++)
        if (fits_with(plan, widest, stages, found)) return true;
    return false;
}
