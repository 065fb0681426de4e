// SPDX-License-Identifier: MIT
#include "plan/vllm.h"

#include "plan/model_size.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GIB 1073741824.0
// Latent attention; the second engine, and with it alone; groups of layers of a kind; the sampler that does
// not sort; CUDA graphs count.
enum {
    FIRST_WITH_LATENTS = 7,
    FIRST_V1 = 8,
    FIRST_WITH_GROUPS = 10,
    FIRST_WITHOUT_V0 = 11,
    FIRST_UNSORTED = 17,
    FIRST_WITH_GRAPHS = 21
};
enum { FIRST_UNEVEN_GROUPS = 21, TODAY = 21 };

static uint32_t version_of(const mb_plan *plan) {
    return plan->version ? plan->version : TODAY;
}

void mb_plan_version(const mb_plan *plan, char text[24]) {
    snprintf(text, 24, "0.%u%s", version_of(plan), version_of(plan) >= TODAY ? " or later" : "");
}

static bool is_called(const mb_gpu *gpu, const char *start) {
    return strncmp(gpu->name ? gpu->name : "", start, strlen(start)) == 0;
}

// vLLM's own test: from 70 GiB on, but not the A100; nor memory that is shared with the processor, of which
// the driver names no size (a log of a GB10 has graphs for 256 requests).
static bool is_large(const mb_gpu *gpu) {
    return gpu->memory_bytes >= 70 * GIB && !is_called(gpu, "a100") && !is_called(gpu, "gb10-");
}

// The second engine needed an Ampere GPU; on older ones the first went on for as long as there was one.
static bool is_first_engine(const mb_plan *plan) {
    const bool old = is_called(plan->gpu, "v100") || is_called(plan->gpu, "t4");
    return version_of(plan) < FIRST_V1 || (old && version_of(plan) < FIRST_WITHOUT_V0);
}

uint32_t mb_plan_step_tokens(const mb_plan *plan) {
    if (plan->step_tokens) return plan->step_tokens;
    if (is_first_engine(plan))
        return plan->context > 2048 && plan->context <= 32768 ? (uint32_t)plan->context : 2048;
    return is_large(plan->gpu) ? 8192 : 2048;
}

uint32_t mb_plan_step_requests(const mb_plan *plan) {
    if (plan->step_requests) return plan->step_requests;
    return !is_first_engine(plan) && is_large(plan->gpu) ? 1024 : 256;
}

bool mb_vllm_has_groups(const mb_plan *plan) {
    const mb_model_config *m = plan->model;
    const bool uneven = m->window_layers > 0 && m->window_layers < m->kv_layers &&
                        mb_model_wide_kv_values(m) != mb_model_kv_values(m);
    return version_of(plan) >= (uneven ? FIRST_UNEVEN_GROUPS : FIRST_WITH_GROUPS);
}

bool mb_vllm_has_latents(const mb_plan *plan) {
    return version_of(plan) >= FIRST_WITH_LATENTS;
}

double mb_vllm_utilization(const mb_plan *plan) {
    return version_of(plan) >= FIRST_WITH_GRAPHS ? 0.92 : 0.9;
}

// The most that is alive at once in a layer, per token (experts that are dealt out whole see the tokens of
// all): three vectors as wide as the model, and the MLP's two halves with their product, or queries, keys and
// values, or what the chosen experts work on. (Llama-3.1-8B: 110,592 bytes; a run with 29,000 tokens took
// 110,700.)
static double bytes_per_step_token(const mb_plan *plan) {
    const mb_model_config *m = plan->model;
    const double values = 2.0 * (m->kv_lora_rank ? m->heads * 1.0 : m->kv_heads) * m->head_dim;
    const double attention = (2.0 * m->heads * m->head_dim + values) / plan->tp;
    const double dense = m->dense_layers ? 3.0 * m->intermediate / plan->tp : 0;
    const double cut = plan->expert_parallel ? 1 : plan->tp,
                 rows = plan->expert_parallel ? 1.0 / plan->tp : 1;
    const double inner = m->expert_intermediate / cut;
    const double experts = m->experts_per_token * rows * (fmax(2 * inner, m->expert_hidden) + inner);
    return 2 * (3.0 * m->hidden + fmax(attention, fmax(dense, experts)));
}

// The scores of all words for every request, whole on the GPU that samples however many share the model: 28
// bytes each in the first engine; 38.3 while the second one sorts them, beside the step's hidden states (ten
// logs of 0.10 and 0.11 agree within 1 %); 16 since a kernel finds the threshold.
static double sampler_bytes(const mb_plan *plan) {
    const double step = mb_plan_step_tokens(plan), requests = fmin(mb_plan_step_requests(plan), step);
    const uint32_t version = version_of(plan);
    const bool first = is_first_engine(plan);
    const double each = first ? 28 : version < FIRST_UNSORTED ? 38.3 : 16;
    return requests * plan->model->vocabulary * each + (first ? 0 : step * plan->model->hidden * 2.0);
}

// Latent attention reads the tokens before a prompt's chunk in parts, and tries a whole one while memory is
// measured: the keys and values of all its heads here, of up to 65,536 tokens. (128 heads: 4 GiB. An indexer
// leaves that out.)
static double expansion_bytes(const mb_plan *plan) {
    const mb_model_config *m = plan->model;
    if (!m->latent_kv || m->index_heads || version_of(plan) < FIRST_V1) return 0;
    const double requests = 4.0 * mb_plan_step_requests(plan) * plan->block;
    const double tokens = fmin(fmax(8.0 * (double)plan->context, requests), 65536);
    return 2 * tokens * m->heads / plan->tp * ((double)m->nope_dim + m->value_dim);
}

double mb_vllm_activation(const mb_plan *plan) {
    const double step = mb_plan_step_tokens(plan) * bytes_per_step_token(plan) + expansion_bytes(plan);
    return plan->model->no_head ? step : fmax(step, sampler_bytes(plan)); // the last stage samples
}

// Buffers of the collectives: a little over PCIe, 0.4 to 1.8 GiB in five logs over NVLink.
static double among_gib(const mb_plan *plan) {
    const bool fast = plan->gpu->link >= 100e9;
    const uint32_t version = version_of(plan);
    if (plan->tp == 1 && plan->pipeline <= 1 && plan->expert_parallel <= 1) return 0;
    if (is_first_engine(plan)) return fast ? 1.8 : 0.25;
    return fast ? 1.2 : version < FIRST_UNSORTED ? 0.12 : 0.35;
}

double mb_vllm_runtime(const mb_plan *plan) {
    const mb_model_config *m = plan->model;
    const uint32_t version = version_of(plan);
    const double rotary = 2.0 * (double)m->max_positions * (m->kv_lora_rank ? m->rope_dim : m->head_dim);
    const double base = is_first_engine(plan) ? 0.44 : version < FIRST_UNSORTED ? 0.13 : 0.615;
    const double graphs = version >= FIRST_WITH_GRAPHS ? 0.47 / 32 * m->layers : 0;
    return (base + among_gib(plan) + graphs) * GIB + fmin(rotary, GIB);
}

// Experts of MXFP4 are laid out in tiles of 256 (gpt-oss: 2,880 become 3,072; 13.47 and 64.38 GiB were
// loaded).
double mb_vllm_padding(const mb_plan *plan) {
    const mb_model_config *m = plan->model;
    if (m->quantisation != MB_QUANT_EXPERTS || plan->bytes_per_weight > 0) return 0;
    const double width = m->expert_hidden, padded = 256 * ceil(width / 256);
    return mb_model_parameters(m).experts * m->quant_bits / 8 * (padded / width - 1);
}
