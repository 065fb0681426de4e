// SPDX-License-Identifier: MIT
// What is to be measured, and what was.
#pragma once
#include "probe/session.h"

#include <stdatomic.h>
#include <stdio.h>

typedef enum mb_probe_grid {
    MB_PROBE_STEPS,   // a step log for latency.step: tokens,context,requests,time_s,...
    MB_PROBE_PROFILE, // a folder for latency.profile: dense.csv, per_sequence.csv, attention.csv
    MB_PROBE_BATCHES, // batch_size,max_seq_len,mean_latency_sec,std_latency_sec,num_trials, for latency.batch
} mb_probe_grid;

typedef struct mb_probe_task {
    const mb_probe_backend *backend;
    mb_probe_subject subject;
    const char *name;      // of the model, in the file
    const char *precision; // NULL: the backend's usual one
    mb_probe_grid grid;
    const uint32_t *batches; // requests at once, ascending
    size_t batch_count;
    const uint32_t *lengths; // tokens of a request, ascending
    size_t length_count;
    uint32_t trials; // of each cell, after one that does not count
    double budget_s; // the run ends after the cell in which this is used up; INFINITY: never
    uint64_t seed;
    const char *path;
    const atomic_bool *stop; // set by a signal handler
    FILE *progress;          // NULL: quiet
} mb_probe_task;

typedef struct mb_probe_summary {
    size_t cells, measured, known, skipped; // known: in the file before; skipped: too large for the device
    bool complete;
    double seconds;
    char device[256], note[256]; // note: of the device (mb_probe_backend.note), or ""
} mb_probe_summary;
