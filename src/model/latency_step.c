// SPDX-License-Identifier: MIT
// How long a step takes, and a static batch that is made of steps.
#include "model/latency.h"

#include "base/apart.h"
#include "base/double.h"
#include "model/latency_law.h"
#include "model/link.h"
#include "model/profile.h"
#include "model/roofline.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

mb_step_kind mb_step_kind_of(const mb_step_shape *shape) {
    if (!mb_law_has_prompts(shape)) return MB_STEP_OF_DECODES;
    return shape->decode_requests == 0 && !shape->group_prompts ? MB_STEP_OF_PROMPTS : MB_STEP_OF_BOTH;
}

// The operators of a step, and what was measured beside them.
static double operator_seconds(const mb_latency *latency, const mb_step_shape *shape, bool *extrapolated) {
    const bool prompts = mb_law_has_prompts(shape);
    const uint32_t decodes = prompts ? shape->decode_requests : mb_law_padded(latency, shape);
    const double tokens = mb_step_tokens_padded(shape, decodes);
    double seconds;
    if (latency->kind == MB_LATENCY_ROOFLINE)
        seconds = mb_roofline_seconds(latency->roofline, shape, decodes);
    else // per_token: what the tables lack, such as the communication between shards
        seconds = mb_profile_seconds(latency->profile, shape, decodes, extrapolated) +
                  latency->step.per_token_s * tokens;
    if (latency->link) seconds += mb_link_seconds(latency->link, tokens, extrapolated);
    if (latency->exchange) seconds += mb_link_seconds(latency->exchange, tokens, extrapolated);
    if (latency->corrections)
        seconds += mb_corrections_seconds(latency->corrections, mb_step_kind_of(shape), tokens, extrapolated);
    return fmax(0, seconds);
}

static mb_status custom_seconds(const mb_latency *latency, const mb_step_shape *shape, double *seconds,
                                mb_error *error) {
    const mb_status status = latency->custom(latency->custom_self, shape, seconds, error);
    if (status || (isfinite(*seconds) && *seconds > 0)) return status;
    return mb_fail(error, MB_FAILED,
                   "latency.custom: the function must return the seconds of a step, a positive number, but "
                   "returned %g",
                   *seconds);
}

// The other kinds, and noise.
MB_APART static mb_status seconds_of(const mb_latency *latency, const mb_step_shape *shape, mb_rng *rng,
                                     double *seconds, bool *extrapolated, mb_error *error) {
    if (latency->kind == MB_LATENCY_STEP) {
        *seconds = mb_law_seconds(latency, shape, extrapolated);
    } else {
        if (latency->kind != MB_LATENCY_CUSTOM) {
            *seconds = operator_seconds(latency, shape, extrapolated);
        } else {
            const mb_status status = custom_seconds(latency, shape, seconds, error);
            if (status) return status;
        }
        *seconds += mb_latency_host(latency, shape);
    }
    if (latency->noise > 0) {
        const double sigma = latency->noise;
        *seconds *= exp(sigma * mb_rng_normal(rng) - sigma * sigma / 2); // mean 1
    }
    return MB_OK;
}

mb_status mb_latency_step(const mb_latency *latency, const mb_step_shape *shape, mb_rng *rng, double *seconds,
                          bool *extrapolated, mb_error *error) {
    if (!mb_latency_is_affine(latency)) return seconds_of(latency, shape, rng, seconds, extrapolated, error);
    *seconds = mb_law_seconds(latency, shape, extrapolated);
    return MB_OK;
}

// --- static batches

typedef struct static_batch {
    uint32_t rows, prompt, decodes; // decodes: steps after the prefill
    uint64_t prefills;              // steps of the prefill
} static_batch;

static inline static_batch batch_of(uint32_t requests, uint32_t longest_prompt, uint32_t longest_output,
                                    uint64_t token_budget) {
    assert(requests >= 1 && token_budget >= 1);
    return (static_batch){.rows = requests,
                          .prompt = longest_prompt,
                          .decodes = longest_output > 1 ? longest_output - 1 : 0,
                          .prefills = mb_barrier_prefills(requests, longest_prompt, token_budget)};
}

mb_barrier_law mb_latency_barrier_law(const mb_latency *latency, uint32_t requests) {
    assert(mb_latency_is_affine(latency));
    const mb_step_law *law = &latency->step;
    const double rows = requests, padded = mb_law_rows(latency, requests);
    const double more = latency->host_s + latency->scheduling_s_per_request * rows,
                 every = law->base_s + more;
    mb_barrier_law barrier = {.requests = requests,
                              .prefill_s = every + law->per_request_s * rows,
                              .per_token_s = law->per_token_s,
                              .decode_s = every + (law->per_token_s + law->per_request_s) * padded,
                              .per_context_s = law->per_context_s};
    if (!law->split) return barrier;
    barrier.prefill_s = law->prompts.base_s + more + law->prompts.per_request_s * rows;
    barrier.per_token_s = law->prompts.per_token_s;
    return barrier;
}

static bool is_beyond(const mb_step_law *law, const static_batch *batch, double padded) {
    const double rows = batch->rows, decodes = batch->decodes, computed = rows * batch->prompt;
    const double last_context = decodes > 0 ? rows * ((double)batch->prompt + decodes) : 0;
    const double most_tokens = fmax(ceil(computed / (double)batch->prefills), decodes > 0 ? padded : 0);
    return (law->max_tokens > 0 && most_tokens > law->max_tokens) ||
           (law->max_context > 0 && last_context > law->max_context);
}

static mb_status sum_prefill(const mb_latency *latency, const static_batch *batch, mb_rng *rng,
                             mb_batch_time *time, mb_error *error) {
    mb_chunk *chunks = malloc(batch->rows * sizeof *chunks);
    if (!chunks) return mb_fail_memory(error);
    mb_status status = MB_OK;
    uint32_t prefix = 0;
    const uint32_t even = (uint32_t)(batch->prompt / batch->prefills);
    const uint64_t longer = batch->prompt % batch->prefills; // steps with one token more
    for (uint64_t i = 0; i < batch->prefills && !status; i++) {
        const uint32_t chunk = even + (i < longer);
        for (uint32_t k = 0; k < batch->rows; k++)
            chunks[k] = (mb_chunk){.tokens = chunk, .prefix = prefix};
        const mb_step_shape shape = {.prefill_tokens = (uint64_t)batch->rows * chunk,
                                     .prefill_requests = batch->rows,
                                     .chunks = chunks};
        double seconds = 0;
        status = mb_latency_step(latency, &shape, rng, &seconds, &time->extrapolated, error);
        time->first_token_s += seconds;
        prefix += chunk;
    }
    free(chunks);
    return status;
}

static mb_status sum_steps(const mb_latency *latency, const static_batch *batch, mb_rng *rng,
                           mb_batch_time *time, mb_error *error) {
    mb_status status = sum_prefill(latency, batch, rng, time, error);
    time->duration_s = time->first_token_s;
    for (uint32_t j = 1; j <= batch->decodes && !status; j++) {
        const mb_step_shape shape = {.decode_requests = batch->rows,
                                     .decode_context = batch->rows * ((uint64_t)batch->prompt + j)};
        double seconds = 0;
        status = mb_latency_step(latency, &shape, rng, &seconds, &time->extrapolated, error);
        time->duration_s += seconds;
    }
    return status;
}

mb_status mb_latency_barrier(const mb_latency *latency, uint32_t requests, uint32_t longest_prompt,
                             uint32_t longest_output, uint64_t token_budget, mb_rng *rng, mb_batch_time *time,
                             mb_error *error) {
    const static_batch batch = batch_of(requests, longest_prompt, longest_output, token_budget);
    *time = (mb_batch_time){0};
    mb_status status = MB_OK;
    if (mb_latency_is_affine(latency)) {
        const mb_barrier_law law = mb_latency_barrier_law(latency, requests);
        time->duration_s =
            mb_barrier_seconds(&law, longest_prompt, longest_output, token_budget, &time->first_token_s);
        time->extrapolated = is_beyond(&latency->step, &batch, mb_law_rows(latency, requests));
    } else {
        status = sum_steps(latency, &batch, rng, time, error);
    }
    if (batch.decodes > 0) time->tbt_s = (time->duration_s - time->first_token_s) / batch.decodes;
    return status;
}
