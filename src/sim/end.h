// SPDX-License-Identifier: MIT
// Runs of steps, and batches, end.
#pragma once
#include "sim/state.h"

// What the replica's engine does is over: requests that are done have left; the policy is asked where those
// are to go that were handed over, and `stepped` is told.
mb_status mb_replica_end(mb_sim *sim, mb_replica *replica, mb_error *error);
// The two halves of it: the run ends; the replica stands idle, and who is to be told is (status: of the
// first). `stepped` is not told by them.
mb_status mb_replica_end_run(mb_sim *sim, mb_replica *replica, mb_error *error);
mb_status mb_replica_stand(mb_sim *sim, mb_replica *replica, mb_status status, mb_error *error);
// The event of a replica with stages has come: batches that leave the last one end, and it is to be asked for
// another if the first is free.
mb_status mb_replica_advance(mb_sim *sim, mb_replica *replica, mb_error *error);
