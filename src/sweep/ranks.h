// SPDX-License-Identifier: MIT
// A sweep over MPI: rank 0 has the database and hands out jobs as the others ask. Built with `make MPI=1`;
// without it, and outside of mpirun, there is one rank.
#pragma once
#include "sweep/options.h"

struct json_t;

typedef struct mb_ranks {
    int rank, size;
} mb_ranks;

// How many mpirun (or srun) has started of this program, whether it was built with MPI or not; 1 without.
unsigned mb_ranks_started(void);
mb_ranks mb_ranks_begin(void);
void mb_ranks_end(void); // whether or not the others have come to their end

// A job by its numbers.
typedef struct mb_rank_job {
    enum { MB_RANK_JOB, MB_RANK_WAIT, MB_RANK_END } kind; // a job; none right now; no more
    long long run, point;                                 // as in the database, from 1
    size_t policy;
    uint32_t seed; // from 0
} mb_rank_job;

enum { MB_RANK_BATCH = 16 }; // jobs that one answer holds at most

// What rank 0 does for the others; called by one thread.
typedef struct mb_rank_host {
    mb_rank_job (*take)(void *context, int rank);
    // How many jobs to give at once, so that a rank is not always asking; *batch_s: what they take.
    size_t (*batch)(void *context, double *batch_s);
    // The outcome is the callee's. `inputs` is a JSON array: [kind, name, path, hash] of what the rank has
    // read.
    void (*give)(void *context, const mb_rank_job *job, mb_outcome *outcome, const struct json_t *inputs,
                 int rank);
    void (*fail)(void *context, int rank, const char *message);
    // Seconds that a rank may keep silent when there is nothing left to do.
    double (*patience_s)(void *context);
    void *context;
} mb_rank_host;

// On rank 0: answer until every rank has said goodbye, or those that have not are silent for too long;
// whether all have.
bool mb_ranks_serve(const mb_ranks *ranks, const mb_rank_host *host);
// On another rank: run jobs until there are no more.
mb_status mb_ranks_help(const mb_ranks *ranks, const mb_sweep_options *options, mb_error *error);
