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

// What a layer is made of.
enum {
    MB_ATTENDS = 1,
    MB_ATTENDS_WHOLE = 2,  // without a window
    MB_OWNS_KV = 4,        // keeps keys and values of its own (others borrow a layer's)
    MB_OWNS_WINDOW = 8,    // of these only the last `window` tokens
    MB_HAS_STATE = 16,     // memory of a request of constant size
    MB_HAS_DENSE_MLP = 32, // one for every token
    MB_HAS_EXPERTS = 64,
};

struct mb_family;

typedef struct mb_model_config {
    char *name;     // of the file, without folder and ".json"; of its folder where it is called config.json
    char *source;   // its "_source", or NULL
    bool estimated; // its "_checked" begins with "estimate"
    char model_type[32]; // of the text part; "" where the file does not say
    const struct mb_family *family;
    uint32_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocabulary;
    uint64_t max_positions; // 0: the file does not say
    bool tied;              // one matrix serves as embedding and as output head
    double dtype_bytes;     // of torch_dtype
    // Multi-head latent attention; kv_lora_rank 0: none.
    uint32_t kv_lora_rank, q_lora_rank, rope_dim, nope_dim, value_dim;
    bool latent_kv; // its compressed tokens are what is kept; false: the keys and values of every head
    // Indexers that choose what latent attention reads, one a layer: heads, and values of a key.
    uint32_t index_heads, index_dim;
    // Layers with attention; those of them that keep keys and values of their own (others borrow a layer's);
    // those of these whose attention sees only the last `window` tokens.
    uint32_t attention_layers, kv_layers, window, window_layers;
    // Of layers without a window, where they differ from the others.
    uint32_t wide_layers, wide_kv_heads, wide_head_dim;
    bool double_wide;      // layers that borrow keys and values have MLPs of twice the width
    bool shared_kv_matrix; // their keys and values come from one matrix
    // Layers whose memory of a request is a state of constant size (Mamba, linear attention, convolutions).
    uint32_t state_layers;
    double state_layer_weights, state_layer_bytes; // parameters of one; bytes of a request in it
    // The MLPs: layers with a dense one, and with experts; experts 0: none.
    uint32_t dense_layers, expert_layers;
    uint32_t experts, experts_per_token, expert_intermediate;
    uint32_t expert_hidden;       // width that the experts work on, `hidden` but for latent experts
    uint64_t shared_intermediate; // of all experts together that every token goes through
    double other_weights;         // embeddings per layer and the like, outside the layers counted above
    double stated_bytes;   // of all weights, where the description says it ("_weights_gib"); 0: counted
    double vision_weights; // of an image encoder
    bool vision_left_out;  // the file has an encoder that is not counted
    mb_quantisation quantisation;
    double quant_bits;   // per weight, with what its scales take
    char quant_name[48]; // "fp8"; "" where there is none
    bool quant_unknown;  // a method that mbsand does not know: a number of bytes must be given
    bool quant_kv;       // the file carries scales for KV memory of 8 bits
    double wide_attention, wide_dense, wide_experts; // shares of these that stay at torch_dtype
    bool attention_bias; // on query, key and value; and `output_bias` on the output
    bool output_bias;
    bool new_falcon;            // new_decoder_architecture
    uint8_t *made_of;           // of each layer; owned; the counts above are of these
    bool no_embedding, no_head; // a part of a model: a stage of a pipeline
} mb_model_config;

// Weights by what they are, numbers of parameters.
typedef struct mb_parameters {
    double embedding, head; // head: 0 where tied
    double attention;       // linear layers of the attention, and of the layers with a state
    double dense;   // linear layers of the MLP that every token goes through, shared experts among them
    double experts; // of all experts that are chosen by a router
    double other;   // norms, biases, routers, image encoders
    double total;
    double active; // that a token's pass touches: all but the experts that were not chosen
} mb_parameters;
