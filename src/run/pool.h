// SPDX-License-Identifier: MIT
// Threads that run jobs, one after the other, and a watchdog that ends hooks which take too long.
#pragma once
#include "run/job.h"

typedef struct mb_run_options {
    unsigned threads;        // 0: as many as there are processors
    const atomic_bool *stop; // set (by a signal handler) to end early; what is finished is kept
    bool walls; // policies run behind run/walls.h; not together with an observer's own clock, which needs a
                // device
    mb_job_observer observer;
    // Called by the calling thread some ten times a second; NULL: nobody looks.
    void (*progress)(void *context, size_t jobs_done, size_t jobs, uint64_t arrived, double elapsed_s);
    void *progress_context;
} mb_run_options;

typedef struct mb_job {
    const mb_experiment *experiment;
    mb_outcome *outcome; // says which policy and seed, and takes the values
} mb_job;

// Where jobs come from, and where outcomes go. Called by several threads at once: worker number 0 and up,
// each by its own.
typedef struct mb_job_feed {
    // The next job; false: there is none. What a worker keeps for a scenario (state->clock) is the feed's to
    // close where a job is of another scenario than its last.
    bool (*next)(void *context, unsigned worker, mb_job_state *state, mb_job *job);
    void (*done)(void *context, unsigned worker, const mb_job *job); // NULL: nobody asks
    size_t before, total;           // jobs done already, and all jobs, for the progress hook
    const atomic_size_t *elsewhere; // jobs that other processes have done since, for the same; NULL: none
    void *context;
} mb_job_feed;

// options->threads, or as many as there are processors.
unsigned mb_pool_threads(const mb_run_options *options);
// Run jobs on `count` threads until there are no more, or *options->stop.
mb_status mb_pool_run(const mb_run_options *options, const mb_job_feed *feed, unsigned count,
                      mb_error *error);
