// SPDX-License-Identifier: MIT
// What an engine's start-up log says of its memory: vLLM, SGLang, TensorRT-LLM.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct mb_engine_log {
    char engine[16], version[24]; // "" where the log does not say
    char kv_type[24];             // as what KV memory is kept, "fp8"; "" also where that is the model's type
    double value_bytes;           // of such a value; 0: not said, or a type that is not known here
    uint64_t tokens;              // of the pool; of the smallest where ranks differ
    uint64_t blocks;              // 0: not said
    uint32_t block;               // tokens; 0: not said
    double memory_bytes, utilization; // of a GPU; 0: not said, as are the following
    double weight_bytes, pool_bytes, activation_bytes, graph_bytes; // of a GPU
} mb_engine_log;

// A log without the size of its pool is a mistake.
mb_status mb_engine_log_read(const char *path, mb_engine_log *log, mb_error *error);
