// SPDX-License-Identifier: MIT
#include "model/alone.h"

#include <math.h>

const char *mb_alone_refusal(const mb_latency *latency) {
    if (latency->noise > 0)
        return "with `noise` a step or a batch may come out shorter than its law says, so no law bounds a "
               "run";
    if (latency->kind == MB_LATENCY_CUSTOM)
        return "what the function of `latency.custom` returns need not grow with the work of a step";
    if (latency->kind == MB_LATENCY_PROFILE)
        return "the measured times of `latency.profile` need not grow with the work of a step";
    return NULL;
}

// --- whole batches

// A batch with the request in it is at least as long as the request, and lasts as long for everybody. Its
// time is shared by as many as memory holds: each member counts for its part of the pool.
static void alone_in_batch(const mb_alone *where, const mb_alone_request *request, mb_alone_time *time) {
    const uint32_t tokens = request->prompt_tokens + request->output_tokens;
    const mb_batch_time least = where->latency->kind == MB_LATENCY_TABLE
                                    ? mb_latency_table_least(where->latency->grid, tokens)
                                    : mb_latency_batch(where->latency, 1, tokens, request->service_s, NULL);
    time->ttft_s = least.first_token_s;
    time->e2e_s = least.duration_s;
    if (where->kv_capacity == MB_UNLIMITED) return;
    const double held = where->kv_kind == MB_KV_CONTIGUOUS ? where->kv_max_length : tokens;
    time->work_s = least.duration_s * held / (double)where->kv_capacity;
}

// --- steps

// Seconds of one step that emits a token of the request: `chunk` tokens of prefill behind `prefix`, or 0 and
// a decode that reads `context`; in the company of one token of another's prompt, or alone.
typedef struct emission {
    uint32_t chunk, prefix;
    uint64_t context;
    bool company;
} emission;

static double seconds_of(const mb_alone *where, const emission *what) {
    static const mb_chunk another = {.tokens = 1};
    const mb_chunk own = {.tokens = what->chunk, .prefix = what->prefix};
    const mb_step_shape shape = {.prefill_tokens = (uint64_t)what->chunk + what->company,
                                 .prefill_requests = (what->chunk > 0) + (uint32_t)what->company,
                                 .decode_requests = what->chunk == 0,
                                 .decode_context = what->chunk ? 0 : what->context,
                                 .chunks = what->chunk ? &own : &another};
    double seconds = 0;
    bool extrapolated = false;
    mb_error none;
    mb_latency_step(where->latency, &shape, NULL, &seconds, &extrapolated, &none); // only functions can fail
    return seconds;
}

// The tokens that a request with `known` tokens computes when it comes back after having been preempted, at
// best: all but the whole blocks of its own that it finds again. A single one would make it a decode.
static uint32_t recomputed(const mb_alone *where, uint32_t known) {
    if (!where->prefix_cache) return known;
    const uint32_t rest = known - (known - 1) / where->kv_block * where->kv_block;
    return rest < 2 ? 2 : rest;
}

// The least that a step takes which emits a token after the first: as a decode, alone (where it may be padded
// to a graph) or beside a prompt (where steps may have another law); or as a prefill after a preemption.
static double least_emission(const mb_alone *where, uint32_t known) {
    const uint32_t again = recomputed(where, known);
    const double decode = seconds_of(where, &(emission){.context = known});
    const double beside = seconds_of(where, &(emission){.context = known, .company = true});
    const double prefill = seconds_of(where, &(emission){.chunk = again, .prefix = known - again});
    return fmin(decode, fmin(beside, prefill));
}

// What each token of a decode reads, and what it costs itself, where steps follow the affine law: alone is
// best for all of them if it is for the last, which reads most, against the others at their cheapest.
static bool decodes_are_best(const mb_alone *where, uint32_t last_known) {
    const double last = seconds_of(where, &(emission){.context = last_known});
    const uint32_t least = where->prefix_cache ? 2 : last_known;
    return last <= seconds_of(where, &(emission){.chunk = least < 2 ? 2 : least}) &&
           last <= seconds_of(where, &(emission){.company = true});
}

static double sum_emissions(const mb_alone *where, const mb_alone_request *request) {
    const uint32_t prompt = request->prompt_tokens, last = prompt + request->output_tokens - 1;
    const double count = request->output_tokens - 1.0;
    if (mb_latency_is_affine(where->latency) && where->prefix_cache && decodes_are_best(where, last))
        return count * (seconds_of(where, &(emission){.context = prompt + UINT64_C(1)}) +
                        mb_latency_step_slope(where->latency, 1) * (count - 1) / 2);
    double sum = 0;
    for (uint32_t known = prompt + 1; known <= last; known++)
        sum += least_emission(where, known);
    return sum;
}

// A step's cost besides what grows with its rows; and the rows' own least. Affine law only.
typedef struct affine_parts {
    double base, decode, context, prompt_token, prompt_row;
} affine_parts;

static affine_parts parts_of(const mb_latency *latency) {
    const mb_step_law *law = &latency->step;
    const mb_step_coefficients plain = {law->base_s, law->per_token_s, law->per_context_s,
                                        law->per_request_s};
    const mb_step_coefficients prompts = law->split ? law->prompts : plain;
    const double row = latency->scheduling_s_per_request;
    return (affine_parts){
        .base = fmin(plain.base_s, prompts.base_s) + latency->host_s,
        .decode =
            fmin(plain.per_token_s + plain.per_request_s, prompts.per_token_s + prompts.per_request_s) + row,
        .context = fmin(plain.per_context_s, prompts.per_context_s),
        .prompt_token = prompts.per_token_s,
        .prompt_row = prompts.per_request_s + row,
    };
}

// The request's own part of the steps that emit its tokens, and its share of their base: a step has no more
// rows than memory holds, where each has the blocks of all that it knows.
static double work_of(const mb_alone *where, const mb_alone_request *request, uint32_t hit) {
    const affine_parts parts = parts_of(where->latency);
    const double block = where->kv_block;
    const double blocks = where->kv_capacity == MB_UNLIMITED ? (double)INFINITY
                                                             : (double)(where->kv_capacity / where->kv_block);
    const double held_by_all = request->shared ? request->named_tokens : 0;
    const uint32_t prompt = request->prompt_tokens, last = prompt + request->output_tokens - 1;
    double work = parts.prompt_token * (prompt - hit) + parts.prompt_row;
    for (uint32_t known = prompt; known <= last; known++) {
        const double least = held_by_all > 0 ? 0 : 1; // whoever shares nothing has a block
        work += parts.base * fmax(least, (known - held_by_all) / block) / blocks;
        if (known == prompt) continue;
        const double decode = parts.decode + parts.context * known;
        work += fmin(decode, parts.prompt_token * recomputed(where, known) + parts.prompt_row);
    }
    return work;
}

static void alone_in_steps(const mb_alone *where, const mb_alone_request *given, mb_alone_time *time) {
    mb_alone_request request = *given;
    if (request.prompt_tokens == 0) request.prompt_tokens = 1; // as the simulation has it
    if (request.output_tokens == 0) request.output_tokens = 1;
    if (request.named_tokens > request.prompt_tokens) request.named_tokens = request.prompt_tokens;
    uint32_t hit = 0; // whole blocks, and never the last token
    if (where->prefix_cache && request.named_tokens > 0) {
        const uint32_t most =
            request.named_tokens < request.prompt_tokens ? request.named_tokens : request.prompt_tokens - 1;
        hit = most / where->kv_block * where->kv_block;
    }
    if (!where->prefix_cache) request.named_tokens = 0;
    time->ttft_s = seconds_of(where, &(emission){.chunk = request.prompt_tokens - hit, .prefix = hit});
    const double rest = sum_emissions(where, &request);
    time->e2e_s = time->ttft_s + rest;
    if (request.output_tokens > 1) time->tbt_s = rest / (request.output_tokens - 1);
    if (where->latency->kind == MB_LATENCY_STEP) time->work_s = work_of(where, &request, hit);
}

mb_alone_time mb_alone_of(const mb_alone *where, const mb_alone_request *request) {
    mb_alone_time time = {0};
    if (mb_latency_is_step(where->latency))
        alone_in_steps(where, request, &time);
    else
        alone_in_batch(where, request, &time);
    return time;
}
