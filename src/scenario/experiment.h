// SPDX-License-Identifier: MIT
// Everything that a set of comparable runs shares, as plain C values that any thread can run.
#pragma once
#include "plan/budget.h"
#include "policy/spec.h"
#include "sim/sim.h"

// Replicas that are alike.
typedef struct mb_group {
    mb_hardware hardware; // its latency is set by who runs it: `latency`, or a clock
    mb_latency latency;
    // --- owned
    char *name, *model, *gpu;
    mb_grid *grid;                   // of latency.table
    struct mb_profile *profile;      // of latency.profile
    uint32_t *graph_sizes;           // of a step model
    double *shares;                  // of the stages of a pipeline
    struct mb_roofline *roofline;    // of latency.roofline
    struct mb_link *link, *exchange; // of these two models
    struct mb_corrections *corrections;
    char *model_path; // of cluster.model; NULL where there is none
    // ---
    mb_request_kv request_kv; // of a pool that was planned for its model; .token 0: it was not
} mb_group;

// Everything that a set of comparable runs shares: the same requests, cluster and clocks for every policy.
typedef struct mb_experiment {
    mb_workload workload;
    mb_group *groups; // of cluster.groups, in this order; one without a name where there are none. Owned
    size_t group_count;
    mb_link_rule *links; // owned
    size_t link_count;
    bool relaxed;                           // run with twice the replicas, and no limit of memory
    uint32_t ranks;                         // so many replicas step together; 1: each by itself
    mb_failure_plan failures;               // of replicas; its list is owned
    bool comes_and_goes;                    // replicas do, or somebody asked how long they were there
    double signal_period_s, signal_delay_s; // of replica.seen
    mb_front_end front_end;
    bool async;
    uint64_t swap_tokens;
    double swap_s_per_token;
    double usd_per_hour; // of all replicas together; 0: not known
    bool block_oversize;
    bool stepwise; // --step
    double stop_s;
    mb_slo slo;
    mb_reader reader; // speed 0: none is known
    uint64_t warmup_requests;
    double warmup_s;
    bool exact_percentiles, oracle, why;
    mb_by by;      // rows of classes or clients
    bool late;     // somebody asked for late tokens
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
