// SPDX-License-Identifier: MIT
// What became of a request so far, as of now: how long it waited and was served, and what its reader has.
#pragma once
#include "sim/state.h"

#include <math.h>

// Seconds that it waited and ran; when its first token came, NAN where it has not.
double mb_request_waited(const mb_sim *sim, const mb_request *request);
double mb_request_attained(const mb_sim *sim, const mb_request *request);
double mb_request_first_token(const mb_sim *sim, const mb_request *request);
// The same seconds by its clocks, which a policy may have set.
double mb_request_clock_served(const mb_sim *sim, const mb_request *request);
double mb_request_clock_waited(const mb_sim *sim, const mb_request *request);
void mb_request_set_clocks(const mb_sim *sim, mb_request *request, double served_s, double waited_s);
// What being served for the next `horizon_s` adds for its reader (mb_reader_gain), who is the `other` where
// the scenario knows none; NAN where that one is nobody. It has `generated` so many tokens by now.
static inline double mb_request_gain(const mb_sim *sim, const mb_request *request, uint32_t generated,
                                     double horizon_s, const mb_reader *other) {
    const mb_sim_config *config = sim->config;
    const bool classed = request->class_index < config->class_count;
    const mb_reader *reader = classed ? &config->classes[request->class_index].reader : &config->reader;
    if (!(reader->speed > 0)) reader = other;
    if (!(reader->speed > 0)) return (double)NAN;
    const mb_read_so_far so_far = {.arrival_s = request->arrival_s,
                                   .first_token_s = sim->by_steps ? request->first_token_s
                                                                  : mb_request_first_token(sim, request),
                                   .tokens = generated};
    return mb_reader_gain(reader, &so_far, sim->now_s, horizon_s);
}
