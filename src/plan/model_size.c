// SPDX-License-Identifier: MIT
// How large a model is: parameters counted from its dimensions, as the reference implementations lay them
// out.
#include "plan/model_config.h"

#include <math.h>
#include <string.h>

static bool is(const mb_model_config *m, const char *type) {
    return strncmp(m->model_type, type, strlen(type)) == 0;
}

// Linear layers of one layer's attention.
static double attention_weights(const mb_model_config *m) {
    const double hidden = m->hidden, heads = m->heads;
    if (!m->kv_lora_rank) return hidden * m->head_dim * (2 * heads + 2.0 * m->kv_heads);
    const double query =
        m->q_lora_rank ? m->q_lora_rank * (hidden + heads * m->head_dim) : hidden * heads * m->head_dim;
    const double compress = hidden * ((double)m->kv_lora_rank + m->rope_dim);
    const double expand = m->kv_lora_rank * heads * ((double)m->nope_dim + m->value_dim);
    return query + compress + expand + heads * m->value_dim * hidden;
}

static double mlp_weights(const mb_model_config *m, double intermediate) {
    const bool gated =
        !is(m, "falcon") && !is(m, "gpt2") && !is(m, "opt") && !is(m, "bloom") && !is(m, "mpt");
    return (gated ? 3 : 2) * m->hidden * intermediate;
}

// Norms and biases of one layer, without its experts.
static double small_weights(const mb_model_config *m) {
    const double hidden = m->hidden;
    double count = 2 * hidden; // before attention, before the MLP
    if (is(m, "gemma2") || is(m, "gemma3")) count = 4 * hidden;
    if (is(m, "falcon")) count = m->new_falcon || m->kv_heads > 1 ? 4 * hidden : 2 * hidden; // with biases
    if (is(m, "qwen3") || is(m, "gemma3")) count += 2.0 * m->head_dim; // of queries and keys
    if (m->kv_lora_rank) count += (double)m->kv_lora_rank + m->q_lora_rank;
    if (m->attention_bias) count += m->head_dim * (m->heads + 2.0 * m->kv_heads);
    if (m->output_bias) count += hidden;
    if (is(m, "gpt_oss")) count += m->heads; // attention sinks
    return count;
}

// One expert, with its biases.
static double expert_weights(const mb_model_config *m) {
    const double biases = is(m, "gpt_oss") ? 2.0 * m->expert_intermediate + m->hidden : 0;
    return mlp_weights(m, m->expert_intermediate) + biases;
}

mb_parameters mb_model_parameters(const mb_model_config *m) {
    mb_parameters p = {.embedding = (double)m->vocabulary * m->hidden};
    p.head = m->tied ? 0 : p.embedding;
    p.attention = m->layers * attention_weights(m);
    p.dense = (m->layers - m->expert_layers) * mlp_weights(m, m->intermediate) +
              m->expert_layers * mlp_weights(m, (double)m->shared_experts * m->expert_intermediate);
    p.experts = (double)m->expert_layers * m->experts * expert_weights(m);
    const double router = m->experts * (m->hidden + (is(m, "gpt_oss") || is(m, "deepseek_v3") ? 1.0 : 0.0));
    const double last_norm = is(m, "falcon") ? 2.0 * m->hidden : m->hidden;
    p.other = m->layers * small_weights(m) + m->expert_layers * router + last_norm;
    p.total = p.embedding + p.head + p.attention + p.dense + p.experts + p.other;
    p.active = p.total;
    if (m->experts) p.active -= p.experts * (1 - (double)m->experts_per_token / m->experts);
    return p;
}

double mb_model_weight_bytes(const mb_model_config *m, double bytes_per_weight) {
    const mb_parameters p = mb_model_parameters(m);
    if (bytes_per_weight > 0) return p.total * bytes_per_weight;
    double quantised = 0;
    if (m->quantisation == MB_QUANT_LINEAR) quantised = p.attention + p.dense + p.experts;
    if (m->quantisation == MB_QUANT_EXPERTS) quantised = p.experts;
    return quantised * m->quant_bits / 8 + (p.total - quantised) * m->dtype_bytes;
}

uint64_t mb_model_kv_values(const mb_model_config *m) {
    return m->kv_lora_rank ? (uint64_t)m->kv_lora_rank + m->rope_dim
                           : 2 * (uint64_t)m->kv_heads * m->head_dim;
}

double mb_model_kv_bytes(const mb_model_config *m, double bytes_per_value, uint64_t tokens, bool windows) {
    const double per_layer = (double)mb_model_kv_values(m) * bytes_per_value;
    const double kept = windows && m->window && tokens > m->window ? m->window : (double)tokens;
    return per_layer * ((m->layers - m->window_layers) * (double)tokens + m->window_layers * kept);
}
