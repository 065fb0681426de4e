// SPDX-License-Identifier: MIT
// Requests that an engine does not go on with: others are to.
#pragma once
#include "engine/state.h"

// By admission, in which they usually are.
void mb_put_in_order(const mb_request_store *requests, uint32_t *slots, uint32_t count);
// One that runs here leaves, between two steps or out of the one that is built, to wait in no queue with its
// memory kept.
mb_status mb_hand_out(mb_engine *engine, uint32_t slot, mb_stage stage, mb_error *error);
// The same, after the step that ended, of those that emitted their first token: in order of admission, to
// wait in no queue with their memory kept: somebody is to take it elsewhere.
mb_status mb_hand_over(mb_engine *engine, mb_error *error);
