// SPDX-License-Identifier: MIT
// The function of latency.custom.
#pragma once
#include "base/aside.h"
#include "scenario/scenario.h"

// In a Lua state of its own: a scenario's state serves one thread.
typedef struct mb_step_clock mb_step_clock;
// Runs the scenario's text again, once for a thread: its jobs take turns.
mb_status mb_step_clock_open(const mb_scenario *scenario, mb_step_clock **clock, mb_error *error);
// Makes `latency` call the function of this experiment of the scenario; `latency` must not outlive the clock.
// `mark` is set while the function runs.
void mb_step_clock_use(mb_step_clock *clock, const mb_experiment *experiment, const atomic_bool *stop,
                       mb_call_mark *mark, mb_latency *latency);
void mb_step_clock_close(mb_step_clock *clock);
