// SPDX-License-Identifier: MIT
// The times at which synthetic requests arrive, one after the other.
#pragma once
#include "base/rng.h"
#include "workload/description.h"

typedef struct mb_arrivals_state {
    const mb_arrivals *arrivals;
    const mb_arrivals *periods; // when they happen; NULL: always
    mb_rng period_rng;
    double clock_s, // of on-periods that have passed, which is what the arrivals' own time counts
        start_s;    // of the present on-period, and
    double on_s;    // its length
    mb_rng rng;
    double time_s;      // of the latest arrival, in that time
    uint64_t count;     // arrivals so far
    double mean_factor; // Poisson, Gamma, Weibull: turns a draw into a gap of mean 1/rate
    bool on;            // ON_OFF
    double phase_end_s;
    size_t segment;         // PIECEWISE: where the latest arrival was
    double in_segment_s;    // seconds of it that have passed
    double segment_start_s; // since the start of the cycle
    double cycles;          // whole passes through all segments
    double cycle_s;         // length of a pass,
    double cycle_requests;  // and mean number of arrivals in it
} mb_arrivals_state;

// Check, and prepare the lengths of periods.
mb_status mb_arrivals_prepare(mb_arrivals *arrivals, mb_error *error);
void mb_arrivals_deinit(mb_arrivals *arrivals);
// `arrivals` must outlive the state and have been prepared.
void mb_arrivals_open(const mb_arrivals *arrivals, uint64_t seed, uint64_t replication,
                      mb_arrivals_state *state);
// False when there are no more (after the last segment, or beyond any finite time). Never goes backwards.
bool mb_arrivals_next(mb_arrivals_state *state, double *time_s);
