// SPDX-License-Identifier: MIT
// What a sweep is asked, and what came of it.
#pragma once
#include "run/pool.h"

typedef struct mb_sweep_options {
    const char *scenario, *db;
    const mb_overrides *overrides;
    const char *const *settings; // beside the overrides, what changes results: "tune params.bins=1..32"
    size_t setting_count;
    uint32_t shard, shards; // run every job whose number modulo `shards` is `shard`; 1 shard: all
    int argc;               // the command line, to be kept
    char *const *argv;
    mb_run_options run;           // its observer's hooks are not called
    bool bound;                   // and how far each point is from the best possible
    const struct mb_ranks *ranks; // that share the work, this being the first; NULL: none
} mb_sweep_options;

typedef struct mb_sweep_result {
    char *skipped;               // the scenario's reason not to run here; NULL: it ran. The caller frees it
    size_t before, done, failed; // jobs of the shard: found in the database; there now; of those, failed
    size_t total;                // jobs of the shard
    size_t all;                  // jobs of all shards
    size_t bounded, to_bound;    // points of the shard that have a bound now; that want one
    bool lost_ranks;             // some rank did not answer; the others did its jobs
    double wall_s, store_s;      // that the jobs took; that somebody was at the database
} mb_sweep_result;
