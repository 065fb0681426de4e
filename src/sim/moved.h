// SPDX-License-Identifier: MIT
// KV memory that was moved arrives.
#pragma once
#include "sim/state.h"

// Events whose time has come: requests arrive, in the order in which they were sent.
mb_status mb_transfers_arrive(mb_sim *sim, mb_error *error);
