// SPDX-License-Identifier: MIT
// mbsand run --live: the same policies on the same requests, with steps that a device runs and times instead
// of a model.
#pragma once
#include "run/experiment.h"

typedef struct mb_live_question {
    const char *backend;
    const char *model_file; // of an engine, or NULL
    const atomic_bool *stop;
} mb_live_question;

// Run the section's only point again on the backend's device and print the two beside each other. With one
// replica in the time of the wall: idle time is waited out, what comes while a step runs is seen after it,
// and the policy's own time counts. Several replicas take turns on the device: only the time of their steps
// counts.
mb_status mb_live_compare(mb_scenario *scenario, const mb_results *simulated,
                          const mb_live_question *question, mb_error *error);
