// SPDX-License-Identifier: MIT
// Who is asked for a step, and when engines look up from a run.
#pragma once
#include "sim/state.h"

// Everything else has happened at this instant: now replicas plan.
mb_status mb_dispatch(mb_sim *sim, mb_error *error);
