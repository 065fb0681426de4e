// SPDX-License-Identifier: MIT
// What became of each request of a run, and (where somebody asks) where and when it was worked on.
#pragma once
#include "sim/sim.h"

// Of one request.
typedef struct mb_service {
    double start_s, first_token_s, end_s; // NAN where there was none
    uint32_t output_tokens, replica;      // the last that it ran on
    uint32_t preemptions;
    int64_t spent_ns[MB_PARTS]; // where its time went; all 0 without parts
    bool seen, served;          // it left (or the run ended); it was served to its end
    bool rejected;
} mb_service;

// It was among those that a step (or a run of equal steps, or a batch) worked on.
typedef struct mb_work {
    size_t request;
    double from_s, to_s;
    uint32_t replica, batch; // which of the run's batches or runs
    bool prompt;             // a chunk of its prompt was computed; else it decoded
    bool whole_batch;        // served from its prompt to its end, at one go
} mb_work;

// It was set aside: all runs of steps have boundaries there.
typedef struct mb_put_off {
    size_t request;
    double time_s;
    uint32_t replica;
    const char *how; // as in mb_preempted
} mb_put_off;

// A replica was asked, and a request that waited stayed where it was: it was refused, or (request SIZE_MAX)
// the replica took others and `stop` ended that.
typedef struct mb_turned {
    size_t request;
    double time_s;
    uint32_t replica;
    mb_refusal why;
    mb_stop stop;
} mb_turned;

typedef struct mb_record {
    mb_service *services; // by id; owned
    size_t count;
    bool wants_parts;
    mb_work *parts; // in order of their ends; owned
    size_t part_count, part_capacity;
    mb_put_off *put_off; // owned
    size_t put_off_count, put_off_capacity;
    mb_taken *taken;   // by id: how it was taken last; owned. NULL without parts
    mb_turned *turned; // in order of time; owned
    size_t turned_count, turned_capacity;
    bool failed;           // out of memory
    mb_batch_record batch; // shown last
} mb_record;

mb_status mb_record_init(mb_record *record, size_t requests, bool wants_parts, mb_error *error);
void mb_record_deinit(mb_record *record);
mb_observer mb_record_observer(mb_record *record);
