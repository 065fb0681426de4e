// SPDX-License-Identifier: MIT
// How large a model's weights are, by the headers of its safetensors files.
#pragma once
#include "base/error.h"

// Bytes of all tensors in `folder`: the total_size of model.safetensors.index.json, else the sum of what the
// files' headers say; 0 where there is no such file.
mb_status mb_safetensors_bytes(const char *folder, double *bytes, mb_error *error);
