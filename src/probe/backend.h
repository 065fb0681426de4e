// SPDX-License-Identifier: MIT
// Devices that run a transformer layer of given dimensions with random weights, to be timed, and engines that
// run a whole model from a file: the CPU, and plugins. This header is all that a plugin shares with the
// program.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { MB_PROBE_VERSION = 3 }; // of this header; a plugin of another version is refused

// A decoder layer as in Llama: RMSNorm, query, key and value projections, rotary embedding, attention over
// paged KV memory (grouped queries), output projection, residual; RMSNorm, gated MLP with SiLU, residual. And
// the output head: RMSNorm, then a product with the vocabulary's matrix, for the last token of each row.
typedef struct mb_probe_shape {
    uint32_t hidden, heads, kv_heads, head_dim, intermediate, vocabulary;
    uint32_t layers; // distinct sets of weights, each with KV memory of its own; run() goes round them
    uint32_t block;  // tokens of a KV block
    uint32_t blocks; // KV blocks of each layer
    uint32_t most_tokens, most_rows; // of a step
    const char *model_file; // of an engine, which takes all above `block` from it; most_rows is also how many
                            // sequences it keeps. NULL: of no engine
} mb_probe_shape;

// What a request computes in a step.
typedef struct mb_probe_row {
    uint32_t tokens;        // new ones: 1 for a decode, a chunk's for a prompt
    uint32_t context;       // computed before; their keys and values are in the blocks
    const uint32_t *blocks; // [ceil((context + tokens) / block)], < shape.blocks; not for an engine
    uint32_t sequence;      // of an engine, which holds `context` tokens of it: < shape.most_rows
} mb_probe_row;

typedef struct mb_probe_device mb_probe_device;

typedef struct mb_probe_backend {
    uint32_t version;
    const char *name; // "cpu", "cuda", "llama"
    // precision: "fp32", "bf16", "fp16", or "file" for an engine; MB_BAD_INPUT where the backend does not
    // have it. MB_FAILED with a message that starts with "out of memory" where it does not fit. Weights are
    // mb_probe_value() below.
    mb_status (*open)(const mb_probe_shape *shape, const char *precision, uint64_t seed,
                      mb_probe_device **device, mb_error *error);
    void (*close)(mb_probe_device *device); // NULL is fine
    // "NVIDIA H200, 139.8 GiB (131.2 GiB free), 1980 MHz": one line without a comma at its ends.
    void (*describe)(mb_probe_device *device, char *text, size_t size);
    // Run the rows through `layers` layers and, if `head`, the output head. *seconds: what it took, with
    // nothing before or after it under way.
    mb_status (*run)(mb_probe_device *device, const mb_probe_row *rows, uint32_t count, uint32_t layers,
                     bool head, double *seconds, mb_error *error);
    // For checks, in float32. The hidden states that the next run starts from, [tokens][hidden] (else those
    // of the last run go on), and what the last run left.
    mb_status (*set_input)(mb_probe_device *device, const float *hidden, uint32_t tokens, mb_error *error);
    mb_status (*get_output)(mb_probe_device *device, float *hidden, uint32_t tokens, mb_error *error);
    mb_status (*get_logits)(mb_probe_device *device, float *logits, uint32_t rows, mb_error *error);
    // NULL but of an engine, which has none of the three before. Make it hold so many tokens of a sequence:
    // what is beyond is forgotten, what is missing computed. A run goes on from there, through all layers and
    // the head, and draws the next token of each row.
    mb_status (*hold)(mb_probe_device *device, uint32_t sequence, uint32_t tokens, mb_error *error);
    // What has turned out otherwise than described, one line, or NULL: nothing has. May be NULL itself.
    const char *(*note)(mb_probe_device *device);
    // The first step of each number of decodes takes long, since it is recorded; run() does not count that.
    bool records;
} mb_probe_backend;

// The one symbol of a plugin.
typedef const mb_probe_backend *(*mb_probe_plugin)(void);
#define MB_PROBE_PLUGIN_SYMBOL "mb_probe_plugin_backend"

// Tensors of a layer, row-major: [in][out]. Layer l's are MB_PROBE_TENSORS * l + one of these; the head's
// MB_PROBE_HEAD.
enum {
    MB_PROBE_QKV,     // [hidden][(heads + 2 kv_heads) head_dim]: queries, keys, values
    MB_PROBE_OUT,     // [heads head_dim][hidden]
    MB_PROBE_GATE_UP, // [hidden][2 intermediate]: gate, then up
    MB_PROBE_DOWN,    // [intermediate][hidden]
    MB_PROBE_TENSORS,
};
#define MB_PROBE_HEAD 0xffffffffu  // [hidden][vocabulary]
#define MB_PROBE_NORM_EPS 1e-5     // norms have weights of 1
#define MB_PROBE_ROPE_BASE 10000.0 // pairs (i, i + head_dim / 2), as in Llama

// Element `index` of a tensor with `rows` rows: uniform on +-sqrt(3 / rows), so that products keep their
// size. A hash of its place (splitmix64's finaliser), so that every backend and the reference have the same
// weights.
#ifdef __CUDACC__
__host__ __device__
#endif
    static inline float
    mb_probe_value(uint64_t seed, uint32_t tensor, uint64_t index, float scale) {
    uint64_t z = seed + 0x9e3779b97f4a7c15ull * (index + 1) + ((uint64_t)tensor << 40);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    return scale * ((float)(z >> 40) * (1.0f / 8388608.0f) - 1.0f); // 24 bits, on [-1, 1)
}

#ifdef __cplusplus
}
#endif
