// SPDX-License-Identifier: MIT
// Queues whose order changes as time goes by. By a rate, all keys fall alike and the order stays: it is a key
// of its own. By the ratio of the time since arrival to the key (highest response ratio first, Brinch Hansen
// 1971) one overtakes the other at a time that can be computed: each node of the tree knows the first of its
// subtree and until when it is that (a kinetic tournament, Basch, Guibas & Hershberger 1999), so that nobody
// looks at all of them again. The tree itself is in order as of `ordered_s`.
#pragma once
#include "queue/request.h"

typedef enum mb_ageing {
    MB_AGEING_NONE,
    MB_AGEING_RATE,  // key - rate * time since arrival, smallest first
    MB_AGEING_RATIO, // time since arrival / key, largest first; keys are above 0
} mb_ageing;

// Before b at that time, by the ratio? Of equals the one that came first.
bool mb_ageing_before(const mb_request *a, const mb_request *b, double now_s);
// `slot` of a tree whose children know their first, as of now: let it know, too.
void mb_ageing_refresh(const mb_request_store *store, uint32_t slot, double now_s);
// The same for it and all below it that time has passed by.
void mb_ageing_advance(const mb_request_store *store, uint32_t slot, double now_s);
