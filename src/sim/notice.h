// SPDX-License-Identifier: MIT
// What the policy's hook `signal` is told. What happens while another hook runs, or within the core's own
// work, is told when that is over, so that no hook runs within another; in the order in which it happened, at
// the same instant.
#pragma once
#include "sim/state.h"

// The word for it in scripts.
extern const char *const mb_signal_names[MB_SIGNAL_COUNT];
// A notice with nothing but its kind.
mb_notice mb_notice_of(mb_signal kind);
// Does the policy want to be told of such?
static inline bool mb_notice_wanted(const mb_sim *sim, mb_signal kind) {
    return sim->policy.ops->signal && !(sim->policy.ops->untold >> kind & 1);
}
// To be told. Its requests are copied; those that leave before it is told are left out, and one about a
// request that left is not told. Does nothing where the policy does not want it. False when out of memory.
bool mb_notify(mb_sim *sim, const mb_notice *notice);
mb_status mb_notices_tell_all(mb_sim *sim, mb_error *error);
// Tell what is to be told; nothing may be under way.
static inline mb_status mb_notices_tell(mb_sim *sim, mb_error *error) {
    return sim->notices.count ? mb_notices_tell_all(sim, error) : MB_OK;
}
void mb_notices_deinit(mb_sim *sim);
