// SPDX-License-Identifier: MIT
// One CSV row per request, batch, member of a batch, preemption or decision of a run, written while it goes.
//
//   requests-POLICY-SEED.csv
//   id,client,arrival_s,prompt_tokens,output_tokens,predicted_output,replica,start_s,
//                              first_token_s,end_s,batch,preemptions,why
//                              and, with `why`, where its time went: waiting_s,prefill_s,decode_s,stalled_s,
//                              again_s,moved_s,aside_s,padding_s; with `by = "class"` also class
//   batches-POLICY-SEED.csv batch,replica,start_s,end_s,tbt_s,requests,longest_tokens,useful_tokens,padding,
//                              kv_reserved
//   members-POLICY-SEED.csv  batch,request,prompt_tokens,output_tokens
//   preemptions-POLICY-SEED.csv  time_s,replica,request,how,computed_tokens,lost_tokens
//   decisions-POLICY-SEED.csv  time_s,replica,name,value
//
// Replicas, batches and seeds count from 1; a time that there was none of is an empty field; times have all
// digits. The points of a sweep have "pointN-" in front, N from 1. A dump belongs to one run and one thread.
#pragma once
#include "sim/sim.h"

enum {
    MB_DUMP_REQUESTS = 1,
    MB_DUMP_BATCHES = 2,
    MB_DUMP_MEMBERS = 4,
    MB_DUMP_PREEMPTIONS = 8,
    MB_DUMP_DECISIONS = 16
};

typedef struct mb_dump_options {
    bool why;           // where the time of requests went as well, in the requests' file
    unsigned what;      // MB_DUMP_* or-ed
    const char *dir;    // exists (mb_output_dir)
    const char *policy; // its label
    uint32_t seed;      // from 1
    size_t point;       // from 1 in a sweep; 0: nothing is swept
    const char *(*client_name)(void *self, uint32_t client); // NULL: the client's index
    const mb_workload *classes; // whose name each request's row ends with; NULL: none
    void *client_self;
} mb_dump_options;

typedef struct mb_dump mb_dump;

// Opens the files; NULL in *dump and MB_FAILED with a sentence when one cannot be written.
mb_status mb_dump_open(const mb_dump_options *options, mb_dump **dump, mb_error *error);
// Hooks with `self` = the dump; those that nobody asked for are NULL, and so is `progress`.
mb_observer mb_dump_observer(mb_dump *dump);
// Write what is left; the files of a run that came to its end get their names, those of another stay under
// NAME.part. Frees the dump in any case. NULL is allowed.
mb_status mb_dump_close(mb_dump *dump, bool whole, mb_error *error);

// Words of a list with commas: the bits; "batches" stands for their members too. MB_BAD_INPUT for another
// word.
mb_status mb_dump_parse(const char *list, unsigned *what, mb_error *error);
