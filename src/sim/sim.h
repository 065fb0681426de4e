// SPDX-License-Identifier: MIT
// The discrete-event core: one run of one policy on one stream of requests.
#pragma once
#include "base/heap.h"
#include "model/kv_pool.h"
#include "model/latency.h"
#include "sim/bins.h"
#include "sim/metrics.h"
#include "sim/policy.h"
#include "sim/request.h"
#include "workload/source.h"

#include <math.h>

// What a request was and when, as a dump file records it.
typedef struct mb_finished {
    const mb_request *request;
    double first_token_s, end_s; // NAN where there was none
    uint32_t batch;              // number of the batch that served it, from 1; 0: none
    const char *why;             // "done", "rejected", "unfinished"
} mb_finished;

typedef struct mb_batch_record {
    uint32_t batch, replica;
    double start_s, end_s, tbt_s;
    uint32_t requests, longest_tokens;
    uint64_t useful_tokens, kv_reserved;
} mb_batch_record;

// Somebody who wants to see each event; NULL members cost nothing. A failure ends the run.
typedef struct mb_observer {
    mb_status (*finished)(void *self, const mb_finished *record, mb_error *error);
    mb_status (*batch)(void *self, const mb_batch_record *record, mb_error *error);
    mb_status (*decision)(void *self, double now_s, uint32_t replica, const char *name, double value,
                          mb_error *error);
    // Called every few thousand events; returning MB_FAILED stops the run (Ctrl-C).
    mb_status (*progress)(void *self, uint64_t arrived, uint64_t finished, double now_s, mb_error *error);
    void *self;
} mb_observer;

typedef struct mb_sim_config {
    uint32_t replicas; // 1 .. 2^20
    mb_kv_kind kv_kind;
    uint64_t kv_capacity;   // tokens per replica
    uint32_t kv_max_length; // MB_KV_CONTIGUOUS
    bool block_oversize;    // a request that no pool can ever hold stays in its queue (the origin's flaw 13);
                            // else rejected
    const mb_latency *latency;
    mb_slo slo;
    uint64_t seed, replication;
    uint64_t warmup_requests; // the first arrivals, left out of the latency statistics
    bool exact_percentiles;   // keep every sample
    bool oracle;              // policies may see the true output length
} mb_sim_config;

struct mb_replica {
    uint32_t id;
    bool busy, idle_on_purpose, needs_call;
    uint64_t seen_version;
    uint32_t max_requests; // settable by the policy; MB_NONE: no limit
    uint64_t token_budget; // likewise, in tokens; UINT64_MAX: no limit
    uint32_t *batch;       // slots in the step being built, or running
    uint32_t count, capacity;
    uint32_t longest_tokens;
    double longest_service_s;
    uint64_t prompt_tokens, output_tokens;
    uint64_t predicted_tokens; // prompts and predicted outputs: what a policy may know of the memory in use
    double start_s;
    uint32_t batch_number;
    mb_batch_time time;
    mb_kv_pool kv;
};

struct mb_sim {
    const mb_sim_config *config;
    mb_source *source;
    mb_policy policy;
    mb_observer observer;
    double now_s;
    uint64_t version; // moves when something happens that an idle replica could react to
    mb_heap heap;
    mb_request_store requests;
    mb_queue *queues; // [0] is the default queue
    uint32_t queue_count, queue_capacity;
    mb_bins *bins;
    uint32_t bins_count;
    bool inbox_is_bins;
    uint32_t inbox; // index of a queue or of bins
    mb_replica *replicas;
    uint64_t *idle_bits;  // one bit per replica
    mb_replica *building; // whose step is open for mb_step_* calls; NULL outside `schedule`
    uint32_t idle_count, idle_on_purpose_count;
    uint64_t arrived, waiting, running;
    uint64_t kv_reserved, kv_used; // over all replicas
    bool arrivals_ended;
    mb_arrival pending; // the next arrival, not yet in the system
    mb_rng noise;
    uint32_t batches;
    uint32_t timers_alone; // timers fired since anything else happened
    uint64_t looks;        // chances to report progress
    mb_metrics metrics;
};

// The source and everything in `config` must outlive the simulation. Release with mb_sim_deinit, also after a
// failure.
mb_status mb_sim_init(mb_sim *sim, const mb_sim_config *config, mb_source *source, mb_policy policy,
                      const mb_observer *observer, mb_error *error);
// Run to the end: no arrivals, nothing running, no timers. sim->metrics is filled, also (up to there) after a
// failure.
mb_status mb_sim_run(mb_sim *sim, mb_error *error);
void mb_sim_deinit(mb_sim *sim);

// --- what a policy may call
// -----------------------------------------------------------------------------------

// A new queue; its index, or MB_NONE when out of memory.
uint32_t mb_sim_add_queue(mb_sim *sim, mb_key order);
// New bins; takes a copy of `count - 1` ascending edges. Index of the bins, or MB_NONE when out of memory.
uint32_t mb_sim_add_bins(mb_sim *sim, mb_key key, uint32_t count, const double *edges);
// Other edges, the same number; the waiting are filed again, in order of arrival within each bin.
void mb_sim_set_edges(mb_sim *sim, uint32_t bins, const double *edges);
// Push to a queue; wakes idle replicas unless called within `schedule`. For MB_KEY_GIVEN the request's key is
// set.
void mb_sim_push(mb_sim *sim, uint32_t queue, uint32_t slot, bool front);
void mb_sim_push_bins(mb_sim *sim, uint32_t bins, uint32_t slot);
// The request leaves the system unserved. It must be waiting.
mb_status mb_sim_reject(mb_sim *sim, uint32_t slot, const char *reason, mb_error *error);
// Call the policy's timer hook at `time_s` (not before now). False when out of memory.
bool mb_sim_set_timer(mb_sim *sim, double time_s, uint32_t timer);

// Why a request could not join a step.
typedef enum mb_refusal { MB_FITS, MB_REFUSED_MEMORY, MB_REFUSED_REQUESTS, MB_REFUSED_TOKENS } mb_refusal;
const char *mb_refusal_name(mb_refusal refusal);

// Take from the head of a queue while it fits, at most `limit`; the number taken, and why it stopped early.
uint32_t mb_step_admit(mb_sim *sim, uint32_t queue, uint32_t limit, mb_refusal *refusal);
// One request, waiting in any queue or in none.
mb_refusal mb_step_add(mb_sim *sim, uint32_t slot);
// Deliberately leave the replica idle; until_s: wake it then (INFINITY: at the next change).
bool mb_step_idle(mb_sim *sim, double until_s);
