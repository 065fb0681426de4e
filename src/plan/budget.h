// SPDX-License-Identifier: MIT
// What fits: the memory of GPUs that share a model, divided among weights, KV memory and the rest.
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
    uint32_t tp;             // GPUs that share the model (tensor parallelism), >= 1
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

// All bytes are of one GPU.
typedef struct mb_budget {
    double memory, held_back; // held_back: not to be used, (1 - utilization) of the memory
    double weights, activation, runtime;
    double pool;        // for KV memory: what is left; negative: that much is missing
    double used;        // of the pool, by `batch` users with `context` tokens each
    double token_bytes; // of KV memory per token
    double utilization;
    bool fits;       // the pool is not negative, and holds `used`
    bool windows;    // layers with a window are counted as such
    uint64_t blocks; // whole ones in the pool
    uint64_t tokens; // that the pool holds, of one user after the other (in whole blocks except under KAITO's
                     // and MLSys-im's rules)
    uint64_t users;  // with `context` tokens each
    uint64_t longest; // context of a single user, at most max_positions
    bool bound_by_positions;
    bool estimated; // the pool rests on what vLLM takes by our estimate, not on figures that were given
} mb_budget;

// How far estimated pools were from those that engines reported, on one GPU: docs/planning.md.
#define MB_POOL_MARGIN 0.04
enum { MB_POOLS_WITHIN = 12, MB_POOLS_COMPARED = 13 };

mb_budget mb_budget_of(const mb_plan *plan);
// Tokens of a step: as given, else 8,192 on GPUs from 70 GiB on but the A100, and 2,048 on others (vLLM's
// max_num_batched_tokens of a server); before 0.8 at least a context, since prompts were not cut.
uint32_t mb_plan_step_tokens(const mb_plan *plan);
// Likewise requests: 1,024 on those GPUs since 0.8, else 256 (max_num_seqs).
uint32_t mb_plan_step_requests(const mb_plan *plan);
// "0.21 or later", "0.19": whose defaults count.
void mb_plan_version(const mb_plan *plan, char text[24]);
// Whether the model can be divided among `gpus`: under KAITO's rules always (but Falcon: one alone), else if
// they divide the attention heads, and the key-value heads too or are divided by them.
bool mb_plan_divides(const mb_plan *plan, uint32_t gpus);
// Whether a budget would rest on nothing: a model that cannot be divided so, weights of unknown size.
mb_status mb_plan_check(const mb_plan *plan, mb_error *error);
// The smallest number of GPUs on which `batch` users with `context` tokens fit; 0 if none up to 4,096 do.
uint32_t mb_gpus_needed(const mb_plan *plan);
// "fp16" -> 2 bytes; 0 for an unknown name. Names: fp32, fp16, bf16, fp8, int8, int4.
double mb_precision_bytes(const char *name);
