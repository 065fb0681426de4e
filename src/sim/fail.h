// SPDX-License-Identifier: MIT
// A replica fails, within a step or between two.
#pragma once
#include "sim/state.h"

// Now, or where its step ends at this instant and has not yet, when all have; up again in repair_s (INFINITY:
// never). It must be up or draining, and no step of it be filled, no request be leaving it. What ran or was
// paused on it waits again, in front of the queue that it came from; one that drained is off.
mb_status mb_replica_fail(mb_sim *sim, mb_replica *replica, double repair_s, mb_error *error);
// How often it happened to a request in the system.
uint32_t mb_request_failures(const mb_sim *sim, const mb_request *request);
// One leaves.
static inline void mb_failures_forget(mb_sim *sim, const mb_request *request) {
    if (sim->failed.count && mb_kv_table_find(&sim->failed, request->id) != MB_KV_ABSENT)
        mb_kv_table_remove(&sim->failed, request->id);
}
