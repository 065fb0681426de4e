// SPDX-License-Identifier: MIT
// Measured operator tables: how long a forward pass takes as the sum of its layers.
//
// A folder holds what one GPU (or one shard) did, times in microseconds:
//   dense.csv         layer,tokens,time_us       operators whose time depends on the tokens of the step
//   per_sequence.csv  layer,sequences,time_us    those that run for the rows that sample a token
//   attention.csv     prefill_chunk,kv_prefill,n_decode,kv_decode,time_us
//                     one chunk of a prompt over `kv_prefill` tokens before it, and `n_decode` decodes that
//                     read `kv_decode` each
//   moe.csv           tokens,activated_experts,time_us   (optional) the experts of a mixture
#pragma once
#include "model/latency.h"

typedef struct mb_profile mb_profile;

// Read the folder. `layers`: transformer layers of the model (tables hold one); 0: as meta.yaml says, in the
// folder or above it, under num_hidden_layers or num_layers. *profile is NULL on failure; every error names
// the file, and the line.
mb_status mb_profile_read(const char *directory, uint32_t layers, mb_profile **profile, mb_error *error);
void mb_profile_free(mb_profile *profile);

// Seconds of one step; never negative. `padded_decodes` >= the step's decodes: the rows that its dense
// operators run for (CUDA graphs); else the number of decodes. *extrapolated is set (never cleared) where a
// table ends before the step does.
double mb_profile_seconds(const mb_profile *profile, const mb_step_shape *shape, uint32_t padded_decodes,
                          bool *extrapolated);
