// SPDX-License-Identifier: MIT
// Run all jobs of a section of a scenario, on several threads. The results do not depend on how many.
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

// Run the jobs of `results` that were not started yet.
mb_status mb_run_more(const mb_run_options *options, mb_results *results, mb_error *error);

// Failing jobs do not fail the call: their outcome says why. Release with mb_results_deinit.
mb_status mb_run_section(mb_scenario *scenario, size_t section, const mb_run_options *options,
                         mb_results *results, mb_error *error);
