// SPDX-License-Identifier: MIT
// What the engines of a simulation stand in.
#pragma once
#include "sim/state.h"

void mb_sim_surround(mb_sim *sim);
