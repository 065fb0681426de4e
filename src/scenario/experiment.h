// SPDX-License-Identifier: MIT
// Everything that a set of comparable runs shares, as plain C values that any thread can run.
#pragma once
#include "policy/spec.h"
#include "sim/sim.h"

// Everything that a set of comparable runs shares: the same requests, cluster and clocks for every policy.
typedef struct mb_experiment {
    mb_workload workload;
    mb_latency latency;
    mb_grid *grid;              // of latency.table; owned
    struct mb_profile *profile; // of latency.profile; owned
    uint32_t replicas, group;   // group: so many of them step together; 1: each by itself
    mb_front_end front_end;
    mb_kv_kind kv_kind;
    uint64_t kv_capacity;
    uint32_t kv_max_length, kv_block;
    bool prefix_cache, async;
    mb_reserve reserve;
    bool reserve_given; // the scenario says so
    double watermark;
    uint32_t max_requests;
    uint64_t token_budget, swap_tokens;
    double swap_s_per_token;
    uint32_t *graph_sizes;           // of a step model; owned
    struct mb_roofline *roofline;    // of latency.roofline; owned
    struct mb_link *link, *exchange; // of these two models; owned
    struct mb_corrections *corrections;
    char *model_path;    // of cluster.model; owned, NULL where there is none
    double usd_per_hour; // of all replicas together; 0: not known
    bool block_oversize;
    bool stepwise; // --step
    double stop_s;
    mb_slo slo;
    mb_reader reader; // speed 0: none is known
    uint64_t warmup_requests;
    double warmup_s;
    bool exact_percentiles, oracle, why;
    bool programs; // somebody asked for their latency
    mb_fair fair;  // weights of service
    bool readings; // somebody, of some class, reads the answers
    bool gaps;     // each request's largest gap between tokens is wanted
    mb_policy_spec *policies;
    size_t policy_count;
    uint32_t seeds;
    uint64_t seed; // of the first; the others are the replications of it
    mb_limits limits;
    const struct mb_scenario *scenario; // that it belongs to, and where:
    size_t section_index, point_index;
    char *description; // "10,000 requests, 4 replicas, ..." in words
} mb_experiment;
