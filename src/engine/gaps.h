// SPDX-License-Identifier: MIT
// The largest gap between tokens of each request (slo.gap), without a look at each step: of the decodes,
// which advance together, a stack of the largest gaps so far; of who joins them, the first gap. Only where
// around->gaps is set.
#pragma once
#include "engine/state.h"

// A request has joined the decodes, after it emitted its last token. False when out of memory.
bool mb_gaps_join(mb_stepper *stepper, uint32_t slot);
// It leaves them: its largest gap is written into it.
void mb_gaps_part(mb_stepper *stepper, uint32_t slot);
// A piece of a run with decodes is over, whose first and last step ended then.
void mb_gaps_piece(mb_stepper *stepper, double first_s, double last_s);
// The largest gap so far of a request that runs here.
double mb_gaps_so_far(const mb_stepper *stepper, const mb_request *request);
