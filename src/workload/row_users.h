// SPDX-License-Identifier: MIT
// Users who take the rows of a trace in order, each when its last one was answered: what benchmark clients
// with a bound on their concurrency do. Memory grows with the users.
#pragma once
#include "workload/closed.h"
#include "workload/trace.h"

typedef struct mb_row_users mb_row_users;

// The reader must outlive it.
mb_status mb_row_users_open(const mb_workload *workload, uint64_t seed, uint64_t replication,
                            mb_trace_reader *reader, mb_row_users **users, mb_error *error);
void mb_row_users_close(mb_row_users *users);

// As of mb_closed. A rejected request counts as answered.
double mb_row_users_next_time(const mb_row_users *users);
bool mb_row_users_over(const mb_row_users *users);
mb_status mb_row_users_next(mb_row_users *users, mb_arrival *arrival, mb_draw_key *key, mb_error *error);
mb_status mb_row_users_finished(mb_row_users *users, const mb_departure *departure, mb_error *error);
