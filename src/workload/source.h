// SPDX-License-Identifier: MIT
// Where requests come from: a lazy stream of arrivals in time order, whatever makes them.
#pragma once
#include "workload/workload.h"

typedef struct mb_source mb_source;

// The workload must have been prepared and outlive the source.
// Streams: "arrivals", "prompt", "output", "service", "predictor", "clients" of (seed, replication), so that
// changing one never shifts another; "class", "prefix", "jitter", "periods", "thin" (the same for
// all replications, so that their windows never share a row), and "prompt/NAME" and
// "output/NAME" of the class NAME likewise. In closed sources request n of a user, and turn n of a session,
// have streams of their own for each purpose: what a request is does not depend on when others were answered.
// The first arrival of a trace is at time 0 (after scaling, window and skipping); with from_s > 0 and no rows
// skipped, time 0 is from_s. A window or a skip that leaves no row is an error.
mb_status mb_source_open(const mb_workload *workload, uint64_t seed, uint64_t replication, mb_source **source,
                         mb_error *error);
// The next arrival; *end is set instead when there is none. Times never go backwards: a trace whose stamps do
// is an error with file and line unless it is sorted, as is every malformed row (letters, negative, overflow,
// missing columns, bad quotes).
mb_status mb_source_next(mb_source *source, mb_arrival *arrival, bool *end, mb_error *error);

// A closed source has users or sessions whose next request depends on the answer to the last. Of such a
// source mb_source_next gives the arrival at mb_source_next_time, which only mb_source_finished and
// mb_source_next change; *end then means that there is none for now.
bool mb_source_closed(const mb_source *source);
// When the next arrival is, as known now: INFINITY until a request finishes, or when all is over. (Of an open
// source: INFINITY; ask mb_source_next.)
double mb_source_next_time(const mb_source *source);
// No arrivals will ever come again, whatever finishes. (Of an open source: after its end was seen.)
bool mb_source_over(const mb_source *source);
// A request with a user has left: the user thinks, and comes back. A rejected request counts as answered,
// but ends its session. Does nothing where user is 0.
mb_status mb_source_finished(mb_source *source, const mb_departure *departure, mb_error *error);

// Does it tell where sessions end? Then of the user whose request has just finished: is that session over?
bool mb_source_ends_sessions(const mb_source *source);
bool mb_source_session_over(const mb_source *source, uint32_t user);

mb_source_counts mb_source_get_counts(const mb_source *source);
// Name of a client index seen so far ("" when the workload has no clients). Valid until the source is closed.
const char *mb_source_client_name(const mb_source *source, uint32_t client);
void mb_source_close(mb_source *source);
