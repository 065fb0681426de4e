// SPDX-License-Identifier: MIT
// Requests leave the system: served, or rejected.
#pragma once
#include "sim/state.h"

// It was served, and has left its engine.
mb_status mb_sim_serve(mb_sim *sim, uint32_t slot, const mb_served *served, mb_error *error);
// The request leaves the system unserved. It must be waiting.
mb_status mb_sim_reject(mb_sim *sim, uint32_t slot, const char *reason, mb_error *error);
