// SPDX-License-Identifier: MIT
// Where the time of requests went, as an engine sees it (metrics/why.h). Only where around->times is there;
// of a step nothing is done per request, but for the prompts' chunks.
#pragma once
#include "engine/state.h"

// A request that waited comes to a stepper, which has not touched it yet.
void mb_spend_take_in(const mb_stepper *stepper, uint32_t slot);
// A request that runs here leaves its stage now, whichever it is.
void mb_spend_turn(const mb_stepper *stepper, uint32_t slot);
// The same for one that is set aside.
void mb_spend_aside(const mb_stepper *stepper, uint32_t slot);
// A running request is lost with its replica; in_step: what was under way for it began at this time.
void mb_spend_lost(const mb_stepper *stepper, uint32_t slot, bool in_step, double began_s);
// What it generated so far is thrown away: the time that went into it was lost, and what comes now is its
// answer.
void mb_spend_waste(const mb_stepper *stepper, uint32_t slot);
// A step is going to be built: until now the engine stood idle.
void mb_spend_idle(mb_stepper *stepper);
// A piece of a run begins, whose decodes alone would take so many seconds.
void mb_spend_begin(mb_stepper *stepper, const mb_step_shape *shape, double alone_s);
// Its step, which had prompts in it or moved blocks, ends now.
void mb_spend_step(mb_stepper *stepper);
// A request computed its chunk in it; computed: its tokens before that.
void mb_spend_row(const mb_stepper *stepper, uint32_t slot, uint32_t computed, uint32_t chunk);
// A batch of a pipeline ends now for a request that was in it, and has not advanced yet.
void mb_spend_flight(const mb_stepper *stepper, uint32_t slot, const mb_flight *flight, bool prompt);
// A static batch ends now for a row that goes on later.
mb_status mb_spend_slice(const mb_engine *engine, uint32_t slot, mb_error *error);
// A whole batch ends now: the parts of one of its members, in *parts or where that is set to.
mb_status mb_spend_batch(const mb_engine *engine, uint32_t slot, int64_t **parts, mb_error *error);
