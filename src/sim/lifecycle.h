// SPDX-License-Identifier: MIT
// Replicas that come and go: drained, removed; up after their start or a repair. What they do that way is
// told to the hook `signal`. Those that step together do it together, whichever of them is asked to.
#pragma once
#include "sim/notice.h"
#include "sim/replica.h"

const char *mb_replica_state_name(mb_replica_state state);
// Of those that there are one could serve, if not now.
uint32_t mb_replicas_to_come(const mb_sim *sim);
// Neither runs a request on it, nor does it hold the memory of one.
bool mb_replica_is_empty(const mb_replica *replica);

// It takes nothing new from now on, and is off when the last has left; what waits in its own queue goes to
// this one. It must be up, starting or down.
mb_status mb_replica_drain(mb_sim *sim, mb_replica *replica, uint32_t to, mb_error *error);
// The opposite, while it drains.
bool mb_replica_undrain(mb_sim *sim, mb_replica *replica);
// Off at once; it must be empty, and so its own queue.
bool mb_replica_remove(mb_sim *sim, mb_replica *replica);

// --- for those who change states
// It can serve nothing any more, whatever it was; it must not be busy. It is counted no more, if it was.
void mb_replica_withdraw(mb_sim *sim, mb_replica *replica, mb_replica_state state);
// Up at this time; now, if that is now. False when out of memory.
bool mb_replica_rise_at(mb_sim *sim, mb_replica *replica, double time_s);
// Tell of it; the list of requests may be NULL. False when out of memory.
bool mb_replica_tell(mb_sim *sim, const mb_replica *replica, mb_signal kind, const uint32_t *requests,
                     size_t count);
// It is off; what waits in its own queue goes where that is to go when it drains.
mb_status mb_replica_go_off(mb_sim *sim, mb_replica *replica, mb_error *error);

// --- the clock
// Is this event of MB_EVENT_CHANGE one that counts?
static inline bool mb_replica_rises(const mb_replica *replica, double time_s) {
    return replica->up_s == time_s && (replica->state == MB_STARTING || replica->state == MB_DOWN);
}
// It is up. False when out of memory.
bool mb_replica_rise(mb_sim *sim, mb_replica *replica);

// After each hook: those that drain and hold nothing any more are off; then what happened is told.
mb_status mb_sim_follow_up_all(mb_sim *sim, mb_error *error);
static inline mb_status mb_sim_follow_up(mb_sim *sim, mb_error *error) {
    return sim->notices.count || sim->lifecycle.draining ? mb_sim_follow_up_all(sim, error) : MB_OK;
}

// --- what was there
// The presence of all up to now is in lifecycle.present.
void mb_presence_add_up(mb_sim *sim);
// It begins now: the time of observation.
void mb_presence_restart(mb_sim *sim);
void mb_presence_close(mb_sim *sim);
