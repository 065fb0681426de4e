// SPDX-License-Identifier: MIT
// Requests that an engine does not go on with after their first token.
#pragma once
#include "engine/state.h"

// Those of the step that ended leave, in order of admission, to wait in no queue with their memory kept:
// somebody is to take it elsewhere.
mb_status mb_hand_over(mb_engine *engine, mb_error *error);
