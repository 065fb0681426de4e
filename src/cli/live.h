// SPDX-License-Identifier: MIT
// mbsand run --live: the same policies on the same requests, with steps that a device runs and times instead
// of a model.
#pragma once
#include "cli/live_clock.h"
#include "run/experiment.h"

typedef struct mb_live_question {
    const char *backend;
    const char *model_file; // of an engine, or NULL
    bool processor;         // of an engine: the clock is that of the processor, not of the wall
    const atomic_bool *stop;
} mb_live_question;

// A device, opened for the only point of a section.
typedef struct mb_live {
    mb_probe_session *session;
    uint32_t budget; // tokens of a step
    mb_live_clock clock;
    mb_live_sums *sums; // [policies] of the last run
    size_t policies;
    const atomic_bool *stop;
} mb_live;

// Close it whatever is returned.
mb_status mb_live_open(mb_live *live, const mb_section *section, const mb_live_question *question,
                       mb_error *error);
void mb_live_close(mb_live *live);
// Run the section again on the device, one job after the other. With one replica in the time of the wall:
// idle time is waited out, what comes while a step runs is seen after it, and the policy's own time counts.
// Several replicas take turns on the device: only the time of their steps counts. Fails where a run did, with
// the results of the others in `real`.
mb_status mb_live_run(mb_live *live, mb_scenario *scenario, size_t section, mb_results *real,
                      mb_error *error);

// The same for what was simulated, and print the two beside each other.
mb_status mb_live_compare(mb_scenario *scenario, const mb_results *simulated,
                          const mb_live_question *question, mb_error *error);
