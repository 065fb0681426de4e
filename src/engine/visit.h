// SPDX-License-Identifier: MIT
// The decodes of a stepper, request by request.
#pragma once
#include "engine/state.h"

typedef struct mb_visit {
    uint64_t decodes, context, due;
} mb_visit;
mb_visit mb_visit_decodes(const mb_stepper *stepper);
// The same without this one, which is to leave.
void mb_visit_without(const mb_stepper *stepper, uint32_t slot, mb_visit *visit);
// One step of every decode. Returns whether one has emitted its last token.
bool mb_visit_step(mb_stepper *stepper);
// Take the blocks of the next step.
void mb_visit_take(mb_stepper *stepper);
