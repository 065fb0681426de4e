// SPDX-License-Identifier: MIT
// Users who wait for an answer, think, and ask again; and sessions, whose turns build on one another.
// Memory grows with the users, or with the sessions that are under way.
#pragma once
#include "workload/description.h"

typedef struct mb_closed mb_closed;

// What a request's random draws depend on: the user or session, and the number of the request in it.
typedef struct mb_draw_key {
    uint64_t key, number;
} mb_draw_key;

mb_status mb_closed_open(const mb_workload *workload, uint64_t seed, uint64_t replication, mb_closed **closed,
                         mb_error *error);
void mb_closed_close(mb_closed *closed);

// INFINITY: none as things stand.
double mb_closed_next_time(const mb_closed *closed);
// Nobody will come, whatever finishes.
bool mb_closed_over(const mb_closed *closed);
// The arrival at mb_closed_next_time, which is finite.
mb_status mb_closed_next(mb_closed *closed, mb_arrival *arrival, mb_draw_key *key, mb_error *error);
// As mb_source_session_over.
bool mb_closed_session_over(const mb_closed *closed, uint32_t user);
mb_status mb_closed_finished(mb_closed *closed, const mb_departure *departure, mb_error *error);
