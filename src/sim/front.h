// SPDX-License-Identifier: MIT
// The front end: requests that were sent, and that nobody has seen yet. A short prompt may pass a long one.
// With no time spent there it does not exist.
#pragma once
#include "sim/state.h"

mb_status mb_front_init(mb_sim *sim, mb_error *error);
void mb_front_deinit(mb_sim *sim);
// When the next request is sent, or has passed; INFINITY: none is known of. *over: nothing will ever come.
mb_status mb_front_next_time(mb_sim *sim, double *time_s, bool *over, mb_error *error);
// Is what comes next a request that is sent? Then it enters the front end; else it has passed, and leaves it
// as sim->pending, with the time at which it was sent.
bool mb_front_is_sent_next(const mb_sim *sim);
mb_status mb_front_enter(mb_sim *sim, mb_error *error);
void mb_front_leave(mb_sim *sim);
