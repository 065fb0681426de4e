// SPDX-License-Identifier: MIT
// The next arrival, which is not in the system yet.
#pragma once
#include "sim/state.h"

mb_status mb_sim_fetch_arrival(mb_sim *sim, mb_error *error);
