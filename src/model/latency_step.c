// SPDX-License-Identifier: MIT
#include "model/latency.h"
#include <math.h>

bool mb_latency_is_affine(const mb_latency *latency) {
    return latency->kind == MB_LATENCY_STEP && latency->noise == 0;
}

static double padded(const mb_latency *latency, const mb_step_shape *shape) {
    const uint32_t decodes = shape->decode_requests;
    if (shape->prefill_requests > 0) return decodes;
    for (size_t i = 0; i < latency->graph_size_count; i++)
        if (latency->graph_sizes[i] >= decodes) return latency->graph_sizes[i];
    return decodes;
}

mb_status mb_latency_step(const mb_latency *latency, const mb_step_shape *shape, mb_rng *rng, double *seconds,
                          bool *extrapolated, mb_error *error) {
    (void)extrapolated;
    (void)error;
    const mb_step_law *law = &latency->step;
    const double decodes = padded(latency, shape);
    const double rows = decodes + shape->prefill_requests;
    const double tokens = decodes + (double)shape->prefill_tokens;
    double t = law->base_s + law->per_token_s * tokens + law->per_context_s * (double)shape->decode_context +
               law->per_request_s * rows + latency->host_s +
               latency->scheduling_s_per_request * (shape->decode_requests + shape->prefill_requests);
    if (latency->noise > 0)
        t *= exp(latency->noise * mb_rng_normal(rng) - latency->noise * latency->noise / 2);
    *seconds = t;
    return MB_OK;
}

double mb_latency_step_slope(const mb_latency *latency, uint32_t decode_requests) {
    return latency->step.per_context_s * decode_requests;
}

mb_status mb_latency_barrier(const mb_latency *latency, uint32_t requests, uint32_t longest_prompt,
                             uint32_t longest_output, uint64_t token_budget, mb_rng *rng, mb_batch_time *time,
                             mb_error *error) {
    (void)error;
    (void)rng;
    const mb_step_law *law = &latency->step;
    const double b = requests, p = longest_prompt, a = longest_output > 1 ? longest_output - 1 : 0;
    const double chunks = token_budget == UINT64_MAX ? 1 : fmax(1, ceil(b * p / (double)token_budget));
    const double fixed =
        law->base_s + latency->host_s + (law->per_request_s + latency->scheduling_s_per_request) * b;
    const double prefill = chunks * fixed + law->per_token_s * b * p;
    const double decode =
        a * (fixed + law->per_token_s * b) + law->per_context_s * b * (a * p + a * (a + 1) / 2);
    *time = (mb_batch_time){
        .duration_s = prefill + decode, .first_token_s = prefill, .tbt_s = a > 0 ? decode / a : 0};
    return MB_OK;
}
