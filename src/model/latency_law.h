// SPDX-License-Identifier: MIT
// The affine law of a step, which every run of steps is timed by (latency.h).
#pragma once
#include "base/double.h"
#include "model/latency.h"

// Rows that a step of `decodes` decodes and nothing else costs: the smallest captured size that holds them.
// Beyond the largest the engine runs without a graph.
uint32_t mb_law_captured_rows(const mb_latency *latency, uint32_t decodes); // where there are such sizes
static inline uint32_t mb_law_rows(const mb_latency *latency, uint32_t decodes) {
    return latency->graph_size_count ? mb_law_captured_rows(latency, decodes) : decodes;
}

static inline bool mb_law_has_prompts(const mb_step_shape *shape) {
    return shape->prefill_requests > 0 || shape->group_prompts;
}

// Rows of decodes that are computed, where nothing else is.
static inline uint32_t mb_law_padded(const mb_latency *latency, const mb_step_shape *shape) {
    const uint32_t largest = (uint32_t)shape->group_tokens;
    return mb_law_rows(latency, largest > shape->decode_requests ? largest : shape->decode_requests);
}

// The law, of a step whose rows are computed as `padded` ones.
static inline double mb_law_plain_seconds(const mb_latency *latency, double rows, double padded,
                                          double tokens, double context) {
    const mb_step_law *law = &latency->step;
    return law->base_s + law->per_token_s * tokens + law->per_context_s * context +
           law->per_request_s * padded + latency->host_s + latency->scheduling_s_per_request * rows;
}

// Of decodes and nothing else.
static inline double mb_law_decodes_seconds(const mb_latency *latency, uint32_t decodes, uint64_t context) {
    const double padded = mb_law_rows(latency, decodes);
    return mb_law_plain_seconds(latency, decodes, padded, padded, mb_double(context));
}

static inline double mb_law_seconds(const mb_latency *latency, const mb_step_shape *shape,
                                    bool *extrapolated) {
    const mb_step_law *law = &latency->step;
    const double rows = (double)shape->decode_requests + shape->prefill_requests;
    const double context = mb_double(shape->decode_context);
    const bool prompts = mb_law_has_prompts(shape);
    double padded = rows, tokens = mb_double(shape->prefill_tokens) + shape->decode_requests;
    if (!prompts)
        padded = tokens = mb_law_padded(latency, shape);
    else if ((double)shape->group_tokens > tokens)
        tokens = (double)shape->group_tokens;
    if ((law->max_tokens > 0 && tokens > law->max_tokens) ||
        (law->max_context > 0 && context > law->max_context))
        *extrapolated = true;
    const double more = latency->host_s + latency->scheduling_s_per_request * rows;
    if (law->split && prompts)
        return law->prompts.base_s + law->prompts.per_token_s * tokens +
               law->prompts.per_context_s * context + law->prompts.per_request_s * padded + more;
    return mb_law_plain_seconds(latency, rows, padded, tokens, context);
}

// How many repetitions of this step of decodes, whose first is inside the fitted range, are inside it: their
// context grows. UINT64_MAX: all. Affine models only.
static inline uint64_t mb_latency_steps_inside(const mb_latency *latency, const mb_step_shape *shape) {
    const double most = latency->step.max_context;
    if (most <= 0 || shape->decode_requests == 0) return UINT64_MAX;
    const double left = most - mb_double(shape->decode_context); // >= 0
    return 1 + (uint64_t)(left / shape->decode_requests);
}
