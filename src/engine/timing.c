// SPDX-License-Identifier: MIT
#include "engine/timing.h"

#include <stdio.h>
#include <string.h>

mb_status mb_time_failed(const mb_engine *engine, const mb_step_shape *shape, mb_error *error) {
    if (!error || !*error->message) return MB_FAILED;
    const mb_surroundings *around = engine->around;
    const size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used,
             " [timing a step on replica %u, t = %.6g s: %llu tokens of %u prompts, %u decodes that read "
             "%llu tokens, "
             "seed %llu, replication %llu]",
             engine->id + 1, *around->clock, (unsigned long long)shape->prefill_tokens,
             shape->prefill_requests, shape->decode_requests, (unsigned long long)shape->decode_context,
             (unsigned long long)around->seed, (unsigned long long)around->replication);
    return MB_FAILED;
}

// Noise is a factor: what a part of a step or batch took of it is found from exact times.
static mb_latency without_noise(const mb_latency *latency) {
    mb_latency exact = *latency;
    exact.noise = 0;
    return exact;
}

// The model is asked again, without the noise that it has.
mb_status mb_time_decodes(const mb_engine *engine, const mb_step_shape *shape, double seconds, double *alone,
                          mb_error *error) {
    const mb_step_shape decodes = {.decode_requests = shape->decode_requests,
                                   .decode_context = shape->decode_context};
    bool ignored;
    if (!(engine->latency->noise > 0))
        return mb_latency_step(engine->latency, &decodes, NULL, alone, &ignored, error);
    const mb_latency exact = without_noise(engine->latency);
    double whole;
    mb_status status = mb_latency_step(&exact, shape, NULL, &whole, &ignored, error);
    if (status == MB_OK) status = mb_latency_step(&exact, &decodes, NULL, alone, &ignored, error);
    if (status == MB_OK) *alone *= seconds / whole;
    return status;
}

mb_status mb_time_host(const mb_engine *engine, const mb_step_shape *shape, double seconds, double *host,
                       mb_error *error) {
    const mb_latency *latency = engine->latency;
    *host = mb_latency_host(latency, shape);
    if (*host <= 0 || !(latency->noise > 0)) return MB_OK;
    const mb_latency exact = without_noise(latency);
    double whole;
    bool ignored;
    const mb_status status = mb_latency_step(&exact, shape, NULL, &whole, &ignored, error);
    *host *= seconds / whole;
    return status;
}

// Without noise, of a batch of the present size.
static mb_status exact_batch(const mb_engine *engine, uint32_t prompt, uint32_t output, double service_s,
                             mb_batch_time *time, mb_error *error) {
    const mb_latency *latency = engine->latency;
    mb_latency exact;
    if (latency->noise > 0) {
        exact = without_noise(latency);
        latency = &exact;
    }
    if (engine->stepper)
        return mb_latency_barrier(latency, engine->count, prompt, output, engine->token_budget, NULL, time,
                                  error);
    *time = mb_latency_batch(latency, engine->count, prompt + output, service_s, NULL);
    return MB_OK;
}

// Of the batch's members one with these lengths, as if it were the longest of them.
static mb_status time_alone(const mb_engine *engine, uint32_t prompt, uint32_t output, double service_s,
                            mb_batch_time *own, mb_error *error) {
    const mb_status status = exact_batch(engine, prompt, output, service_s, own, error);
    if (status != MB_OK || !(engine->latency->noise > 0)) return status;
    mb_batch_time whole;
    const uint32_t longest_prompt = engine->stepper ? engine->longest_prompt : engine->longest_tokens;
    const uint32_t longest_output = engine->stepper ? engine->longest_output : 0;
    const mb_status known =
        exact_batch(engine, longest_prompt, longest_output, engine->longest_service_s, &whole, error);
    const double factor = (engine->time.duration_s - engine->cost_s) / whole.duration_s;
    own->duration_s *= factor;
    own->first_token_s *= factor;
    return known;
}

mb_status mb_time_own(const mb_engine *engine, const mb_request *request, mb_batch_time *own,
                      mb_error *error) {
    const uint32_t generated = engine->stepper ? request->generated : 0;
    const uint32_t prompt = request->prompt_tokens + generated, output = mb_batch_output(engine, request);
    const bool longest =
        engine->stepper
            ? prompt == engine->longest_prompt && output == engine->longest_output
            : prompt + output == engine->longest_tokens && request->service_s == engine->longest_service_s;
    *own = engine->time;
    if (longest) return MB_OK;
    const mb_status status = time_alone(engine, prompt, output, request->service_s, own, error);
    own->duration_s += engine->cost_s;
    own->first_token_s += engine->cost_s;
    return status;
}

static mb_status time_rows(mb_engine *engine, mb_error *error) {
    const mb_surroundings *around = engine->around;
    if (!engine->stepper) {
        engine->time = mb_latency_batch(engine->latency, engine->count, engine->longest_tokens,
                                        engine->longest_service_s, around->noise);
        return MB_OK;
    }
    if (mb_latency_barrier(engine->latency, engine->count, engine->longest_prompt, engine->longest_output,
                           engine->token_budget, around->noise, &engine->time, error) == MB_OK)
        return MB_OK;
    const mb_step_shape shape = {.prefill_tokens = (uint64_t)engine->count * engine->longest_prompt,
                                 .prefill_requests = engine->count};
    return mb_time_failed(engine, &shape, error);
}

mb_status mb_time_batch(mb_engine *engine, mb_error *error) {
    const mb_status status = time_rows(engine, error);
    engine->time.first_token_s += engine->cost_s;
    engine->time.duration_s += engine->cost_s;
    return status;
}
