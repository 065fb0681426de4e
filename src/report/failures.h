// SPDX-License-Identifier: MIT
// Runs of one policy that failed with the same sentence, and the warning that tells them once.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

enum { MB_TOLD_FAILURES = 5 }; // sentences that are told; further runs are counted

typedef struct mb_run_failure {
    const mb_outcome *first;
    size_t runs, points;
    bool alike; // to the last character; else in all but numbers, and in where and when it happened
} mb_run_failure;

typedef struct mb_run_failures {
    mb_run_failure items[MB_TOLD_FAILURES];
    size_t count;
    size_t untold; // runs that failed with other sentences
} mb_run_failures;

void mb_run_failures_collect(const mb_results *results, mb_run_failures *failures);
// One sentence: who failed, where, with which seeds, and what the first of them said.
void mb_run_failure_describe(const mb_results *results, const mb_run_failure *failure, mb_strbuf *text);
