// SPDX-License-Identifier: MIT
// One run over time, in memory that does not grow with it: what waited and ran, how full the memory was, how
// large the batches were, the time between tokens, and which bins were served. A run of equal steps is added
// as a whole.
#pragma once
#include "series/series.h"
#include "sim/state.h"

typedef enum mb_recorded {
    MB_RECORDED_WAITING,
    MB_RECORDED_RUNNING,
    MB_RECORDED_MEMORY, // of all replicas, as a fraction of each: least and most are over these as well
    MB_RECORDED_BATCH,  // requests in a step, or a whole batch, while it lasts
    MB_RECORDED_TBT,    // s, of steps and batches in which tokens were generated, while they last
    MB_RECORDED_COUNT
} mb_recorded;

// For people, with the unit: "waiting", "", ...
typedef struct mb_recorded_name {
    const char *name, *unit, *title;
    double factor; // of the value shown
} mb_recorded_name;
extern const mb_recorded_name mb_recorded_names[MB_RECORDED_COUNT];

typedef struct mb_recording {
    mb_series series[MB_RECORDED_COUNT]; // all of one width
    double width_s, per_s, limit_s;      // of their intervals, 1 / width_s, all of them; 0: nothing was added
    double held_until_s;                 // the end of the interval, held_cell, in which the last time ended
    int held_cell;
    mb_counts bins;                    // requests that were taken from each
    uint32_t bin_count;                // of the largest set of bins that was seen; 0: none
    double *ends;                      // of each replica's last batch, s; owned
    uint32_t replicas, first_replicas; // with room there; that were there when the run began
} mb_recording;

// `replicas` are there at the beginning; others may come. NULL: out of memory.
mb_recording *mb_recording_new(uint32_t replicas);
mb_observer mb_recording_observer(mb_recording *recording);
// The run is over: all series get one width of intervals.
void mb_recording_end(mb_recording *recording);
// Intervals up to the last in which there is anything.
size_t mb_recording_used(const mb_recording *recording);
void mb_recording_free(mb_recording *recording); // NULL is allowed
