// SPDX-License-Identifier: MIT
// A model of random weights in a file that llama.cpp reads (GGUF, version 3).
#pragma once
#include "plan/model_config.h"
#include "probe/backend.h"

// Dense layers as in Llama, of the shapes of `model`: matrices in float16, norms of 1, mb_probe_value() by
// the seed; a tokenizer of bytes and numbered words. The file is written whole or not at all.
mb_status mb_gguf_write(const char *path, const mb_model_config *model, uint64_t seed, mb_error *error);
