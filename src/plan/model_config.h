// SPDX-License-Identifier: MIT
// What a language model is, as far as memory and time depend on it: the keys of a Hugging Face config.json.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum mb_quantisation {
    MB_QUANT_NONE,    // weights as torch_dtype says
    MB_QUANT_LINEAR,  // all linear layers at `quant_bits`; embeddings, head, norms and routers at 16 bit
    MB_QUANT_EXPERTS, // the experts alone at `quant_bits` (mxfp4)
} mb_quantisation;

typedef struct mb_model_config {
    char *name;   // of the file, without folder and ".json"; of its folder where it is called config.json
    char *source; // its "_source", or NULL
    char model_type[32];
    uint32_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocabulary;
    uint64_t max_positions; // 0: the file does not say
    bool tied;              // one matrix serves as embedding and as output head
    double dtype_bytes;     // of torch_dtype
    // Multi-head latent attention; kv_lora_rank 0: none.
    uint32_t kv_lora_rank, q_lora_rank, rope_dim, nope_dim, value_dim;
    // Layers whose attention sees only the last `window` tokens.
    uint32_t window, window_layers;
    // Mixture of experts; experts 0: none.
    uint32_t experts, experts_per_token, shared_experts, expert_layers, expert_intermediate;
    mb_quantisation quantisation;
    double quant_bits;   // per weight, with what its scales take
    char quant_name[32]; // "fp8"; "" where there is none
    bool quant_unknown;  // a method that mbsand does not know: taken as none
    bool attention_bias; // on query, key and value; and `output_bias` on the output
    bool output_bias;
    bool new_falcon; // new_decoder_architecture
} mb_model_config;

// Weights by what they are, numbers of parameters.
typedef struct mb_parameters {
    double embedding, head; // head: 0 where tied
    double attention;       // linear layers of the attention
    double dense;   // linear layers of the MLP that every token goes through, shared experts among them
    double experts; // of all experts that are chosen by a router
    double other;   // norms, biases, routers
    double total;
    double active; // that a token's pass touches: all but the experts that were not chosen
} mb_parameters;

// Read a config.json (also with a nested text_config). Every mistake names the file and the key.
// Release with mb_model_config_deinit, whatever is returned.
mb_status mb_model_config_read(const char *path, mb_model_config *model, mb_error *error);
void mb_model_config_deinit(mb_model_config *model);

mb_parameters mb_model_parameters(const mb_model_config *model);
// Bytes of all weights. bytes_per_weight > 0: every one of them has that many; else as the file says.
double mb_model_weight_bytes(const mb_model_config *model, double bytes_per_weight);
// Values of KV memory that a layer keeps per token: 2 x kv_heads x head_dim (keys and values); with latent
// attention kv_lora_rank + rope_dim (DeepSeek-AI 2024, arXiv 2405.04434, section 2.1).
uint64_t mb_model_kv_values(const mb_model_config *model);
// Bytes of KV memory of a request with `tokens` tokens; layers with a window keep at most that many.
double mb_model_kv_bytes(const mb_model_config *model, double bytes_per_value, uint64_t tokens, bool windows);
