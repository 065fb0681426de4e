// SPDX-License-Identifier: MIT
// What is summed over time.
#pragma once
#include "sim/state.h"

// Time integrals up to now. To be called before anything changes that they sum: then they do not depend on
// the instants at which the clock stopped and nothing happened.
void mb_sim_integrate(mb_sim *sim);
