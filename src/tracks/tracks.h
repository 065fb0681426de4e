// SPDX-License-Identifier: MIT
// What happened in one run, as a process of a trace: a track for each replica with its steps, counters of the
// queue and of memory, decisions, and the life of each request. Runs of equal steps are one slice each, with
// --step as well.
#pragma once
#include "tracks/lives.h"

typedef struct mb_tracks_options {
    const char *name; // of the process
    uint32_t process; // from 1
    uint32_t replicas;
    bool unlimited;      // memory; no counters of it then
    double from_s, to_s; // the window
    uint64_t most;       // events
} mb_tracks_options;

typedef struct mb_tracks mb_tracks;

// Its events go to the file, each after a comma. NULL: out of memory.
mb_tracks *mb_tracks_new(const mb_tracks_options *options, FILE *file);
mb_observer mb_tracks_observer(mb_tracks *tracks);
// Write what is left and free it. `cut_s`: where its window was ended because enough was written; NAN.
mb_status mb_tracks_end(mb_tracks *tracks, double *cut_s, mb_error *error);
