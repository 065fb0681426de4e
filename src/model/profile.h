// SPDX-License-Identifier: MIT
// Measured operator tables: how long a forward pass takes as the sum of its layers.
//
// A folder holds what one GPU (or one shard) did, times in microseconds:
//   dense.csv         layer,tokens,time_us       operators whose time depends on the tokens of the step
//   per_sequence.csv  layer,sequences,time_us    those that run once per row (output head, sampler)
//   attention.csv     prefill_chunk,kv_prefill,n_decode,kv_decode,time_us
//                     one chunk of a prompt over `kv_prefill` tokens before it, and `n_decode` decodes that
//                     read `kv_decode` each
//   moe.csv           tokens,activated_experts,time_us   (optional) the experts of a mixture
//
// What a pass does how often (the order in which Llama and Qwen3 models run):
//   once         embedding, final_layernorm, all of per_sequence.csv (lm_head, sampler)
//   per layer    attention, the experts, every other dense operator (qkv_proj, qk_norm, rotary_emb, o_proj,
//                gate_up_proj, act_fn, down_proj); layernorm twice, before attention and before the MLP
// Communication between shards and the host's work are not in the tables.
#pragma once
#include "model/latency.h"

typedef struct mb_profile mb_profile;

// Read the folder. `layers` >= 1: transformer layers of the model; the tables hold one. Where the experts are
// dealt out, a GPU computes the tokens of all ranks that chose one of its own: as much as ranks / gpus of
// them with experts that are all at hand. *profile is NULL on failure; every error names the file, and the
// line.
mb_status mb_profile_read(const char *directory, uint32_t layers, mb_expert_ranks shared,
                          mb_profile **profile, mb_error *error);
void mb_profile_free(mb_profile *profile);

// Seconds of one step; never negative. `padded_decodes` >= the step's decodes: the rows that its dense
// operators run for (CUDA graphs); else the number of decodes. Between measured points times are linear, and
// likewise beyond the last ones: *extrapolated is set (never cleared) there.
//
// Decodes read different contexts: their mean stands for all (the time is linear in their sum). Several
// chunks: the largest is looked up together with the decodes; each other one adds what it takes alone beyond
// the smallest measured chunk, since all share one launch.
double mb_profile_seconds(const mb_profile *profile, const mb_step_shape *shape, uint32_t padded_decodes,
                          bool *extrapolated);
