// SPDX-License-Identifier: MIT
// What vLLM takes of a GPU beside weights and KV memory, by its version; fitted to start-up logs
// (docs/planning.md).
#pragma once
#include "plan/deployment.h"

// Tokens of a step: as given, else 8,192 on GPUs from 70 GiB on but the A100 and the GB10, and 2,048 on
// others (vLLM's max_num_batched_tokens of a server); in the first engine, before 0.8 and on a V100 or T4
// before 0.11, at least a context of up to 32,768, since shorter prompts were not cut.
uint32_t mb_plan_step_tokens(const mb_plan *plan);
// Likewise requests: 1,024 on those GPUs in the second engine, else 256 (max_num_seqs).
uint32_t mb_plan_step_requests(const mb_plan *plan);
// "0.21 or later", "0.19": whose defaults count.
void mb_plan_version(const mb_plan *plan, char text[24]);

// Whether KV memory is dealt out to groups of layers of a kind: since 0.10, and since 0.21 where layers
// without a window have other heads (Gemma 4: vLLM issue 43308). Else layers with a window, beside others,
// keep everything.
bool mb_vllm_has_groups(const mb_plan *plan);

// Whether latent attention keeps compressed tokens: since 0.7.
bool mb_vllm_has_latents(const mb_plan *plan);

double mb_vllm_utilization(const mb_plan *plan);
// Bytes per GPU: the larger of a step's activations and of the sampler's copies.
double mb_vllm_activation(const mb_plan *plan);
// CUDA's libraries, NCCL's buffers, the rotary table, and the graphs once they count.
double mb_vllm_runtime(const mb_plan *plan);
// What the layout of its kernels adds to all weights as their file has them.
double mb_vllm_padding(const mb_plan *plan);
