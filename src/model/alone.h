// SPDX-License-Identifier: MIT
// The least that a request takes, and costs a replica, whoever it is served with: what no policy can beat
// (docs/models.md, "How far from the best possible").
#pragma once
#include "model/kv_pool.h"
#include "model/latency.h"

// Where requests are served; the latency model is one that mb_alone_refusal has nothing against.
typedef struct mb_alone {
    const mb_latency *latency;
    mb_kv_kind kv_kind;
    uint64_t kv_capacity; // of a replica, tokens; MB_UNLIMITED: no limit
    uint32_t kv_max_length;
    uint32_t kv_block; // of engines
    bool prefix_cache; // likewise
} mb_alone;

typedef struct mb_alone_request {
    uint32_t prompt_tokens, output_tokens;
    uint32_t named_tokens; // of the prompt, leading ones that somebody else may have left in a prefix cache
    bool shared;           // these may be held by several requests at a time, and then fill memory once
    double service_s;      // latency.jobs
} mb_alone_request;

typedef struct mb_alone_time {
    double ttft_s, e2e_s; // no less after the arrival
    double tbt_s;         // no less between tokens on average, (E2E - TTFT) / (output - 1); 0: not known
    double work_s; // no less of a replica's time, if what a step or batch takes for all its members is split
                   // by the memory they hold; such parts of all requests add up. 0: not known
} mb_alone_time;

// Why there is nothing that surely no policy beats; NULL: there is.
const char *mb_alone_refusal(const mb_latency *latency);
mb_alone_time mb_alone_of(const mb_alone *where, const mb_alone_request *request);
