// SPDX-License-Identifier: MIT
// What requests are, and the description of a workload: types only.
#pragma once
#include "base/error.h"
#include "base/rng.h"
#include "metrics/slo.h"
#include "model/reader.h"
#include "workload/distribution.h"
#include "workload/predictor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Prompts and outputs that were measured together, to be drawn together.
typedef struct mb_length_pairs {
    uint32_t *prompt, *output; // owned
    size_t count;              // 0: there are none
    uint64_t skipped_zero, skipped_empty;
} mb_length_pairs;

// Where a recorded request stands in its conversation.
typedef struct mb_turn {
    uint64_t key;      // that later rows name it by; 0: none
    uint64_t parent;   // key of the request that it follows; 0: none
    double recorded_s; // when it came,
    double lasted_s;   // how long its answer took (below 0: unknown), and
    double delay_s;    // how long after the answer to its parent it came (below 0: unknown), in the recording
} mb_turn;

typedef struct mb_arrival {
    double time_s;
    uint32_t prompt_tokens;
    uint32_t output_tokens;    // the true length, hidden from policies
    uint32_t predicted_output; // what the predictor says
    bool says_more;            // of all requests of a workload or of none: the next two mean something
    uint32_t max_output;       // the caller's bound on the output; 0: none
    uint64_t noise;            // what later predictions of a refining predictor are drawn from
    uint32_t client;           // index of the client (see mb_source_client_name); 0 where there is none
    int32_t priority;          // larger is more urgent; 0 where there is none
    double service_s;          // for latency.jobs; 0 elsewhere
    double deadline_s;         // absolute; INFINITY where there is none
    uint32_t class_index;      // of the workload's classes; 0 where there are none
    uint32_t user;    // 1 + the user or session that waits for the answer (see mb_source_finished); 0: nobody
    uint64_t session; // 0: none; else requests with the same number are one conversation, in which each
                      // prompt begins with the whole prompt and answer before it
    uint64_t program; // 0: none; else requests with the same number are one program: a session, whether its
                      // prompts grow or not
    const uint64_t *prefix_ids; // what the prompt is made of, unit by unit, as in mb_kv_names; NULL: unknown.
    uint32_t prefix_count;      // Valid until the next call of mb_source_next
    uint32_t prefix_unit_tokens; // tokens of a unit; the last one may be shorter
    mb_turn turn;                // of traces
} mb_arrival;

// A request that left the system.
typedef struct mb_departure {
    uint32_t user; // as in its arrival
    uint64_t session;
    uint32_t prompt_tokens, output_tokens;
    double time_s;
    bool rejected;
} mb_departure;

typedef enum mb_arrivals_kind {
    MB_ARRIVALS_CONSTANT, // every 1/rate s (rate = INFINITY: all at time 0)
    MB_ARRIVALS_POISSON,
    MB_ARRIVALS_GAMMA,     // gaps Gamma(shape), mean 1/rate: CV = 1/sqrt(shape)
    MB_ARRIVALS_WEIBULL,   // gaps Weibull(shape), mean 1/rate
    MB_ARRIVALS_ON_OFF,    // Poisson at `rate` in exponential on-periods, at `off_rate` in off-periods
    MB_ARRIVALS_PIECEWISE, // Poisson with the rate of the segment; segments repeat if `repeat`
    MB_ARRIVALS_PERIODS,   // as `during` says, whose time stands still in off-periods: first an off-period,
                           // then an on-period, and so on, as long as `on` and `off` say
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
    struct mb_arrivals *during; // of another kind; owned by the workload
    mb_distribution on, off;    // seconds
} mb_arrivals;

// The caller's bound on the output (max_tokens), which the output does not exceed.
typedef struct mb_output_bound {
    bool given;
    double factor;          // so many times the output, rounded up; 0:
    mb_distribution tokens; // a draw, which may cut the output
} mb_output_bound;

// A time in which requests come, in seconds since the start: from included, to not.
typedef struct mb_span_s {
    double from_s, to_s;
} mb_span_s;

// Requests with promises of their own: a share of the synthetic ones, which have lengths of their own too, or
// the rows of a trace that name it.
typedef struct mb_class {
    char *name;        // owned
    double share;      // relative to the sum of the shares of those that are active then
    mb_span_s *active; // open arrivals: when requests of it come; none: always. Owned
    uint32_t *clients; // whose requests these are, equally; none: of all clients. Owned
    size_t active_count, client_count;
    mb_slo slo; // e2e_s sets the deadline of its requests
    mb_reader reader;
    int32_t priority;
    mb_distribution prompt, output;
    mb_length_pairs pairs; // instead of the two
    mb_output_bound max_output;
} mb_class;

// Conversations: each turn's prompt is all that was said before and new tokens.
typedef struct mb_sessions {
    bool on;
    mb_distribution turns;
    mb_distribution think; // seconds from an answer to the next turn
    uint32_t max_context;  // a turn with more prompt + output than this ends the session unsent (unless it is
                           // the first); 0: none
} mb_sessions;

// A prompt's beginning that many requests have in common, such as a system prompt.
typedef struct mb_shared_prefix {
    uint32_t tokens;        // 0: none
    uint32_t groups;        // number of different ones
    mb_distribution choice; // of the group, 1 .. groups: made by mb_workload_prepare from
    double theta;           // P(group n) proportional to n^-theta
} mb_shared_prefix;

// Column names of a trace, ignoring case; for JSON, paths of keys (json_text.h). NULL: found by the layout's
// own rules (trace.c), where the client, priority and service columns may be missing. A trace with a service
// column needs no lengths: they are then 1 and 1.
typedef struct mb_trace_columns {
    char *time, *prompt, *output, *predicted, *client, *priority, *service;
    char *prefix;
    char *end, *duration; // of the recorded answer: without a time the request began at their difference
    char *session;        // rows of the same one follow each other; or
    char *id, *parent;    // the row follows the one whose id its parent is
    char *delay;          // from the answer to that one
    char *max_output;
    char *noise;      // of its predictions; else drawn from the seed
    char *class_name; // one of the workload's classes
} mb_trace_columns;

typedef enum mb_trace_layout {
    MB_TRACE_BURSTGPT, // Timestamp[,Session ID,Elapsed time],Model,Request tokens,Response tokens,Total
                       // tokens,Log Type (files 1 and 2; file 3 with the two inserted columns; any order of
                       // those names), seconds
    MB_TRACE_AZURE, // TIMESTAMP,ContextTokens,GeneratedTokens; "YYYY-MM-DD HH:MM:SS.fffffff", optional offset
    MB_TRACE_CSV,   // `columns` names them; time in units of `time_unit_s`, or a date as above
    MB_TRACE_MOONCAKE, // lines {"timestamp": ms, "input_length", "output_length", "hash_ids": [one per 512]}
    MB_TRACE_JSONL,    // `columns` names the keys of each line's object
} mb_trace_layout;

typedef enum mb_turns_mode {
    MB_TURNS_STAMPS, // each at its own stamp
    MB_TURNS_WAIT,   // at its stamp, or when the one before it is answered, if that is later
    MB_TURNS_DELAY,  // as long after the answer to the one before it as in the recording
} mb_turns_mode;

typedef struct mb_trace {
    char *path;
    mb_trace_layout layout;
    mb_trace_columns columns;
    const mb_class *classes; // the workload's own, for columns.class_name; borrowed
    size_t class_count;
    double time_unit_s; // seconds per unit of the time column; 1 by default
    double
        rate_scale; // arrivals are divided by this: 100 plays the trace a hundred times faster; 1 = real time
    double from_s,
        to_s; // window from_s <= t < to_s in the trace's own time since its first row; INFINITY: to the end
    uint64_t skip_rows;   // rows (of those kept) to leave out first
    bool window_per_seed; // replication r (from 0) starts r x limit rows later: each seed sees another
                          // stretch; it is an error if the trace ends within it
    double jitter_s;      // each stamp is delayed by a uniform draw from 0..jitter_s of the trace's own time
    uint64_t longest;     // rows with more prompt + output tokens are left out, and counted; 0: none is
    uint32_t prefix_unit_tokens; // with columns.prefix: tokens that an id stands for
    double thin;                 // each usable row is kept with the probability 1/thin; 0: all are
    double max_gap_s; // longer gaps between rows are cut to this, of the trace's own time; 0: none is
    mb_turns_mode turns;
    bool grow;    // each turn's prompt begins with the prompt and answer of the one before it in its session
    bool sort;    // the rows are not in order of time
    bool untimed; // only the lengths are wanted: rows need no time
    bool keep_zero; // serve rows of zero output or zero prompt as they are (the origin's flaw 15); else
                    // skipped, counted
} mb_trace;

typedef enum mb_workload_kind { MB_WORKLOAD_TRACE, MB_WORKLOAD_SYNTHETIC, MB_WORKLOAD_LIST } mb_workload_kind;

// Requests written down; or (whole) some of another workload, predictions drawn: then nothing of it is owned.
typedef struct mb_request_list {
    const mb_arrival *arrivals; // in order of time
    size_t count;
    char *const *clients; // their names, by index
    size_t client_count;
    const struct mb_workload *whole; // what is known of the lengths before they come is known of all of
                                     // these; NULL: of these very requests
} mb_request_list;

// A description; a plain value that any number of sources can be opened from, in any thread.
typedef struct mb_workload {
    mb_workload_kind kind;
    mb_request_list list;
    mb_trace trace;
    mb_arrivals arrivals;           // synthetic, where users == 0: of requests, or of sessions
    mb_distribution prompt, output; // synthetic
    mb_length_pairs pairs;          // instead of the two
    mb_distribution service;        // synthetic, for latency.jobs
    bool has_service;
    mb_output_bound max_output;
    bool origin;          // synthetic: the requests of origin_requests.h, which make arrivals and lengths
    uint32_t origin_seed; // of replication 0
    uint32_t clients; // synthetic: requests belong to "client-0" .. "client-N", uniformly; 0 or 1: to none
    uint32_t users; // closed loop: so many users each wait for an answer before they go on; of a trace, each
                    // takes the next row
    mb_distribution think; // seconds between an answer and the user's next request or session
    double ramp_s;         // the users start evenly spread over this time
    mb_sessions sessions;
    mb_shared_prefix prefix;
    mb_class *classes; // synthetic: they replace prompt and output; of a trace: its rows say which. Owned
    size_t class_count;
    mb_predictor predictor;
    uint64_t limit; // number of requests; 0 = to the end of the trace (an error for synthetic)
    double until_s; // no arrivals later than this; INFINITY = no bound
} mb_workload;

// Whether requests wait for answers before they come.
static inline bool mb_workload_closed(const mb_workload *workload) {
    if (workload->kind == MB_WORKLOAD_LIST) return false;
    if (workload->users > 0) return true;
    if (workload->kind == MB_WORKLOAD_TRACE) return workload->trace.turns != MB_TURNS_STAMPS;
    return workload->sessions.on;
}

typedef struct mb_source_counts {
    uint64_t rows;          // rows read
    uint64_t skipped_zero;  // rows left out because prompt or output was zero
    uint64_t skipped_empty; // rows left out because a length was missing, as of requests that failed
    uint64_t skipped_long;  // rows left out because prompt + output was above `longest`
    double first_s;         // what the first row has as its time; 0: none
    bool past_end;          // later rows or arrivals there are: `to_s` or `until_s` cut them off
} mb_source_counts;
