// SPDX-License-Identifier: MIT
// What an engine can be told, and what it answers.
#pragma once

// What admission to a step takes from the pool (docs/continuous-batching.md). Those from PROMPT on hold
// blocks for tokens still to come.
typedef enum mb_reserve {
    MB_RESERVE_CHUNK,     // what the step computes
    MB_RESERVE_SEQUENCE,  // the same, if the whole known sequence would fit
    MB_RESERVE_PROMPT,    // the whole known sequence
    MB_RESERVE_PREDICTED, // prompt + predicted output
    MB_RESERVE_EXPECTED,  // prompt + the output that the policy expects
    MB_RESERVE_MAXIMUM,   // kv_max_length
    MB_RESERVE_FINAL,     // prompt + true output (kv = "tokens": what the batch executor does)
    MB_RESERVE_COUNT
} mb_reserve;
const char *mb_reserve_name(mb_reserve reserve);

typedef enum mb_preemption {
    MB_PREEMPT_RECOMPUTE,
    MB_PREEMPT_SWAP,
    MB_PREEMPT_PAUSE,
    MB_PREEMPT_RESTART // what it generated is thrown away, too
} mb_preemption;
const char *mb_preemption_name(mb_preemption how);

// Why a request could not join a step, or could not be swapped out (HOST: no room on the host).
typedef enum mb_refusal {
    MB_FITS,
    MB_REFUSED_MEMORY,
    MB_REFUSED_REQUESTS,
    MB_REFUSED_TOKENS,
    MB_REFUSED_HOST,
    MB_REFUSED_ELSEWHERE, // its memory is on another replica
    MB_REFUSED_LATE,      // asynchronous scheduling: it arrived after this step was composed
    MB_REFUSED_FLIGHT,    // it is in a batch of a pipeline that is under way
    MB_REFUSED_DRAINING   // the replica takes nothing new
} mb_refusal;
const char *mb_refusal_name(mb_refusal refusal);
