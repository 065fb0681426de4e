// SPDX-License-Identifier: MIT
// How vLLM lays out the KV memory of a model whose layers are of several kinds: with and without a window,
// and with a state (its kv_cache_utils.py and the alignment of hybrid models' pages).
#pragma once
#include "plan/deployment.h"

// All blocks belong to groups of as many layers: those of the kind that has fewest, or of the one that has
// most where that is less than half as many again. A kind whose layers do not fill its last group pays for a
// full one. A state takes one block of each of its layers, and an attention layer's block has as many tokens
// as make it that large.
typedef struct mb_kv_groups {
    uint32_t size; // layers of a group; 0: the layers are all of a kind, or the engine has no groups
    uint32_t whole, window, state; // layers of each kind, with those that only fill a group
    uint32_t padding;              // these
    uint32_t block;                // tokens
    double state_layer_bytes;      // of a user in a layer, on one GPU
} mb_kv_groups;

// `value_bytes`: of a value of KV memory.
mb_kv_groups mb_kv_groups_of(const mb_plan *plan, double value_bytes);
