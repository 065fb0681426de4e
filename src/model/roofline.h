// SPDX-License-Identifier: MIT
// How long a step takes by the roofline: each group of operators as long as its arithmetic or its memory
// traffic needs, whichever is longer, at given shares of the GPU's peaks (Williams, Waterman, Patterson 2009;
// for transformers Kaplan et al. 2020, appendix: 2 operations per weight and token, 4 per attention head
// dimension and pair of tokens).
//
// Groups: linear layers (all weights read once; of a mixture's experts those that are chosen at least once,
// expected under even choice), attention of the prompts, attention of the decodes (KV memory read once),
// output head; where experts are dealt out to several engines, an all-gather and a reduce-scatter a layer of
// all their tokens; and for tensor parallelism two all-reduces a layer over a ring; on a bus (links of up to
// 64 GB/s) pairs of GPUs take turns. Each layer costs something beyond, and a host that launches every kernel
// sets a floor. Nothing overlaps.
#pragma once
#include "model/efficiency.h"
#include "model/latency.h"
#include "plan/budget.h"

typedef struct mb_roofline {
    // Reached: operations/s and bytes/s of one GPU; the second of each is attention's.
    double compute, attention, bandwidth, kv_bandwidth;
    // Per step and GPU.
    double weight_bytes;           // read by every step: attention, MLP, norms
    double expert_bytes;           // of all experts
    double expert_share;           // chosen by a token, of the experts
    double expert_ranks;           // engines whose tokens choose among them
    double linear_flops;           // per token, chosen experts among them
    double head_bytes, head_flops; // of the output head: once, and per row
    double prefill_pair_flops;     // attention, per pair of tokens
    double decode_pair_flops;
    double kv_bytes;                             // per token of context
    double window, window_share;                 // of the layers
    double reduce_seconds;                       // per token, all all-reduces of a step
    double reduce_latency_s;                     // per step
    double exchange_seconds, exchange_latency_s; // likewise of the experts' tokens
    double layers_s, launch_s; // per step: what layers cost beyond, and the least that it can take
    double prompt_error, decode_error, pooled; // see mb_roofline_efficiency; pooled: 1 or 0
    double unfitted; // 1: a mixture of experts or weights of another precision, which no efficiency was
                     // fitted to
} mb_roofline;

// A mixture of experts or weights of another precision than 16 bits: the efficiencies' errors do not speak of
// them.
bool mb_roofline_unfitted(const mb_plan *plan);

// Fails where the GPU's description lacks what is needed: a link for several GPUs.
mb_status mb_roofline_make(const mb_plan *plan, const mb_roofline_efficiency *efficiency,
                           mb_roofline *roofline, mb_error *error);
double mb_roofline_seconds(const mb_roofline *roofline, const mb_step_shape *shape, uint32_t padded_decodes);
