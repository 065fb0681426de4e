// SPDX-License-Identifier: MIT
// Latency of programs: of a session, from the arrival of its first request to when the last is done. Only
// where config->programs is set.
#pragma once
#include "sim/state.h"

void mb_programs_deinit(mb_sim *sim);
// False when out of memory.
bool mb_programs_arrive(mb_sim *sim, const mb_request *request);
// A request of it has left.
void mb_programs_leave(mb_sim *sim, const mb_request *request, bool rejected);
// Nothing more comes of this program.
void mb_programs_over(mb_sim *sim, uint64_t program);
// The run is over: where it was not stopped, nothing more comes of any.
void mb_programs_end(mb_sim *sim);
