// SPDX-License-Identifier: MIT
// Roles of replicas: one that only prefills hands a request over when it has emitted its first token, and
// others go on with it.
#pragma once
#include "sim/state.h"

// A request waits to be taken elsewhere; false when out of memory.
bool mb_handoff_add(mb_sim *sim, uint32_t slot);
// Those that were handed over just now are sent on, when the policy was asked where; others had to wait for
// room, and there may be some now.
mb_status mb_handoffs_send_all(mb_sim *sim, mb_error *error);
static inline mb_status mb_handoffs_send(mb_sim *sim, mb_error *error) {
    return sim->handoffs.count ? mb_handoffs_send_all(sim, error) : MB_OK;
}
