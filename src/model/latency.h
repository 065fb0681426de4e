// SPDX-License-Identifier: MIT
// Latency models: how long a batch takes, or one step (forward pass) of an engine that decides at each.
#pragma once
#include "base/double.h"
#include "base/error.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A measured grid: mean time of a batch of `batch_sizes[i]` requests padded to `lengths[j]` tokens.
typedef struct mb_grid {
    size_t batch_count, length_count;
    double *batch_sizes; // ascending
    double *lengths;     // ascending, tokens (prompt + output)
    double *mean_s;      // [i * length_count + j], seconds; NAN where the grid has no such cell
    double *std_s;       // the same shape; 0 where not given
    char *path;
} mb_grid;

// Read a CSV with the columns batch_size (whole, >= 1), max_seq_len (> 0), mean_latency_sec (> 0) and,
// optional, std_latency_sec (>= 0), in any order; other columns are ignored. Cells may be missing, none may
// come twice. Every error names file and line. Release with mb_grid_free; *grid is NULL on failure.
mb_status mb_grid_read(const char *path, mb_grid **grid, mb_error *error);
void mb_grid_free(mb_grid *grid);

// T(b, L) = alpha + beta L (1 + gamma (b - 1) / b), at least floor_s.
// Time to first token = alpha; time between tokens = beta (1 + gamma (b - 1) / b).
typedef struct mb_batch_law {
    double alpha_s, beta_s_per_token, gamma, floor_s;
} mb_batch_law;

typedef enum mb_latency_kind {
    MB_LATENCY_BATCH,    // the law above
    MB_LATENCY_TABLE,    // bilinear interpolation of a grid, clamped to it
    MB_LATENCY_JOBS,     // each request brings its service time; a batch takes the longest
    MB_LATENCY_STEP,     // the step law below
    MB_LATENCY_PROFILE,  // measured operator tables (model/profile.h), interpolated
    MB_LATENCY_CUSTOM,   // somebody's function
    MB_LATENCY_ROOFLINE, // from a model's and a GPU's description (model/roofline.h)
} mb_latency_kind;

// A chunk of a prompt (or of what a preempted request knows) that a step computes.
typedef struct mb_chunk {
    uint32_t tokens;
    uint32_t prefix; // tokens computed before it, which its attention reads
} mb_chunk;

// What one step computes.
typedef struct mb_step_shape {
    uint64_t prefill_tokens; // in chunks
    uint32_t prefill_requests;
    uint32_t decode_requests; // one token each
    uint64_t decode_context;  // context read by the decodes, summed; each reads its computed tokens + 1
    const mb_chunk *chunks;   // [prefill_requests]
    uint64_t group_tokens;    // of ranks that step together: tokens of the largest, to which all are padded,
    bool group_prompts;       // and whether any of them computes a prompt; 0, false: it steps alone
} mb_step_shape;

// Kernels take other ways, and other times, where decodes and prompts are in one step.
typedef enum mb_step_kind {
    MB_STEP_OF_DECODES,
    MB_STEP_OF_BOTH,
    MB_STEP_OF_PROMPTS,
    MB_STEP_KINDS
} mb_step_kind;

mb_step_kind mb_step_kind_of(const mb_step_shape *shape);

// Tokens that linear layers compute where `padded_decodes` rows of decodes are computed.
static inline double mb_step_tokens_padded(const mb_step_shape *shape, uint32_t padded_decodes) {
    const uint64_t own = shape->prefill_tokens + padded_decodes;
    return (double)(own > shape->group_tokens ? own : shape->group_tokens);
}

// t = base + per_token T + per_context K + per_request B + host: T tokens computed, K = decode_context, B
// rows. (papers: E.1, D.5; the affine form is within 1-2 % of measured vLLM runs, docs/fidelity.md.)
typedef struct mb_step_coefficients {
    double base_s, per_token_s, per_context_s, per_request_s;
} mb_step_coefficients;

typedef struct mb_step_law {
    double base_s, per_token_s, per_context_s, per_request_s;
    bool split; // steps with a prompt in them have coefficients of their own: two regimes, of
    mb_step_coefficients
        prompts; // memory and of arithmetic (DistServe's simulator splits likewise; papers: E.1)
    double max_tokens, max_context; // the largest T and K that it was fitted on; 0 = not known
} mb_step_law;

// How a mixture's experts are shared: whole ones are dealt out to `gpus` GPUs, those of `ranks` engines that
// step together. gpus 0: each engine has its own, cut like other layers.
typedef struct mb_expert_ranks {
    uint32_t gpus, ranks;
} mb_expert_ranks;

struct mb_profile;
struct mb_roofline;
typedef mb_status (*mb_step_function)(void *self, const mb_step_shape *shape, double *seconds,
                                      mb_error *error);

typedef struct mb_latency {
    mb_latency_kind kind;
    mb_step_law step;                 // MB_LATENCY_STEP
    double host_s;                    // every step model: added to each step
    double scheduling_s_per_request;  // likewise, per row: the simulated cost of deciding
    const uint32_t *graph_sizes;      // ascending; a step of decodes only costs as many rows as the next size
    size_t graph_size_count;          // (CUDA graphs are captured for these); 0: no padding. The decodes'
                                      // attention, and the cost of scheduling, are never padded
    const struct mb_profile *profile; // MB_LATENCY_PROFILE; not owned
    const struct mb_roofline *roofline;       // MB_LATENCY_ROOFLINE; not owned
    const struct mb_link *link;               // of these two: the measured all-reduces, or NULL; not owned
    const struct mb_link *exchange;           // ... and how ranks exchange the tokens of a layer; likewise
    const struct mb_corrections *corrections; // likewise: what a step takes beyond its operators
    mb_step_function custom;                  // MB_LATENCY_CUSTOM
    void *custom_self;
    const struct mb_latency *told; // what policies are told that a step takes; NULL: the truth. Not owned
    mb_batch_law law;              // MB_LATENCY_BATCH, and
    double tbt_s;        // what is observed as time between tokens instead, noise or none; 0: the law's
    const mb_grid *grid; // MB_LATENCY_TABLE: every cell present (mb_latency_check says so); not owned
    double noise; // standard deviation of ln(factor) on each batch's time; the factor has mean 1; 0 = none
    double max_batch, max_length; // the range that the model was fitted on; 0 = not known
} mb_latency;

typedef struct mb_batch_time {
    double duration_s;
    double first_token_s; // from the start of the batch to its first token; never more than the duration
    double tbt_s; // time between tokens as observed (duration less the first token's, per position); 0: no
                  // tokens
    bool extrapolated; // outside the fitted range, or clamped to it
} mb_batch_time;

// Reject NaN, negative coefficients, a table with holes or fewer than two values on an axis.
mb_status mb_latency_check(const mb_latency *latency, mb_error *error);

// The law's first token comes at alpha. A grid has no such column: its time at length 0 stands in, on the
// straight line through its two shortest lengths, at this batch size (the whole grid's regression line would
// go below zero where times bend upwards), kept within 0 and the time of the shortest length; so it depends
// on the batch size only. Under MB_LATENCY_JOBS tokens have no times: the first comes with the end, and tbt_s
// is 0. Noise scales all times alike.
//
// Time of a batch of `requests` >= 1 whose longest member has `longest_tokens` (prompt + output) and whose
// longest service is `longest_service_s` (MB_LATENCY_JOBS only). `rng` is drawn from only where noise > 0.
mb_batch_time mb_latency_batch(const mb_latency *latency, uint32_t requests, uint32_t longest_tokens,
                               double longest_service_s, mb_rng *rng);

static inline double mb_batch_law_per_token(const mb_batch_law *law, double requests) {
    return law->beta_s_per_token * (1 + law->gamma * (requests - 1) / requests);
}

// Its duration and time to the first token alone, under a model without noise.
static inline double mb_latency_batch_exact(const mb_latency *latency, uint32_t requests,
                                            uint32_t longest_tokens, double longest_service_s,
                                            double *first_token_s) {
    if (latency->kind == MB_LATENCY_BATCH) {
        const mb_batch_law *law = &latency->law;
        const double time_s = law->alpha_s + longest_tokens * mb_batch_law_per_token(law, requests);
        *first_token_s = law->alpha_s;
        return time_s < law->floor_s ? law->floor_s : time_s;
    }
    const mb_batch_time time = mb_latency_batch(latency, requests, longest_tokens, longest_service_s, NULL);
    *first_token_s = time.first_token_s;
    return time.duration_s;
}

// The least time of any batch whose longest member has at least `tokens`, and its earliest first token.
mb_batch_time mb_latency_table_least(const mb_grid *grid, uint32_t tokens);

// --- steps

static inline bool mb_latency_is_step(const mb_latency *latency) {
    return latency->kind >= MB_LATENCY_STEP;
}
// Whether repetitions of a step of decodes follow an arithmetic series: then a run of n steps is timed in
// closed form; else (tables, functions, noise) step by step.
static inline bool mb_latency_is_affine(const mb_latency *latency) {
    return latency->kind == MB_LATENCY_STEP && latency->noise == 0;
}
// Seconds of one step. `rng` is drawn from only where noise > 0. Fails where a custom function fails, or
// gives a time that is not a positive number. *extrapolated is set (never cleared) outside the fitted range.
mb_status mb_latency_step(const mb_latency *latency, const mb_step_shape *shape, mb_rng *rng, double *seconds,
                          bool *extrapolated, mb_error *error);
// Of them, those of the host.
static inline double mb_latency_host(const mb_latency *latency, const mb_step_shape *shape) {
    return latency->host_s +
           latency->scheduling_s_per_request * ((double)shape->decode_requests + shape->prefill_requests);
}
// Seconds by which each repetition of a step of `decode_requests` decodes takes longer than the one before;
// affine models only.
static inline double mb_latency_step_slope(const mb_latency *latency, uint32_t decode_requests) {
    return latency->step.per_context_s * decode_requests;
}
// What the steps of a static batch of so many requests take (see mb_latency_barrier). Affine models only.
typedef struct mb_barrier_law {
    uint32_t requests;
    double prefill_s, per_token_s;  // a step of the prefill; besides, each token
    double decode_s, per_context_s; // a step of decodes; besides, each token that it reads
} mb_barrier_law;
mb_barrier_law mb_latency_barrier_law(const mb_latency *latency, uint32_t requests);
// Steps of the prefill.
static inline uint64_t mb_barrier_prefills(uint32_t requests, uint32_t prompt, uint64_t token_budget) {
    const uint64_t tokens = (uint64_t)requests * prompt;
    return tokens == 0 ? 1 : (tokens - 1) / token_budget + 1;
}
// When all its requests are like this one: the first token's time, and the whole. Sums of the two parts in
// closed form: step j of the decodes reads requests x (prompt + j).
static inline double mb_barrier_seconds(const mb_barrier_law *law, uint32_t prompt, uint32_t output,
                                        uint64_t token_budget, double *first_token_s) {
    const double rows = law->requests, decodes = output > 1 ? output - 1 : 0;
    const double steps = mb_double(mb_barrier_prefills(law->requests, prompt, token_budget));
    *first_token_s = steps * law->prefill_s + law->per_token_s * (rows * prompt);
    const double context = rows * (decodes * prompt + decodes * (decodes + 1) / 2);
    return *first_token_s + decodes * law->decode_s + law->per_context_s * context;
}
// The time of a static batch under a step model (docs/continuous-batching.md): ceil(requests x longest_prompt
// / token_budget) steps of prefill, then a step for each further token of the longest answer; every row
// padded to the longest. Models that are not affine are asked step by step; each of the prefill steps then
// has a chunk of every row, all of them equally long up to rounding. token_budget UINT64_MAX: one step.
mb_status mb_latency_barrier(const mb_latency *latency, uint32_t requests, uint32_t longest_prompt,
                             uint32_t longest_output, uint64_t token_budget, mb_rng *rng, mb_batch_time *time,
                             mb_error *error);
