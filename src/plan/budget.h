// SPDX-License-Identifier: MIT
// What fits: the memory of GPUs that share a model, divided among weights, KV memory and the rest.
#pragma once
#include "plan/deployment.h"

// All bytes are of one GPU: of the stage of a pipeline whose pool holds the fewest tokens.
typedef struct mb_budget {
    uint32_t stage, layers;   // which one that is, from 0; its layers
    double parameters;        // on that GPU
    double memory, held_back; // held_back: not to be used, (1 - utilization) of the memory
    double weights, activation, runtime;
    double pool;        // for KV memory: what is left; negative: that much is missing
    double used;        // of the pool, by `batch` users with `context` tokens each
    double token_bytes; // of KV memory per token
    double utilization;
    bool fits;        // the pool is not negative, and holds `used`
    bool windows;     // layers with a window are counted as such
    uint64_t blocks;  // whole ones in the pool
    uint64_t tokens;  // that the pool of an engine holds, of one user after the other (in whole blocks except
                      // under KAITO's and MLSys-im's rules)
    uint64_t users;   // with `context` tokens each, of all engines
    uint64_t longest; // context of a single user, at most max_positions
    bool bound_by_positions;
    bool estimated; // the pool rests on what vLLM takes by our estimate, not on figures that were given
} mb_budget;

// How far estimated pools were from those that engines reported: tests/fidelity/pools.lua.
typedef struct mb_pool_margin {
    double share;
    int within, compared; // pools
} mb_pool_margin;

// compared 0: none were, of such a deployment.
mb_pool_margin mb_pool_margin_of(const mb_plan *plan);

mb_budget mb_budget_of(const mb_plan *plan);

// What a request takes on a GPU, where a pool counts `token` bytes for each of its tokens: layers without and
// with a window have so many bytes a token, laid out as the rules say.
typedef struct mb_request_kv {
    double token, whole, window;
    double state;                      // however long it is
    double window_tokens, step_tokens; // of a window; of a step beside it while a prompt is computed
    double block;                      // tokens that it grows by
} mb_request_kv;

mb_request_kv mb_request_kv_of(const mb_plan *plan);
// Bytes with so many tokens, of which `step` were computed last.
double mb_request_kv_bytes(const mb_request_kv *request, double tokens, double step);
// All GPUs of a deployment, and how many engines with attention and KV memory of their own they make.
uint32_t mb_plan_gpus(const mb_plan *plan);
uint32_t mb_plan_engines(const mb_plan *plan);
// Whether the model can be divided among `gpus`: under KAITO's rules always (but Falcon: one alone), else if
// they divide the attention heads, and the key-value heads too or are divided by them.
bool mb_plan_divides(const mb_plan *plan, uint32_t gpus);
// Whether a budget would rest on nothing: a model that cannot be divided so, weights of unknown size.
mb_status mb_plan_check(const mb_plan *plan, mb_error *error);
// The smallest number of GPUs, with the same stages and engines, on which `batch` users with `context` tokens
// fit; 0 if none up to 4,096 do.
uint32_t mb_gpus_needed(const mb_plan *plan);
// The fewest GPUs on which they fit where tensor parallelism stays inside nodes of `per_node` and stages of a
// pipeline go beyond; false: none (or, under rules without pipelines, not by that). Sets tp, pipeline,
// expert_parallel of *found.
bool mb_plan_inside_nodes(const mb_plan *plan, uint32_t per_node, mb_plan *found);
// "fp16" -> 2 bytes; 0 for an unknown name. Names: fp32, fp16, bf16, fp8, int8, int4.
double mb_precision_bytes(const char *name);
