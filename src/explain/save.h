// SPDX-License-Identifier: MIT
// A stretch as a scenario and a trace that anybody can run.
#pragma once
#include "explain/find.h"

// Write `path` (NAME.lua) and NAME.csv beside it, run the two policies on what was written, and see whether
// they do the same: *same.
mb_status mb_stretch_save(const mb_duel *duel, mb_scenario *scenario, const mb_found *found, const char *path,
                          bool *same, mb_error *error);
