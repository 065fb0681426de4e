// SPDX-License-Identifier: MIT
// Building a step: who is in it, with how many tokens, in which memory. Of engines with a stepper.
#pragma once
#include "engine/state.h"

void mb_build_begin(mb_stepper *stepper);
// Is the request in the step that is being built?
bool mb_build_holds(const mb_stepper *stepper, uint32_t slot);
// One request, that waits or runs here. `wanted`: 0, or the chunk.
mb_refusal mb_build_add(mb_engine *engine, uint32_t slot, uint32_t wanted);
// Tokens that the step may still compute.
uint64_t mb_build_budget_left(const mb_engine *engine);
// What runs goes on (carry.c).
mb_status mb_build_carry(mb_engine *engine, mb_carry_rule rule, uint32_t *preempted, mb_error *error);
mb_status mb_build_preempt(mb_engine *engine, uint32_t slot, mb_preemption how, uint32_t queue, bool front,
                           mb_refusal *refusal, mb_error *error);
// Take a running request out of the step and out of the engine's lists; its progress is in the request.
void mb_build_withdraw(mb_stepper *stepper, uint32_t slot);
// One that runs here leaves, to wait in no queue: it is going to be turned away.
mb_status mb_build_cancel(mb_engine *engine, uint32_t slot, mb_error *error);
// One that runs here leaves the step and the engine, to wait in a queue (MB_NONE: that which it came from,
// MB_NO_QUEUE); counted as a preemption.
mb_status mb_build_set_aside(mb_engine *engine, uint32_t slot, mb_preemption how, uint32_t queue, bool front,
                             mb_refusal *refusal, mb_error *error);
mb_status mb_build_barrier(mb_engine *engine, uint32_t most, uint32_t *returned, mb_error *error);
