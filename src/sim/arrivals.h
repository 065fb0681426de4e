// SPDX-License-Identifier: MIT
// Requests arrive.
#pragma once
#include "sim/state.h"

// The pending arrival is in the system, as request `id`.
mb_status mb_sim_arrive(mb_sim *sim, uint64_t id, mb_error *error);
