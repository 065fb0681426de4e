// SPDX-License-Identifier: MIT
#include "model/roofline.h"

#include <math.h>
#include <string.h>

static const double BUS = 64e9; // bytes/s of PCIe 5.0 x16; what is faster is a network of links

// The peak of the arithmetic that the weights' precision allows.
static double peak_of(const mb_plan *plan) {
    const mb_gpu *gpu = plan->gpu;
    const mb_model_config *model = plan->model;
    double bytes = plan->bytes_per_weight;
    if (bytes == 0) bytes = strcmp(model->quant_name, "fp8") == 0 ? 1 : model->dtype_bytes;
    if (bytes >= 4 && gpu->fp32 > 0) return gpu->fp32;
    if (bytes == 1 && gpu->fp8 > 0) return gpu->fp8;
    if (bytes == 1 && gpu->int8 > 0) return gpu->int8;
    return gpu->fp16; // fewer bits than 8 are widened before the product
}

// Operations per pair of a query's and a key's token, all layers.
static void count_pairs(const mb_model_config *m, mb_roofline *r, double share) {
    const double every = (double)m->attention_layers * m->heads * share;
    r->prefill_pair_flops = every * 2 * ((double)m->head_dim + m->value_dim);
    r->decode_pair_flops = r->prefill_pair_flops;
    if (m->latent_kv) // decodes work on the compressed tokens
        r->decode_pair_flops = every * 2 * (2.0 * m->kv_lora_rank + m->rope_dim);
}

bool mb_roofline_unfitted(const mb_plan *plan) {
    const mb_model_config *m = plan->model;
    return m->experts || m->quantisation != MB_QUANT_NONE || plan->bytes_per_weight > 0;
}

// What GPUs send each other: after attention and after the MLP an all-reduce; where several engines share the
// experts, instead of the second an all-gather of all tokens before them and a reduce-scatter after them.
static void add_messages(const mb_plan *plan, const mb_roofline_efficiency *efficiency, uint32_t ranks,
                         mb_roofline *r) {
    const mb_model_config *m = plan->model;
    const uint32_t gpus = ranks > 1 ? plan->expert_parallel : plan->tp;
    const double token = m->hidden * 2.0; // bytes: 16-bit activations
    const double turns = plan->gpu->link <= BUS ? fmax(1, gpus / 2.0) : 1;
    const double bandwidth = plan->gpu->link * efficiency->link, reduces = ranks > 1 ? 1 : 2;
    if (plan->tp > 1) {
        const double each = 2.0 * (plan->tp - 1) / plan->tp * token; // sent and received
        r->reduce_seconds = reduces * m->layers * each * turns / bandwidth;
        r->reduce_latency_s = reduces * m->layers * efficiency->link_latency_s;
    }
    if (ranks > 1) {
        r->exchange_seconds = 2.0 * m->layers * (ranks - 1) * token * turns / bandwidth;
        r->exchange_latency_s = 2.0 * m->layers * efficiency->link_latency_s;
    }
}

mb_status mb_roofline_make(const mb_plan *plan, const mb_roofline_efficiency *efficiency, mb_roofline *r,
                           mb_error *error) {
    const mb_model_config *m = plan->model;
    const mb_gpu *gpu = plan->gpu;
    const uint32_t together = plan->expert_parallel > plan->tp ? plan->expert_parallel : plan->tp;
    if (together > 1 && gpu->link <= 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "the description of %s has no link_gb_s, which %u GPUs need to work together",
                       gpu->name, together);
    const mb_parameters p = mb_model_parameters(m);
    const uint32_t gpus = plan->expert_parallel, ranks = gpus > plan->tp ? gpus / plan->tp : 1;
    const double share = 1.0 / plan->tp, bytes = mb_model_weight_bytes(m, plan->bytes_per_weight);
    // Quantised weights are spread over the groups in proportion; the head stays as wide as torch_dtype.
    const double wide = plan->bytes_per_weight > 0 ? plan->bytes_per_weight : m->dtype_bytes;
    const double head = (double)m->vocabulary * m->hidden, embedding = p.embedding + p.head;
    const double linear = bytes - embedding * wide;
    const double experts = plan->bytes_per_weight > 0         ? p.experts * wide
                           : m->quantisation != MB_QUANT_NONE ? p.experts * m->quant_bits / 8
                                                              : p.experts * m->dtype_bytes;
    *r = (mb_roofline){.compute = peak_of(plan) * efficiency->compute,
                       .attention = fmin(peak_of(plan), gpu->fp16) * efficiency->attention,
                       .bandwidth = gpu->bandwidth * efficiency->bandwidth,
                       .kv_bandwidth = gpu->bandwidth * efficiency->kv_bandwidth,
                       .layers_s = m->layers * efficiency->layer_s,
                       .launch_s = m->layers * efficiency->launch_s,
                       .prompt_error = efficiency->prompt_error,
                       .decode_error = efficiency->decode_error,
                       .pooled = efficiency->pooled,
                       .unfitted = mb_roofline_unfitted(plan),
                       .weight_bytes = (linear - experts) * share,
                       .expert_bytes = experts * (gpus ? 1.0 / gpus : share),
                       .expert_ranks = ranks,
                       .expert_share = m->experts ? (double)m->experts_per_token / m->experts : 0,
                       .head_bytes = head * wide * share,
                       .head_flops = 2 * head * share,
                       .window = m->window,
                       .window_share = (double)m->window_layers / m->kv_layers};
    r->linear_flops = 2 * (p.attention + p.dense + p.experts * r->expert_share) * share;
    count_pairs(m, r, share);
    r->kv_bytes = mb_budget_of(plan).token_bytes;
    add_messages(plan, efficiency, ranks, r);
    return MB_OK;
}

static double roof(const mb_roofline *r, double flops, double bytes) {
    return fmax(flops / r->compute, bytes / r->bandwidth);
}

static double attention_roof(const mb_roofline *r, double flops, double bytes) {
    return fmax(flops / r->attention, bytes / r->kv_bandwidth);
}

// Pairs of a chunk's tokens with themselves and what is before them, seen through a window: the i-th token
// sees min(window, prefix + i).
static double pairs_in(const mb_chunk *chunk, double window) {
    const double n = chunk->tokens, p = chunk->prefix;
    if (p + n <= window) return n * p + n * (n + 1) / 2;
    const double short_of = fmax(0, window - p); // that many see fewer than the window
    return short_of * p + short_of * (short_of + 1) / 2 + (n - short_of) * window;
}

static double prefill_seconds(const mb_roofline *r, const mb_step_shape *shape) {
    double flops = 0, tokens = 0;
    const double whole = 1 - r->window_share;
    for (uint32_t i = 0; i < shape->prefill_requests; i++) {
        const mb_chunk *chunk = &shape->chunks[i];
        const double seen = (double)chunk->prefix + chunk->tokens;
        flops += whole * pairs_in(chunk, INFINITY);
        tokens += whole * seen;
        if (r->window_share > 0) {
            flops += r->window_share * pairs_in(chunk, r->window);
            tokens += r->window_share * fmin(seen, r->window + chunk->tokens);
        }
    }
    return attention_roof(r, flops * r->prefill_pair_flops, tokens * r->kv_bytes);
}

static double decode_seconds(const mb_roofline *r, const mb_step_shape *shape) {
    if (shape->decode_requests == 0) return 0;
    double context = (double)shape->decode_context;
    if (r->window_share > 0) // requests are as long as their mean
        context -= r->window_share * fmax(0, context - shape->decode_requests * r->window);
    return attention_roof(r, context * r->decode_pair_flops, context * r->kv_bytes);
}

double mb_roofline_seconds(const mb_roofline *r, const mb_step_shape *shape, uint32_t padded_decodes) {
    const double tokens = mb_step_tokens_padded(shape, padded_decodes);
    const double rows = (double)shape->prefill_requests + padded_decodes;
    const double chosen =
        r->expert_share > 0 ? -expm1(tokens * r->expert_ranks * log1p(-r->expert_share)) : 0;
    double seconds = roof(r, tokens * r->linear_flops, r->weight_bytes + chosen * r->expert_bytes);
    seconds += roof(r, rows * r->head_flops, r->head_bytes);
    if (shape->prefill_requests > 0) seconds += prefill_seconds(r, shape);
    seconds += decode_seconds(r, shape) + tokens * (r->reduce_seconds + r->exchange_seconds) +
               r->reduce_latency_s + r->exchange_latency_s + r->layers_s;
    return fmax(seconds, r->launch_s);
}
