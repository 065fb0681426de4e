// SPDX-License-Identifier: MIT
// The discrete-event core: one run of one policy on one stream of requests.
#pragma once
#include "sim/clients.h"
#include "sim/leave.h"
#include "sim/state.h"
#include "sim/step.h"
#include "sim/waiting.h"

// The source and everything in `config` must outlive the simulation. Release with mb_sim_deinit, also after a
// failure.
mb_status mb_sim_init(mb_sim *sim, const mb_sim_config *config, mb_source *source, mb_policy policy,
                      const mb_observer *observer, mb_error *error);
// Run to the end: no arrivals, nothing running, no timers; then the policy's hook `done`. sim->metrics is
// filled, also (up to there) after a failure.
mb_status mb_sim_run(mb_sim *sim, mb_error *error);
void mb_sim_deinit(mb_sim *sim);
