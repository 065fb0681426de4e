// SPDX-License-Identifier: MIT
// Where requests come from: a lazy stream of arrivals in time order, whatever makes them.
#pragma once
#include "base/error.h"
#include "base/rng.h"
#include "workload/distribution.h"
#include "workload/predictor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mb_arrival {
    double time_s;
    uint32_t prompt_tokens;
    uint32_t output_tokens;    // the true length, hidden from policies
    uint32_t predicted_output; // what the predictor says
    uint32_t client;           // index of the client (see mb_source_client_name); 0 where there is none
    int32_t priority;          // larger is more urgent; 0 where there is none
    double service_s;          // for latency.jobs; 0 elsewhere
    double deadline_s;         // absolute; INFINITY where there is none
} mb_arrival;

typedef enum mb_arrivals_kind {
    MB_ARRIVALS_CONSTANT, // every 1/rate s (rate = INFINITY: all at time 0)
    MB_ARRIVALS_POISSON,
    MB_ARRIVALS_GAMMA,    // gaps Gamma(shape), mean 1/rate: CV = 1/sqrt(shape)
    MB_ARRIVALS_WEIBULL,  // gaps Weibull(shape), mean 1/rate
    MB_ARRIVALS_ON_OFF,   // Poisson at `rate` in exponential on-periods, at `off_rate` in off-periods
    MB_ARRIVALS_PIECEWISE // Poisson with the rate of the segment; segments repeat if `repeat`
} mb_arrivals_kind;

typedef struct mb_rate_segment {
    double duration_s, rate;
} mb_rate_segment;

typedef struct mb_arrivals {
    mb_arrivals_kind kind;
    double rate;  // requests per second
    double shape; // Gamma, Weibull
    double on_mean_s, off_mean_s, off_rate;
    mb_rate_segment *segments; // owned by the workload
    size_t segment_count;
    bool repeat;
} mb_arrivals;

// Column names of a trace, ignoring case. NULL: found by the layout's own rules (trace.c), where the client,
// priority and service columns may be missing. A trace with a service column needs no lengths: they are then
// 1 and 1.
typedef struct mb_trace_columns {
    char *time, *prompt, *output, *predicted, *client, *priority, *service;
} mb_trace_columns;

typedef enum mb_trace_layout {
    MB_TRACE_BURSTGPT, // Timestamp[,Session ID,Elapsed time],Model,Request tokens,Response tokens,Total
                       // tokens,Log Type (files 1 and 2; file 3 with the two inserted columns; any order of
                       // those names), seconds
    MB_TRACE_AZURE, // TIMESTAMP,ContextTokens,GeneratedTokens; "YYYY-MM-DD HH:MM:SS.fffffff", optional offset
    MB_TRACE_CSV,   // `columns` names them; time in units of `time_unit_s`, or a date as above
} mb_trace_layout;

typedef struct mb_trace {
    char *path;
    mb_trace_layout layout;
    mb_trace_columns columns;
    double time_unit_s; // seconds per unit of the time column; 1 by default
    double
        rate_scale; // arrivals are divided by this: 100 plays the trace a hundred times faster; 1 = real time
    double from_s,
        to_s; // window from_s <= t < to_s in the trace's own time since its first row; INFINITY: to the end
    uint64_t skip_rows;   // rows (of those kept) to leave out first
    bool window_per_seed; // replication r (from 0) starts r x limit rows later: each seed sees another
                          // stretch; it is an error if the trace ends within it
    bool keep_zero;       // serve rows of zero output or zero prompt as they are (the origin's flaw 15); else
                          // skipped, counted
} mb_trace;

typedef enum mb_workload_kind { MB_WORKLOAD_TRACE, MB_WORKLOAD_SYNTHETIC } mb_workload_kind;

// A description; a plain value that any number of sources can be opened from, in any thread.
typedef struct mb_workload {
    mb_workload_kind kind;
    mb_trace trace;
    mb_arrivals arrivals;           // synthetic
    mb_distribution prompt, output; // synthetic
    mb_distribution service;        // synthetic, for latency.jobs
    bool has_service;
    uint32_t clients; // synthetic: requests belong to "client-0" .. "client-N", uniformly; 0 or 1: to none
    mb_predictor predictor;
    uint64_t limit; // number of requests; 0 = to the end of the trace (an error for synthetic)
    double until_s; // no arrivals later than this; INFINITY = no bound
} mb_workload;

void mb_workload_deinit(mb_workload *workload);
// Check and prepare once, before any source is opened: parameters, tables of the distributions, the trace's
// header.
mb_status mb_workload_prepare(mb_workload *workload, mb_error *error);

typedef struct mb_source mb_source;

typedef struct mb_source_counts {
    uint64_t rows;         // rows read
    uint64_t skipped_zero; // rows left out because prompt or output was zero
} mb_source_counts;

// The workload must have been prepared and outlive the source.
// Streams: "arrivals", "prompt", "output", "service", "predictor", "clients" of (seed, replication), so that
// changing one never shifts another. The first arrival of a trace is at time 0 (after scaling, window and
// skipping); with from_s > 0 and no rows skipped, time 0 is from_s. A window or a skip that leaves no row is
// an error.
mb_status mb_source_open(const mb_workload *workload, uint64_t seed, uint64_t replication, mb_source **source,
                         mb_error *error);
// The next arrival; *end is set instead when there is none. Times never go backwards: a trace whose stamps do
// is an error with file and line, as is every malformed row (letters, negative, NaN, overflow, missing
// columns, bad quotes).
mb_status mb_source_next(mb_source *source, mb_arrival *arrival, bool *end, mb_error *error);
mb_source_counts mb_source_get_counts(const mb_source *source);
// Name of a client index seen so far ("" when the workload has no clients). Valid until the source is closed.
const char *mb_source_client_name(const mb_source *source, uint32_t client);
void mb_source_close(mb_source *source);
