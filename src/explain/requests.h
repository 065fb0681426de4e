// SPDX-License-Identifier: MIT
// All requests of a run, held in memory, and workloads of some of them.
#pragma once
#include "run/pool.h"

typedef struct mb_requests {
    mb_arrival *arrivals; // in order of time: the number of each is its id in the run
    size_t count;
    char **clients; // their names, by index
    size_t client_count;
} mb_requests;

// The requests of one replication, at most `most`: more are an error. Release with mb_requests_deinit in any
// case.
mb_status mb_requests_read(const mb_workload *workload, uint64_t seed, uint64_t replication, size_t most,
                           const atomic_bool *stop, mb_requests *requests, mb_error *error);
void mb_requests_deinit(mb_requests *requests);

// The workload of those with the given numbers (ascending), whose times count from the first of them.
// `picked` has room for all, and like `requests` and `whole` outlives the workload, which owns nothing.
mb_workload mb_requests_pick(const mb_requests *requests, const size_t *numbers, size_t count,
                             const mb_workload *whole, mb_arrival *picked);
