// SPDX-License-Identifier: MIT
// Who is asked for a step, and when engines look up from a run.
#pragma once
#include "sim/state.h"

// Everything else has happened at this instant: now replicas plan.
mb_status mb_dispatch(mb_sim *sim, mb_error *error);
// The only event of this instant is that of an engine that makes steps, and no request arrives. Its run ends,
// or goes on; *over: this was all, and it has planned.
mb_status mb_dispatch_alone(mb_sim *sim, mb_replica *replica, bool *over, mb_error *error);
