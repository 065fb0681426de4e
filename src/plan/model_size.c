// SPDX-License-Identifier: MIT
// How large a model is: parameters counted from its dimensions, as the reference implementations lay them
// out.
#include "plan/model_size.h"

#include "plan/model_family.h"
#include "plan/model_reader.h"

#include <math.h>
#include <string.h>

static bool is(const mb_model_config *m, uint32_t trait) {
    return (m->family->traits & trait) != 0;
}

static bool is_type(const mb_model_config *m, const char *type) {
    return strcmp(m->family->type, type) == 0;
}

// --- parts of a layer
// ------------------------------------------------------------------------------------------

// Query, output, key and value, and the gate of the output.
static double ordinary_attention(const mb_model_config *m, double kv_heads, double head_dim,
                                 double matrices) {
    const double queries = is(m, MB_OUTPUT_GATE) ? 3.0 : 2.0;
    return m->hidden * head_dim * (queries * m->heads + matrices * kv_heads);
}

// What has no heads to be dealt out: from the width to compressed queries, keys and values, and the indexer.
static double compressing(const mb_model_config *m) {
    const double hidden = m->hidden;
    const double index =
        m->index_dim * ((double)m->q_lora_rank * m->index_heads + hidden + 2) + hidden * m->index_heads;
    return hidden * ((double)m->q_lora_rank + m->kv_lora_rank + m->rope_dim) + (m->index_heads ? index : 0);
}

static double latent_attention(const mb_model_config *m) {
    const double hidden = m->hidden, heads = m->heads;
    const double query = heads * m->head_dim * (m->q_lora_rank ? m->q_lora_rank : hidden);
    const double expand = m->kv_lora_rank * heads * ((double)m->nope_dim + m->value_dim);
    return query + compressing(m) + expand + heads * m->value_dim * hidden;
}

// Linear layers of all layers' attention.
static double attention_weights(const mb_model_config *m) {
    if (m->kv_lora_rank) return m->attention_layers * latent_attention(m);
    const double windowed = m->attention_layers - m->wide_layers;
    return windowed * ordinary_attention(m, m->kv_heads, m->head_dim, 2) +
           m->wide_layers *
               ordinary_attention(m, m->wide_kv_heads, m->wide_head_dim, m->shared_kv_matrix ? 1 : 2);
}

static double mlp_weights(const mb_model_config *m, double hidden, double intermediate) {
    return (is(m, MB_UNGATED) ? 2 : 3) * hidden * intermediate;
}

// Norms and biases of one layer, without its experts.
static double small_weights(const mb_model_config *m) {
    const double hidden = m->hidden;
    double norms = is(m, MB_FOUR_NORMS) ? 4 : is(m, MB_ONE_NORM) ? 1 : 2; // before attention, before the MLP
    if (is(m, MB_NORM_BIAS)) norms *= 2;
    double count = norms * hidden;
    if (is_type(m, "falcon"))
        count = m->new_falcon || m->kv_heads > 1 ? 4 * hidden : 2 * hidden; // with biases
    if (is(m, MB_HEAD_NORMS)) count += 2.0 * m->head_dim;                   // of queries and keys
    if (m->kv_lora_rank) count += (double)m->kv_lora_rank + m->q_lora_rank;
    if (m->attention_bias) count += m->head_dim * (m->heads + 2.0 * m->kv_heads);
    if (m->output_bias) count += hidden;
    if (is(m, MB_MLP_BIAS)) count += (double)m->intermediate + hidden;
    if (is(m, MB_SINKS)) count += m->heads;
    return count;
}

// One expert, with its biases.
static double expert_weights(const mb_model_config *m) {
    const double biases = is(m, MB_SINKS) ? 2.0 * m->expert_intermediate + m->hidden : 0;
    return mlp_weights(m, m->expert_hidden, m->expert_intermediate) + biases;
}

// What a layer of experts has beside them: shared ones, and the matrices to and from a narrower width.
static double beside_experts(const mb_model_config *m) {
    const double narrow = m->expert_hidden != m->hidden ? 2.0 * m->hidden * m->expert_hidden : 0;
    return mlp_weights(m, m->hidden, (double)m->shared_intermediate) + narrow;
}

// --- the sum
// -----------------------------------------------------------------------------------------------

mb_parameters mb_model_parameters(const mb_model_config *m) {
    const double words = (double)m->vocabulary * m->hidden;
    mb_parameters p = {.embedding = m->no_embedding ? 0 : words, .head = m->tied || m->no_head ? 0 : words};
    p.attention = attention_weights(m) + m->state_layers * m->state_layer_weights;
    p.dense =
        m->dense_layers * mlp_weights(m, m->hidden, m->intermediate) + m->expert_layers * beside_experts(m);
    if (m->double_wide)
        p.dense += (m->attention_layers - m->kv_layers) * mlp_weights(m, m->hidden, m->intermediate);
    p.experts = (double)m->expert_layers * m->experts * expert_weights(m);
    const double router = m->experts * (m->hidden + (is(m, MB_SINKS | MB_ROUTER_BIAS) ? 1.0 : 0.0));
    const double gate = is(m, MB_SHARED_EXPERT) && !(m->family->features & MB_MAMBA2) ? m->hidden : 0;
    const double last_norm = is_type(m, "falcon") || is(m, MB_NORM_BIAS) ? 2.0 * m->hidden : m->hidden;
    p.other = m->layers * small_weights(m) + m->expert_layers * (router + gate) +
              (m->no_head ? 0 : last_norm) + m->other_weights + m->vision_weights;
    if (is(m, MB_POSITIONS) && !m->no_embedding) p.other += (double)m->max_positions * m->hidden;
    if (is(m, MB_HEAD_BIAS) && !m->no_head) p.other += m->vocabulary;
    p.total = p.embedding + p.head + p.attention + p.dense + p.experts + p.other;
    p.active = p.total - m->vision_weights;
    if (m->experts) p.active -= p.experts * (1 - (double)m->experts_per_token / m->experts);
    return p;
}

double mb_model_weight_bytes(const mb_model_config *m, double bytes_per_weight) {
    const mb_parameters p = mb_model_parameters(m);
    if (bytes_per_weight > 0) return p.total * bytes_per_weight;
    if (m->stated_bytes > 0) return m->stated_bytes;
    double quantised = 0;
    if (m->quantisation == MB_QUANT_LINEAR)
        quantised = p.attention * (1 - m->wide_attention) + p.dense * (1 - m->wide_dense) +
                    p.experts * (1 - m->wide_experts);
    if (m->quantisation == MB_QUANT_EXPERTS) quantised = p.experts * (1 - m->wide_experts);
    return quantised * m->quant_bits / 8 + (p.total - quantised) * m->dtype_bytes;
}

// Bytes of a weight where `narrow` of them are quantised.
static double bytes_each(const mb_model_config *m, double narrow, double bytes_per_weight) {
    if (bytes_per_weight > 0) return bytes_per_weight;
    return narrow * m->quant_bits / 8 + (1 - narrow) * m->dtype_bytes;
}

double mb_model_expert_bytes(const mb_model_config *m, double bytes_per_weight) {
    const double narrow = m->quantisation == MB_QUANT_NONE ? 0 : 1 - m->wide_experts;
    return mb_model_parameters(m).experts * bytes_each(m, narrow, bytes_per_weight);
}

double mb_model_whole_bytes(const mb_model_config *m, double bytes_per_weight) {
    const double narrow = m->quantisation == MB_QUANT_LINEAR ? 1 - m->wide_attention : 0;
    const double latent = m->latent_kv ? m->attention_layers * compressing(m) : 0;
    const double routers = (double)m->expert_layers * m->experts * m->hidden;
    return latent * bytes_each(m, narrow, bytes_per_weight) + routers * bytes_each(m, 0, bytes_per_weight);
}

// --- KV memory
// ---------------------------------------------------------------------------------------------

uint64_t mb_model_kv_values(const mb_model_config *m) {
    return m->latent_kv ? (uint64_t)m->kv_lora_rank + m->rope_dim : 2 * (uint64_t)m->kv_heads * m->head_dim;
}

uint64_t mb_model_wide_kv_values(const mb_model_config *m) {
    return m->latent_kv ? mb_model_kv_values(m) : 2 * (uint64_t)m->wide_kv_heads * m->wide_head_dim;
}

static double share(const mb_model_config *m, uint32_t kv_heads, uint32_t gpus) {
    return m->latent_kv ? 1 : 1.0 / (gpus < kv_heads ? gpus : kv_heads);
}

double mb_model_token_bytes(const mb_model_config *m, double bytes_per_value) {
    const double values = (double)mb_model_kv_values(m);
    // Behind an indexer a byte a value is for the compressed ones alone: they have a 32-bit scale for each
    // 128, and the rotary part stays at 16 bits (vLLM's fp8_ds_mla, 656 bytes for DeepSeek-V3.2).
    if (!m->latent_kv || !m->index_dim || bytes_per_value != 1) return values * bytes_per_value;
    return m->kv_lora_rank + 4 * ceil(m->kv_lora_rank / 128.0) + 2.0 * m->rope_dim;
}

double mb_model_kv_bytes(const mb_model_config *m, double bytes_per_value, uint64_t tokens, uint64_t kept,
                         uint32_t gpus) {
    const double windowed = mb_model_token_bytes(m, bytes_per_value) * share(m, m->kv_heads, gpus);
    // An indexer's key has a byte a value and a scale of four bytes.
    const double index = m->index_dim ? m->index_dim + 4.0 : 0;
    const double token = m->latent_kv ? mb_model_token_bytes(m, bytes_per_value)
                                      : (double)mb_model_wide_kv_values(m) * bytes_per_value;
    const double whole = token * share(m, m->wide_kv_heads, gpus) + index;
    return (m->kv_layers - m->window_layers) * (double)tokens * whole +
           m->window_layers * windowed * (double)(kept < tokens ? kept : tokens);
}

double mb_model_state_bytes(const mb_model_config *m) {
    return m->state_layers * m->state_layer_bytes;
}
