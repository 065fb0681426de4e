// SPDX-License-Identifier: MIT
// The time of observation: from the first arrival, or the end of the warm-up, to the end of the run.
#pragma once
#include "sim/state.h"

void mb_window_init(mb_sim *sim);
// A request arrives now, and is not counted in sim->arrived yet: the warm-up may begin or end with it.
void mb_window_arrival(mb_sim *sim, double time_s);
void mb_window_open(mb_sim *sim);  // the warm-up is over
void mb_window_close(mb_sim *sim); // the run is over
