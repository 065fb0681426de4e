// SPDX-License-Identifier: MIT
// Blocks for the steps of a run that are to come.
#pragma once
#include "engine/stepper.h"

// Blocks that the decodes take for `count` steps, the first of them iteration `index`.
static inline uint64_t mb_blocks_for_steps(const mb_stepper *stepper, uint64_t index, uint64_t count) {
    const uint64_t block = stepper->kv.block_tokens;
    uint64_t blocks = count / block * stepper->due_total;
    for (uint64_t i = 0; i < count % block; i++)
        blocks += stepper->due[(index + i) % block];
    return blocks;
}

// How many steps from iteration `index` on, at most `most`, find the blocks that they need in `left`; what is
// left then.
static inline uint64_t mb_steps_with_blocks(const mb_stepper *stepper, uint64_t index, uint64_t most,
                                            uint64_t *rest) {
    const uint64_t block = stepper->kv.block_tokens;
    uint64_t left = *rest;
    if (left >= (most / block + 1) * stepper->due_total) return most;
    uint64_t steps = left / stepper->due_total * block;
    left %= stepper->due_total;
    for (; steps < most; steps++) {
        const uint64_t due = stepper->due[(index + steps) % block];
        if (due > left) break;
        left -= due;
    }
    *rest = left;
    return steps < most ? steps : most;
}

// The same in the free blocks, by the rule of this step. Where each decode must find one, the newest finds
// the fewest: all but the last free block can be taken, and that one too in a step in which it is the
// newest's.
static inline uint64_t mb_steps_with_memory(const mb_stepper *stepper, uint64_t index, uint64_t most) {
    const uint64_t block = stepper->kv.block_tokens;
    uint64_t left = stepper->kv.free;
    if (!stepper->spare) return mb_steps_with_blocks(stepper, index, most, &left);
    if (left-- == 0) return 0;
    const uint64_t steps = mb_steps_with_blocks(stepper, index, most, &left);
    if (steps == most || stepper->due[(index + steps) % block] != left + 1) return steps;
    return steps + mb_stepper_newest_due(stepper, index + steps);
}

// Are there those of the next step, before anybody took of them at this instant: who has had its turn at it
// must not matter.
static inline bool mb_had_blocks(mb_stepper *stepper) {
    const uint64_t lent = stepper->lent_s == *stepper->around->clock ? stepper->lent : 0;
    stepper->kv.free += lent;
    const bool had = mb_stepper_has_blocks(stepper, 0);
    stepper->kv.free -= lent;
    return had;
}
