// SPDX-License-Identifier: MIT
// What became of a request so far, as of now: how long it waited and was served, and what its reader has.
#pragma once
#include "sim/state.h"

// Seconds that it waited and ran; when its first token came, NAN where it has not.
double mb_request_waited(const mb_sim *sim, const mb_request *request);
double mb_request_attained(const mb_sim *sim, const mb_request *request);
double mb_request_first_token(const mb_sim *sim, const mb_request *request);
// The same seconds by its clocks, which a policy may have set.
double mb_request_clock_served(const mb_sim *sim, const mb_request *request);
double mb_request_clock_waited(const mb_sim *sim, const mb_request *request);
void mb_request_set_clocks(const mb_sim *sim, mb_request *request, double served_s, double waited_s);
// What being served for the next `horizon_s` adds for its reader (mb_reader_gain), who is the `other` where
// the scenario knows none; NAN where that one is nobody.
double mb_request_gain(mb_sim *sim, uint32_t slot, double horizon_s, const mb_reader *other);
