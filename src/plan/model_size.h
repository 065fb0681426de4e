// SPDX-License-Identifier: MIT
// How large a model is.
#pragma once
#include "plan/model.h"

mb_parameters mb_model_parameters(const mb_model_config *model);
// Bytes of all weights. bytes_per_weight > 0: every one of them has that many; else as the file says.
double mb_model_weight_bytes(const mb_model_config *model, double bytes_per_weight);
// Of these the bytes of the experts that a router chooses from.
double mb_model_expert_bytes(const mb_model_config *model, double bytes_per_weight);
// Of these the bytes of what every GPU that shares a layer keeps whole: the matrices that compress (latent
// attention), its indexers, and the routers.
double mb_model_whole_bytes(const mb_model_config *model, double bytes_per_weight);
// Values of KV memory that a layer keeps per token: 2 x kv_heads x head_dim (keys and values); with latent
// attention kv_lora_rank + rope_dim (DeepSeek-AI 2024, arXiv 2405.04434, section 2.1).
uint64_t mb_model_kv_values(const mb_model_config *model);
// Likewise a layer without a window, where the two kinds differ.
uint64_t mb_model_wide_kv_values(const mb_model_config *model);
// Bytes of a token in a layer, at so many bytes a value, without its indexer's.
double mb_model_token_bytes(const mb_model_config *model, double bytes_per_value);
// Bytes of KV memory on each of `gpus` of a request with `tokens` tokens, of which layers with a window keep
// `kept` at most; without its state. Heads are dealt out and, once there are more GPUs than heads, kept
// twice; a compressed token has no heads and is kept by all.
double mb_model_kv_bytes(const mb_model_config *model, double bytes_per_value, uint64_t tokens, uint64_t kept,
                         uint32_t gpus);
// Bytes that a request takes however long it is.
double mb_model_state_bytes(const mb_model_config *model);
