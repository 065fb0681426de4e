// SPDX-License-Identifier: MIT
// Replicas that are alike: how long their steps take, and what memory each has.
#pragma once
#include "engine/state.h"

// What becomes of a request that emits its first token here: it goes on, or (MB_ROLE_PREFILL) is handed over.
typedef enum mb_role { MB_ROLE_BOTH, MB_ROLE_PREFILL, MB_ROLE_DECODE, MB_ROLE_COUNT } mb_role;
const char *mb_role_name(mb_role role);

typedef struct mb_hardware {
    const char *group;       // its name; NULL where the cluster has no groups
    uint32_t replicas;       // 1 ..
    const char *model, *gpu; // as the scenario names them; NULL where it does not
    uint32_t tp;             // GPUs that share a layer
    const mb_latency *latency;
    mb_engine_memory memory; // of one replica
    mb_pipeline_plan pipeline;
    // --- initial limits, which the policy may change
    uint32_t max_requests;     // 0: no limit
    uint64_t token_budget;     // of a step; 0: no limit
    mb_reserve reserve;        // of step models, with the next two
    bool reserve_given;        // somebody asked for it, it is no default
    double watermark;          // the share of blocks that admission leaves free
    mb_role role;              // initially
    double kv_bytes_per_token; // of a step model; 0: not known
    // --- of a group whose replicas come and go
    uint32_t max_replicas; // 0: no limit
    double start_s;        // what one that is added takes to be up, where nobody says
    double usd_per_hour;   // of one replica; 0: not known
} mb_hardware;
