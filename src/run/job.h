// SPDX-License-Identifier: MIT
// One job: one policy on one seed at one point of a sweep. Jobs share nothing but the description.
#pragma once
#include "run/results.h"
#include "script/host.h"

#include <stdatomic.h>

typedef struct mb_job_observer {
    // Fill `observer` for the job of `outcome`; may leave it empty. NULL: nobody watches.
    mb_status (*open)(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                      const mb_source *source, mb_observer *observer, mb_error *error);
    mb_status (*close)(void *context, mb_observer *observer, mb_error *error);
    // Put a clock of its own in the place of the experiment's latency model; NULL: the model stands.
    mb_status (*clock)(void *context, const mb_experiment *experiment, mb_latency *latency, mb_error *error);
    void *context;
} mb_job_observer;

// What a running job shows to the thread that watches it.
typedef struct mb_job_state {
    _Atomic(mb_host *) host; // of the policy, while it runs
    atomic_ulong arrived;
    const atomic_bool *stop; // set to end the job early
} mb_job_state;

// Run it; the outcome holds the values, or the error.
void mb_job_run(const mb_experiment *experiment, const mb_job_observer *watcher, mb_job_state *state,
                mb_outcome *outcome);
