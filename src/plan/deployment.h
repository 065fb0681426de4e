// SPDX-License-Identifier: MIT
// What is deployed: a model on GPUs, with the options that its memory depends on.
#pragma once
#include "plan/gpu.h"
#include "plan/model_config.h"

// Whose conventions. They differ in what is held back, and in how KV memory is divided among GPUs.
typedef enum mb_rules {
    // vLLM, by its version: a share of what the driver gives; weights as they are; activations that grow with
    // the tokens of a step, or the sampler's share where that is more; whole blocks; a KV head on every GPU
    // at
    // least; layers with a window keep it and a step's tokens (docs/planning.md).
    MB_RULES_VLLM,
    // KAITO's estimator: 0.9 of the memory; weights x 1.02; 1.7 GiB of activations and 0.6 GiB of runtime per
    // GPU;
    // KV memory divides evenly; windows ignored; any number of GPUs.
    MB_RULES_KAITO,
    // KAITO's of 2026: 0.6 GiB and 0.05 of the weights per GPU; compressed tokens on every GPU; KV memory
    // divides within a node only.
    MB_RULES_KAITO_2026,
    // MLSys-im's serving model: weights and KV memory against all of the memory, nothing held back.
    MB_RULES_MLSYSIM,
} mb_rules;

extern const char *const mb_rules_names[]; // by mb_rules
enum { MB_RULES_COUNT = 4 };

typedef struct mb_plan {
    const mb_model_config *model;
    const mb_gpu *gpu;
    mb_rules rules;
    uint32_t tp;       // GPUs that share each layer (tensor parallelism), >= 1
    uint32_t pipeline; // stages that the layers are dealt out to; 0: one
    // GPUs of a stage that the experts are dealt out to, a multiple of tp: as many engines as it is of tp
    // share them, each with its own attention and KV memory (data parallelism); 0: experts are cut like other
    // layers.
    uint32_t expert_parallel;
    double memory_bytes;     // of each GPU; 0: as the GPU's description says
    double bytes_per_weight; // 0: as the model's description says
    double bytes_per_value;  // of KV memory; 0: likewise
    double utilization;      // share of the memory that may be used; these three: NAN: as the rules say
    double activation_bytes; // per GPU
    double runtime_bytes;    // per GPU
    uint32_t block;          // tokens
    uint32_t step_tokens;    // of a step at most; 0: vLLM's default for the GPU
    uint32_t step_requests;  // likewise requests
    uint32_t version;        // of vLLM: 19 for 0.19; 0: of today
    double weight_bytes;     // of all weights, as measured; 0: counted
    uint64_t blocks;         // of the pool, set outright; 0: what the memory holds
    uint64_t context, batch; // tokens of a user; users at once
} mb_plan;
