// SPDX-License-Identifier: MIT
// Live migration (Sun et al., OSDI 2024): the memory of a request that decodes is copied in stages, each what
// was computed during the one before, while it goes on; for the last it stands still.
#pragma once
#include "sim/state.h"

// A running decode goes to replica `to` in at most so many stages, of which the last has at most `last`
// blocks unless it is the only one left. *refused: NULL, or why nothing was done.
mb_status mb_migrate(mb_sim *sim, uint32_t slot, uint32_t to, uint32_t stages, uint32_t last,
                     const char **refused, mb_error *error);
// A stage has arrived.
mb_status mb_migrate_on(mb_sim *sim, uint32_t index, mb_error *error);
// A replica stands between two steps: those leave that are to, if there are transfers.
mb_status mb_migrations_leave(mb_sim *sim, const mb_replica *replica, mb_error *error);
// It comes to nothing: the policy is told why ("done", "preempted", "memory", "down"). Does nothing where the
// request is not being moved while it runs. leaves: the system, now.
mb_status mb_migration_fails(mb_sim *sim, uint32_t slot, const char *why, bool leaves, mb_error *error);
// The same for all from or to a replica that fails.
mb_status mb_migrations_lose(mb_sim *sim, uint32_t failed, mb_error *error);
