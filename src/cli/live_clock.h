// SPDX-License-Identifier: MIT
// The clock of a live run: each step is run by a device, or by an engine that keeps every request as a
// sequence.
#pragma once
#include "cli/live_rest.h"
#include "probe/session.h"
#include "run/job.h"

// A request's tokens in the engine.
typedef struct mb_live_sequence {
    uint64_t id;   // of the request
    uint32_t slot; // of the request
    uint32_t held; // tokens
    bool used;
} mb_live_sequence;

// What live runs did, and where their time went.
typedef struct mb_live_sums {
    uint64_t steps, tokens, sequences;
    double device_s, host_s, idle_s; // host: from when a step could begin to when it did
    double law_s;                    // what the scenario's model says of the same steps
    double miss_s;                   // by how much that is beside each step, either way
    double lost_s;                   // of the device's, in which something else had the processor
} mb_live_sums;

void mb_live_sums_add(mb_live_sums *sums, const mb_live_sums *more);
// By what share steps, with the host's time, took longer than the scenario's model says of them.
double mb_live_excess(const mb_live_sums *sums);
// By what share the model is beside a step in the mean, of the time of all.
double mb_live_miss(const mb_live_sums *sums);
// A sentence on standard output where others had the processor for long.
void mb_live_warn_busy(const mb_live_sums *sums);

// What the time of the simulation is.
typedef enum mb_live_time {
    MB_LIVE_WALL,      // that of the wall: one replica, whose device is its own
    MB_LIVE_PROCESSOR, // that in which this thread had the processor: steps, and the host's work between
                       // them; idle time is not waited for. For machines that others use as well
    MB_LIVE_STEPS,     // that of the steps alone: replicas that take turns on a device
} mb_live_time;

typedef struct mb_live_clock {
    mb_probe_session *session;
    bool engine; // keeps sequences
    mb_live_time time;
    const atomic_bool *stop;
    uint32_t most; // rows, and sequences of an engine
    mb_probe_row *rows;
    uint32_t *tokens, *contexts;
    mb_live_sequence *sequences; // of an engine
    uint32_t *sequence_of;       // [slots] of a request; MB_NONE
    uint32_t slots;
    // --- the run that is on
    const mb_sim *sim;
    const mb_latency *law;      // of the scenario
    double origin_s;            // on the wall when the simulation's time was 0
    double begun_s, last_end_s; // the instant of the last step, of the simulation; when the device ended it
    mb_live_sums *sums;         // of its policy
    mb_live_rest *rest;         // of all runs; NULL: nobody asks. Not owned
} mb_live_clock;

// Room for steps of so many rows; the session is the caller's.
mb_status mb_live_clock_init(mb_live_clock *clock, mb_probe_session *session, bool engine, uint32_t most,
                             mb_error *error);
void mb_live_clock_deinit(mb_live_clock *clock);
// A run begins: nothing of another is kept. Fills what watches it.
mb_status mb_live_clock_begin(mb_live_clock *clock, mb_live_sums *sums, mb_observer *observer,
                              mb_error *error);
// An mb_step_function, `self` the clock.
mb_status mb_live_clock_step(void *self, const mb_step_shape *shape, double *seconds, mb_error *error);
