// SPDX-License-Identifier: MIT
// What the two ways of mbsand verify --engine share: the files of a run, and what its steps take by the
// tables.
#pragma once
#include "base/strbuf.h"
#include "model/profile.h"
#include "scenario/scenario.h"

enum {
    MB_VERIFY_SEED = 42,
    MB_VERIFY_POLICIES = 8,
    MB_VERIFY_PROMPT = 96, // at most
    MB_VERIFY_OUTPUT = 64,
    MB_VERIFY_REQUESTS = 16, // at once
    MB_VERIFY_STEP_TOKENS = 128,
    MB_VERIFY_CELLS = (MB_VERIFY_PROMPT + MB_VERIFY_OUTPUT) * MB_VERIFY_REQUESTS
};

typedef struct mb_verify_options {
    const char *engine, *model_file, *output;
    const char *policies[MB_VERIFY_POLICIES];
    size_t policy_count;
    uint32_t repeats;
    double seconds;     // of a live run
    const char *server; // the program llama-server; NULL: the policies drive llama.cpp
    uint32_t slots;     // of that; 0: not given
    bool processor;     // the clock is that of the processor
    bool help;
} mb_verify_options;

typedef struct mb_verify_check {
    const mb_verify_options *o;
    char *folder;
    mb_strbuf model, steps, tables, rest, again, script, log; // paths
    mb_profile *profile;
    double rate;
    uint32_t requests;
} mb_verify_check;

// The scenario of a run: how many requests, and its own words for what follows "latency = latency." and
// "policies = ", and for more keys of the cluster.
typedef struct mb_verify_script {
    const char *path;
    uint32_t requests;
    const char *latency, *cluster, *policies;
} mb_verify_script;

mb_status mb_verify_write(const mb_verify_check *check, const mb_verify_script *script, mb_error *error);
// What the tables say of decodes and, unless `chunk` is 0, a chunk of a prompt.
double mb_verify_seconds(const mb_verify_check *check, double decodes, double context, double chunk,
                         double prefix);
// Set the rate, and how many requests, so that the load is a part of what batches of so many decodes can do
// if each step takes so much longer than the tables say; and print them.
void mb_verify_load(mb_verify_check *check, uint32_t batch, double more_s);
