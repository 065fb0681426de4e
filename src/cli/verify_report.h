// SPDX-License-Identifier: MIT
// What mbsand verify --engine prints at its end.
#pragma once
#include "run/results.h"

enum { MB_VERIFY_MEASURES = 9 };
// Mean, median and 99th percentile of the time to the first token, per further token, and of all.
extern const char *const mb_verify_names[MB_VERIFY_MEASURES];
typedef double mb_verify_values[MB_VERIFY_MEASURES];

typedef struct mb_verified {
    size_t policies;
    const char *const *labels;         // [policies]
    const mb_verify_values *simulated; // [policies]
    const mb_verify_values *live;      // [repeats][policies]
    uint32_t repeats;
} mb_verified;

// What the runs of a policy measured.
void mb_verify_take(const mb_results *results, size_t policy, mb_verify_values values);
// Every measure of every policy in both worlds; who is ahead of the first.
void mb_verify_print(const mb_verified *found);
// One sentence. `engine`: "engine", "server".
void mb_verify_conclude(const mb_verified *found, const char *engine);
