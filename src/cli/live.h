// SPDX-License-Identifier: MIT
// mbsand run --live: the same policies on the same requests, with steps that a device runs and times instead
// of a model.
#pragma once
#include "run/experiment.h"

// Run the section's only point again on the backend's device and print the two beside each other. Arrivals
// keep their times and idle time is not waited for; what a step takes is what the device took, and the
// policy's own time is not in it.
mb_status mb_live_compare(mb_scenario *scenario, const mb_results *simulated, const char *backend,
                          const atomic_bool *stop, mb_error *error);
