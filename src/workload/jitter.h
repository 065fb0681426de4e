// SPDX-License-Identifier: MIT
// A trace whose stamps are coarse (a batch every three seconds) made smooth: each row is delayed by a uniform
// draw, and the rows put in order again. Holds the rows of one such delay at a time.
#pragma once
#include "workload/trace.h"

typedef struct mb_jitter mb_jitter;

// Delays are 0..jitter_s of simulated time, from the stream "jitter", one draw per row. Reads `most` rows of
// the trace and no more (0: all): the same rows as without jitter. The reader must outlive it.
mb_status mb_jitter_open(mb_trace_reader *reader, double jitter_s, uint64_t most, uint64_t seed,
                         uint64_t replication, mb_jitter **jitter, mb_error *error);
mb_status mb_jitter_next(mb_jitter *jitter, mb_arrival *arrival, bool *end, mb_error *error);
void mb_jitter_close(mb_jitter *jitter);
