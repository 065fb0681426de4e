// SPDX-License-Identifier: MIT
// Recorded conversations played so that a turn waits for the answer to the one before it. Holds the rows that
// wait or are under way, and those read ahead to find one that need not wait; where turns follow the answer
// by their recorded delay, all rows.
#pragma once
#include "workload/closed.h"
#include "workload/jitter.h"

typedef struct mb_turns mb_turns;

// Rows come from the jitter, or where that is NULL from the reader; both must outlive it.
mb_status mb_turns_open(const mb_workload *workload, uint64_t seed, uint64_t replication,
                        mb_trace_reader *reader, mb_jitter *jitter, mb_turns **turns, mb_error *error);
void mb_turns_close(mb_turns *turns);

// As of mb_closed. A rejected turn counts as answered.
double mb_turns_next_time(const mb_turns *turns);
bool mb_turns_over(const mb_turns *turns);
mb_status mb_turns_next(mb_turns *turns, mb_arrival *arrival, mb_draw_key *key, mb_error *error);
mb_status mb_turns_finished(mb_turns *turns, const mb_departure *departure, mb_error *error);
