// SPDX-License-Identifier: MIT
// Where requests wait: queues and bins.
#pragma once
#include "sim/state.h"

// A new queue; its index, or MB_NONE when out of memory.
uint32_t mb_sim_add_queue(mb_sim *sim, mb_key order);
// New bins; takes a copy of `count - 1` ascending edges. Index of the bins, or MB_NONE when out of memory.
uint32_t mb_sim_add_bins(mb_sim *sim, mb_key key, uint32_t count, const double *edges);
// Other edges, `count - 1` of them; the waiting are filed again, in order of arrival within each bin. For
// MB_KEY_GIVEN their keys are set. False when out of memory: then nothing has changed.
bool mb_sim_set_edges(mb_sim *sim, uint32_t bins, const double *edges, uint32_t count);
// A queue of the replica's own: what is pushed there concerns no other replica. MB_NONE when out of memory.
uint32_t mb_replica_own_queue(mb_sim *sim, mb_replica *replica);
// The same, in an order, of a replica that has none yet.
uint32_t mb_replica_make_queue(mb_sim *sim, mb_replica *replica, mb_key order);
// Push to a queue; wakes idle replicas unless called within `schedule`. For MB_KEY_GIVEN the request's key is
// set.
void mb_sim_push(mb_sim *sim, uint32_t queue, uint32_t slot, bool front);
// Into one of the bins. For MB_KEY_GIVEN the request's key is set.
void mb_sim_push_bins(mb_sim *sim, uint32_t bins, uint32_t slot);
// The same with the key that the policy gives, where the queue's order asks it.
mb_status mb_sim_file(mb_sim *sim, uint32_t queue, uint32_t slot, mb_error *error);
mb_status mb_sim_push_to_inbox(mb_sim *sim, uint32_t slot, mb_error *error);
// Back to a queue, ordered by its key as it is now; replicas may react.
mb_status mb_sim_file_again(mb_sim *sim, uint32_t queue, uint32_t slot, bool front, mb_error *error);
