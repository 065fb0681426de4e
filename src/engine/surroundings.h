// SPDX-License-Identifier: MIT
// What an engine stands in. It knows no other replica, no policy and no simulation: what it needs of them it
// finds here, and what concerns them it says here.
#pragma once
#include "base/rng.h"
#include "engine/words.h"
#include "metrics/metrics.h"
#include "metrics/why.h"
#include "queue/request.h"

typedef struct mb_engine mb_engine;

// A step, a run of equal steps or a batch that ended, as policies are told of it.
typedef struct mb_step_report {
    double duration_s;
    double tbt_s;   // time between tokens as observed
    uint64_t count; // equal steps that this report stands for; 1 for a batch
    uint32_t requests;
    uint64_t prefill_tokens, decode_tokens; // prompts, outputs
    uint32_t longest_tokens;                // longest prompt + output
} mb_step_report;

// A batch, or a run of equal steps of an engine (longest_tokens is 0 then, tbt_s the mean step).
typedef struct mb_batch_record {
    uint64_t steps; // 1 for a batch
    uint32_t batch, replica;
    double start_s, end_s, tbt_s;
    uint32_t requests, longest_tokens;
    uint64_t useful_tokens, kv_reserved;
    uint64_t kv_capacity;                   // tokens; 0: no limit
    uint64_t kv_between, kv_before;         // since the end of the one before it; as it began
    uint64_t prefill_tokens, decode_tokens; // as in mb_step_report
} mb_batch_record;

// A request's part in the batch or run of steps that was shown last: tokens of its prompt (or of what was
// lost to a preemption) and of its answer that were computed.
typedef struct mb_member_record {
    uint32_t batch;
    uint64_t id, prompt_tokens, output_tokens;
} mb_member_record;

// A request that was set aside; lost: what it had computed, if that is to be computed again.
#define MB_NO_QUEUE (MB_NONE - 1)

typedef struct mb_preempted {
    double time_s;
    uint32_t replica;
    uint64_t id;
    const char *how; // as mb_preemption_name has it
    uint32_t computed_tokens, lost_tokens;
} mb_preempted;

// What became of a request that is done.
typedef struct mb_served {
    double first_token_s;
    double tbt_s;         // time between its tokens, as judged
    double gap_s;         // the largest, where around->gaps
    double tpot_s;        // the same as a mean; NAN where there is none
    uint64_t gaps;        // of tbt_s each, that have not been counted yet
    uint32_t batch;       // that served it, from 1; 0: none
    const int64_t *parts; // [MB_PARTS] of its time; NULL: nobody asked
} mb_served;

typedef struct mb_surroundings {
    // --- what the engine looks at
    const double *clock; // the time, in seconds
    uint32_t
        turn; // engines of lower numbers have had their turn at this instant: what they begin now has begun
    mb_request_store *requests;
    mb_rng *noise; // of latencies
    bool async; // a step is composed while the one before it runs: who arrives in a step enters the next but
                // one
    bool together;          // engines are ranks of groups, whose steps begin as one: see engine/lockstep.h
    mb_front_end front_end; // that requests pass before they are here
    uint64_t host_tokens;   // that fit on the host, for MB_PREEMPT_SWAP
    double swap_s_per_token;
    uint64_t seed, replication; // for messages
    // --- sums over all engines, which each keeps up
    mb_metrics *metrics;
    uint32_t batches;              // numbers batches and runs alike
    uint64_t admissions;           // numbers what engines that step take in
    uint64_t kv_reserved, kv_used; // tokens of whole batches
    uint64_t host_used;            // tokens
    uint64_t operations;           // requests looked at by themselves, to find who makes room or by --step
    bool gaps;                     // keep the largest gap between tokens of each request
    bool readings;                 // keep when the tokens of each request came
    mb_request_times *times;       // where the time of requests goes; NULL: nobody asked
    bool out_of_memory;            // of the machine that runs this: set where only a refusal can be answered
    // --- what it says. `self` comes first in each call.
    void *self;
    // Call mb_engine_stops at this time, unless event_s has become another by then.
    bool (*wake)(void *self, const mb_engine *engine, double time_s);
    // A request that waited runs on the engine from now on: out of its queue.
    void (*took)(void *self, const mb_engine *engine, uint32_t slot);
    // It was set aside and waits again: back into a queue (MB_NONE: that which it came from; MB_NO_QUEUE).
    mb_status (*gave_back)(void *self, const mb_engine *engine, uint32_t slot, uint32_t queue, bool front,
                           mb_error *error);
    // It emitted its first token, and waits in no queue for somebody to take it elsewhere
    // (stepper->hands_off).
    void (*handed)(void *self, const mb_engine *engine, uint32_t slot);
    // It runs here; what it left in the memory of another engine goes.
    void (*forget)(void *self, uint32_t slot);
    // It is done and has left the engine.
    mb_status (*done)(void *self, const mb_engine *engine, uint32_t slot, const mb_served *served,
                      mb_error *error);
    // --- for who records everything; NULL: nobody does
    mb_status (*ran)(void *self, const mb_batch_record *record, mb_error *error);
    mb_status (*member)(void *self, const mb_member_record *record, mb_error *error); // after its batch
    mb_status (*preempted)(void *self, const mb_preempted *record, mb_error *error);
} mb_surroundings;
