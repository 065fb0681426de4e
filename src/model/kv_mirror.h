// SPDX-License-Identifier: MIT
// What a pool's cache holds as somebody far away knows it: as of a publication that has reached him. The pool
// notes which names changed (mb_kv_notes); a publication looks these up, so it costs what has changed.
#pragma once
#include "model/kv_blocks.h"
#include "model/kv_table.h"

typedef struct mb_kv_change {
    uint64_t publication, name;
    uint32_t blocks; // 0: none any more
    bool session, cleared;
} mb_kv_change;

typedef struct mb_kv_mirror {
    mb_kv_notes notes;                 // of the pool, since the last publication
    mb_kv_table published[2], seen[2]; // units, sessions: name -> blocks
    mb_kv_change *changes;             // published and not seen yet, from `first` on; owned
    uint32_t first, count, capacity;
} mb_kv_mirror;

void mb_kv_mirror_deinit(mb_kv_mirror *mirror);
// Publish what has changed under this number, numbers ascending. False when out of memory.
bool mb_kv_mirror_publish(mb_kv_mirror *mirror, const mb_kv_blocks *pool, uint64_t publication);
// Publications up to this number are known now. False when out of memory.
bool mb_kv_mirror_see(mb_kv_mirror *mirror, uint64_t publication);
// How much of the first `known_tokens` tokens is known to be there, as mb_kv_blocks_match has it; blocks.
uint32_t mb_kv_mirror_match(const mb_kv_mirror *mirror, const mb_kv_names *names, uint32_t block_tokens,
                            uint32_t known_tokens);
