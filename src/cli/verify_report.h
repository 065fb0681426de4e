// SPDX-License-Identifier: MIT
// What mbsand verify --engine prints at its end.
#pragma once
#include "cli/live_clock.h"
#include "run/results.h"

typedef struct mb_verified {
    mb_results simulated, *real; // [repeats]
    uint32_t repeats;
    bool processor;    // the clock was that of the processor
    mb_live_sums sums; // of all live runs
    double drift;      // of the device: steps measured again at the end, against the tables; a share
} mb_verified;

// Every measure of every policy in both worlds; who is ahead of the first; one sentence.
void mb_verify_report(const mb_verified *found);
