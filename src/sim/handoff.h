// SPDX-License-Identifier: MIT
// Roles of replicas: one that only prefills hands a request over when it has emitted its first token, and
// others go on with it.
#pragma once
#include "sim/state.h"

// A request waits to be taken elsewhere; false when out of memory.
bool mb_handoff_add(mb_sim *sim, uint32_t slot);
// The step of a replica has ended: where are those to go that it handed over?
mb_status mb_handoffs_ask(mb_sim *sim, mb_replica *replica, mb_error *error);
// There may be room now for those that had to wait for it.
mb_status mb_handoffs_send_all(mb_sim *sim, mb_error *error);
static inline mb_status mb_handoffs_send(mb_sim *sim, mb_error *error) {
    return sim->handoffs.count ? mb_handoffs_send_all(sim, error) : MB_OK;
}
