// SPDX-License-Identifier: MIT
// One job: one policy on one seed at one point of a sweep. Jobs share nothing but the description.
#pragma once
#include "base/aside.h"
#include "policy/host.h"
#include "run/results.h"
#include "scenario/step_clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

typedef struct mb_job_observer {
    // Fill `observer` for the job of `outcome`; may leave it empty. NULL: nobody watches.
    mb_status (*open)(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                      const mb_source *source, mb_observer *observer, mb_error *error);
    // `whole`: the run came to its end.
    mb_status (*close)(void *context, mb_observer *observer, bool whole, mb_error *error);
    // What the run measured, before `close`, of one that came to its end; NULL: nobody asks.
    void (*measured)(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                     const mb_metrics *metrics);
    // Put a clock of its own in the place of the experiment's latency model; NULL: the model stands.
    mb_status (*clock)(void *context, const mb_experiment *experiment, mb_latency *latency, mb_error *error);
    void *context;
} mb_job_observer;

// What a running job shows to the thread that watches it.
typedef struct mb_job_state {
    _Atomic(mb_host *) host; // of the policy, while it runs
    pthread_t thread;        // that runs it, and its clock
    clockid_t cpu_clock;
    bool in_thread;       // these two are set
    pthread_mutex_t gate; // held by whoever uses the three: the thread does not end meanwhile
    atomic_ulong arrived;
    const atomic_bool *stop; // set to end the job early
    bool walls;              // run policies behind run/walls.h
    mb_step_clock *clock;    // of latency.custom, made by the first job that needs it; mb_step_clock_close it
    mb_call_mark call;       // into the scenario's script; `left` also where a hook of the policy was
    atomic_bool give_up;     // mb_job_interrupt leaves the call in which it finds the thread behind
} mb_job_state;

// For the handler of the signal sent to `thread`: make the hook that it runs end (mb_host_interrupt).
void mb_job_interrupt(void);
// This thread is the one that works for the state.
void mb_job_enter_thread(mb_job_state *state);
// Run it; the outcome holds the values, or the error.
void mb_job_run(const mb_experiment *experiment, const mb_job_observer *watcher, mb_job_state *state,
                mb_outcome *outcome);
