// SPDX-License-Identifier: MIT
// What the reference implementation of a model_type does that its config.json does not say.
#pragma once
#include <stdint.h>

// Traits: how layers are built.
enum {
    MB_TIED = 1,               // embedding and head are one matrix unless the file says otherwise
    MB_UNGATED = 2,            // MLPs of two matrices, not three
    MB_QKV_BIAS = 4,           // on query, key and value
    MB_OUT_BIAS = 8,           // on the attention's output
    MB_MLP_BIAS = 16,          // in the MLP
    MB_NORM_BIAS = 32,         // norms have biases
    MB_ONE_NORM = 64,          // one norm before attention and MLP, which work side by side
    MB_FOUR_NORMS = 128,       // norms before and behind both
    MB_HEAD_NORMS = 256,       // norms of queries and keys, head by head
    MB_HEAD_BIAS = 512,        // on the output head
    MB_POSITIONS = 1024,       // learned embeddings of positions
    MB_OUTPUT_GATE = 2048,     // attention has a gate as wide as its queries
    MB_SHARED_EXPERT = 4096,   // the width of a shared expert must be there
    MB_SINKS = 8192,           // a value a head, and biases in experts and routers (gpt_oss)
    MB_ROUTER_BIAS = 16384,    // a value an expert
    MB_WINDOW_HALF = 1 << 15,  // every second layer has a window, from the first on
    MB_WINDOW_EVERY = 1 << 16, // all have, where there is one
    MB_WINDOW_ASKED = 1 << 17, // only with use_sliding_window, and from layer max_window_layers on
    MB_ONE_KV_HEAD = 1 << 18,  // multi_query unless the file says otherwise
    MB_EXPANDED = 1 << 19,     // latent attention whose keys and values engines keep whole, head by head
};

// Features: what its keys may speak of.
enum {
    MB_EXPERTS = 1,
    MB_LATENT = 2,  // latent attention
    MB_WINDOWS = 4, // layers with a window
    MB_INDEXER = 8, // sparse attention by an indexer
    MB_DELTA = 16,  // gated delta networks (linear_attention, linear_*)
    MB_KDA = 32,    // Kimi's (linear_attn_config)
    MB_MAMBA2 = 64,
    MB_MAMBA1 = 128,
    MB_LIGHTNING = 256, // lightning attention (attn_type_list)
    MB_CONVOLUTION = 512,
    MB_CHUNKS = 1024,     // chunked attention (Llama 4): vLLM keeps all tokens of it
    MB_KV_SHARED = 2048,  // last layers borrow the keys and values of earlier ones
    MB_ALTUP = 4096,      // Gemma 3n
    MB_PER_LAYER = 8192,  // embeddings per layer (Gemma 3n and 4)
    MB_WIDE = 1 << 14,    // layers without a window have heads of their own kind (Gemma 4)
    MB_PATTERN = 1 << 15, // hybrid_override_pattern (Nemotron-H)
    MB_BLOCKS = 1 << 16,  // attn_config and ffn_config (DBRX, MPT)
};

typedef struct mb_family {
    const char *type;
    uint32_t traits, features;
    uint32_t pattern; // the last of so many layers has no window; 0: another rule
    // Of the class, for files that leave them out; 0: the file must say.
    uint32_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocabulary, positions, window;
} mb_family;

// NULL: not known. "": a file without model_type, counted as a plain transformer with gated MLPs.
const mb_family *mb_family_find(const char *model_type);
// Whether `model_type` is one around a text model, which stands in text_config.
int mb_family_wraps(const char *model_type);
// The type whose name is nearest, or NULL.
const char *mb_family_nearest(const char *model_type);
