// SPDX-License-Identifier: MIT
// Several observers as one.
#pragma once
#include "sim/state.h"

enum { MB_TEE_MOST = 3 };

typedef struct mb_tee {
    mb_observer all[MB_TEE_MOST];
    size_t count;
} mb_tee;

// One that shows each event to all in their order, with `self` = the tee; a hook that none of them has is
// NULL. The first failure ends it.
mb_observer mb_tee_observer(mb_tee *tee);
