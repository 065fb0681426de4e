// SPDX-License-Identifier: MIT
// The discrete-event core: one run of one policy on one stream of requests.
#pragma once
#include "base/bits.h"
#include "base/heap.h"
#include "base/min_tree.h"
#include "metrics/metrics.h"
#include "model/kv_pool.h"
#include "model/latency.h"
#include "queue/bins.h"
#include "queue/request.h"
#include "sim/policy.h"
#include "workload/source.h"

#include <math.h>
#include <stdatomic.h>

// What a request was and when, as a dump file records it.
typedef struct mb_finished {
    const mb_request *request;
    double first_token_s, end_s; // NAN where there was none
    uint32_t batch;              // number of the batch that served it, from 1; 0: none
    const char *why;             // "done", "rejected", "unfinished"
} mb_finished;

// A batch, or a run of equal steps of an engine (longest_tokens is 0 then, tbt_s the mean step).
typedef struct mb_batch_record {
    uint64_t steps; // 1 for a batch
    uint32_t batch, replica;
    double start_s, end_s, tbt_s;
    uint32_t requests, longest_tokens;
    uint64_t useful_tokens, kv_reserved;
} mb_batch_record;

// A request's part in the batch or run of steps that was shown last: tokens of its prompt (or of what was
// lost to a preemption) and of its answer that were computed.
typedef struct mb_member_record {
    uint32_t batch;
    uint64_t id, prompt_tokens, output_tokens;
} mb_member_record;

// A request that was set aside; lost: what it had computed, if that is to be computed again.
typedef struct mb_preempted {
    double time_s;
    uint32_t replica;
    uint64_t id;
    const char *how; // "recompute", "swap", "pause"
    uint32_t computed_tokens, lost_tokens;
} mb_preempted;

// Somebody who wants to see each event; NULL members cost nothing. A failure ends the run.
typedef struct mb_observer {
    mb_status (*finished)(void *self, const mb_finished *record, mb_error *error);
    mb_status (*batch)(void *self, const mb_batch_record *record, mb_error *error);
    mb_status (*member)(void *self, const mb_member_record *record, mb_error *error); // after its batch
    mb_status (*preempted)(void *self, const mb_preempted *record, mb_error *error);
    mb_status (*decision)(void *self, double now_s, uint32_t replica, const char *name, double value,
                          mb_error *error);
    // Set from outside (Ctrl-C): the run fails at its next instant.
    const atomic_bool *stop;
    // Called once, when the policy's `init` has returned.
    mb_status (*ready)(void *self, mb_error *error);
    // Called every few thousand events; returning MB_FAILED stops the run.
    mb_status (*progress)(void *self, uint64_t arrived, uint64_t finished, double now_s, mb_error *error);
    void *self;
} mb_observer;

// What admission to a step takes from the pool (docs/continuous-batching.md). Those from PROMPT on hold
// blocks for tokens still to come.
typedef enum mb_reserve {
    MB_RESERVE_CHUNK,     // what the step computes
    MB_RESERVE_SEQUENCE,  // the same, if the whole known sequence would fit
    MB_RESERVE_PROMPT,    // the whole known sequence
    MB_RESERVE_PREDICTED, // prompt + predicted output
    MB_RESERVE_MAXIMUM,   // kv_max_length
    MB_RESERVE_FINAL,     // prompt + true output (kv = "tokens": what the batch executor does)
    MB_RESERVE_COUNT
} mb_reserve;
const char *mb_reserve_name(mb_reserve reserve);

typedef enum mb_preemption { MB_PREEMPT_RECOMPUTE, MB_PREEMPT_SWAP, MB_PREEMPT_PAUSE } mb_preemption;
const char *mb_preemption_name(mb_preemption how);

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
    bool batch_means;         // keep means of batches of requests: intervals within one run
    uint64_t warmup_requests; // observation starts when so many have arrived and the next one comes,
    double warmup_s;          // or so long after the first arrival; one of them is 0
    bool exact_percentiles;   // keep every sample
    bool oracle;              // policies may see the true output length
    double usd_per_hour;      // of all replicas; 0: not known
    double stop_s;            // the simulation ends here, whatever is under way; 0: when all is done
    const mb_class *classes;  // SLOs by class; NULL: `slo` for all
    size_t class_count;
    // --- initial limits of every replica; the policy may change them
    uint32_t max_requests; // 0: no limit
    uint64_t token_budget; // of a step; 0: no limit
    // --- step latency models only
    bool stepwise;      // visit every running request at every iteration (--step)
    uint32_t kv_block;  // tokens
    bool prefix_cache;  // freed blocks keep their content
    mb_reserve reserve; // initial, as is
    bool reserve_given; // somebody asked for it, it is no default
    double watermark;   // the share of blocks that admission leaves free
    uint64_t swap_tokens;
    double swap_s_per_token;
} mb_sim_config;

typedef struct mb_engine mb_engine;

// What a client was served so far, and has in the system.
typedef struct mb_client {
    uint64_t prompt_tokens; // of requests that started, each once
    uint64_t output_tokens; // emitted
    uint32_t waiting, running;
} mb_client;

struct mb_replica {
    uint32_t id;
    bool busy, idle_on_purpose, needs_call;
    bool ending;           // its step ends at this instant
    bool holding;          // counted in idle_holding_count
    uint64_t seen_version; // sim->changes when `schedule` was last called
    uint64_t idle_plan;    // sim->plans when it became idle
    uint64_t own_version;  // when a request was last pushed to its own queue
    uint32_t own_queue;    // index; MB_NONE until the policy asks for it
    uint32_t max_requests; // settable by the policy; MB_NONE: no limit
    uint64_t token_budget; // likewise, in tokens; UINT64_MAX: no limit
    bool chunked;          // likewise, for iteration-level engines, with the next two
    mb_reserve reserve;
    double watermark;
    mb_engine *engine; // NULL under a batch latency model
    uint32_t *batch;   // slots in the step being built, or running
    uint32_t count, capacity;
    uint32_t longest_tokens;
    uint32_t longest_prompt, longest_output; // of a static batch under a step model
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
    double now_s, integrated_s;
    // Versions are values of one counter: of the last change that concerns every replica's schedule,
    uint64_t changes, version;
    uint64_t global_version; // ... of the last that is no waiting request (a timer; the end of arrivals),
    uint32_t newest_stamped; // ... and requests that wait where all see them, in order of when they came
    mb_heap heap;
    mb_request_store requests;
    mb_queue *queues; // [0] is the default queue
    uint32_t queue_count, queue_capacity;
    mb_bins *bins;
    uint32_t bins_count;
    bool inbox_is_bins;
    uint32_t inbox; // index of a queue or of bins
    mb_replica *replicas;
    mb_engine *engines; // one per replica, or NULL
    mb_bits idle;       // replicas
    mb_bits calls;      // of the idle, those that were not asked since they became so,
    mb_bits loaded;     // and those on which requests run
    mb_bits boundary;   // engines that stand between two steps of a run
    // `version` when an idle replica took nothing, of a policy to which all are alike.
    uint64_t refused_version;
    uint32_t own_queues;
    // At the end of plan number `calm_plan` nothing waited: engines that were idle by then and ran nothing
    // have seen all changes up to `calm_version`, without a look at each of them.
    uint64_t plans, calm_plan, calm_version;
    uint32_t plan_cursor;   // replicas below it have had their turn at this instant
    mb_min_tree boundaries; // the same as
    double *boundary_s; // of each engine's run, the first boundary at or after the last look; INFINITY: none
    uint64_t arranged;  // all engines will look up for changes up to here,
    uint64_t woken;     // all engines have been told of what changed up to here
    double first_boundary_s; // or rather, the first of them will, at this time; INFINITY: all
    bool out_of_memory;
    uint64_t swapped_tokens;
    mb_replica *building; // whose step is open for mb_step_* calls; NULL outside `schedule`
    uint32_t taken_in;    // requests that were admitted to it,
    mb_stop stop;         // what ended that,
    mb_stop limited_by;   // and what the policy's own numbers are due to
    uint32_t *scratch;    // room for the numbers of all replicas
    uint32_t idle_count, idle_on_purpose_count;
    uint32_t idle_holding_count; // engines left idle, not on purpose, while requests run on them
    uint64_t arrived, waiting, running;
    uint64_t routed;               // of the waiting, those in a replica's own queue
    uint64_t kv_reserved, kv_used; // over all replicas
    mb_client *clients;            // by index
    uint32_t client_count, client_capacity;
    double clients_counted_s; // output_tokens of running requests are counted up to here
    bool arrivals_ended, closed;
    bool ended;             // nothing happens any more; the policy may look
    bool done_failed;       // in its hook `done`: the metrics are complete all the same
    bool stopped;           // at config->stop_s, before all was done
    bool warm;              // the warm-up is over
    uint64_t first_counted; // statistics of requests are of those from this id on; UINT64_MAX: not known yet
    double warmup_end_s;    // when a warm-up in seconds ends; INFINITY: it has, or is none
    mb_arrival pending;     // the next arrival, not yet in the system
    mb_rng noise;
    uint32_t batches;
    uint32_t timers_alone; // timers fired since anything else happened, or since somebody asked about them:
    double alone_since_s;  // see may_fire
    uint64_t looks;        // chances to report progress
    uint64_t
        operations; // replicas asked, and engines looked at to find the first boundary: what planning costs
    mb_metrics metrics;
};

// The source and everything in `config` must outlive the simulation. Release with mb_sim_deinit, also after a
// failure.
mb_status mb_sim_init(mb_sim *sim, const mb_sim_config *config, mb_source *source, mb_policy policy,
                      const mb_observer *observer, mb_error *error);
// Run to the end: no arrivals, nothing running, no timers; then the policy's hook `done`. sim->metrics is
// filled, also (up to there) after a failure.
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

// Why a request could not join a step, or could not be swapped out (HOST: no room on the host).
typedef enum mb_refusal {
    MB_FITS,
    MB_REFUSED_MEMORY,
    MB_REFUSED_REQUESTS,
    MB_REFUSED_TOKENS,
    MB_REFUSED_HOST,
    MB_REFUSED_ELSEWHERE // its memory is on another replica
} mb_refusal;
const char *mb_refusal_name(mb_refusal refusal);

// What the limits of the following calls are due to: MB_STOP_CAP (as every schedule begins), B_SLA or B_MEM.
void mb_step_limited_by(mb_sim *sim, mb_stop why);
// Take from the head of a queue while it fits, at most `limit`; the number taken, and why it stopped early.
uint32_t mb_step_admit(mb_sim *sim, uint32_t queue, uint32_t limit, mb_refusal *refusal);
// One request, waiting in any queue or in none, or running on this replica. `tokens`: 0, or the chunk wanted.
mb_refusal mb_step_add(mb_sim *sim, uint32_t slot, uint32_t tokens);
// Deliberately leave the replica idle; until_s: wake it then (INFINITY: at the next change).
bool mb_step_idle(mb_sim *sim, double until_s);

// --- iteration-level engines only (docs/continuous-batching.md)

// Is the request in the step that is being built?
bool mb_step_holds(const mb_sim *sim, uint32_t slot);
// Go on with all running requests; how many were preempted for want of memory. Nothing under a batch model.
// spare: a decode must find a free block, whether it needs one or not.
mb_status mb_step_carry(mb_sim *sim, bool spare, uint32_t *preempted, mb_error *error);
// Set a request aside that runs on the replica being scheduled; queue MB_NONE: the one that it came from.
mb_status mb_step_preempt(mb_sim *sim, uint32_t slot, mb_preemption how, uint32_t queue, bool front,
                          mb_refusal *refusal, mb_error *error);
// The step becomes a static batch; how many rows went back to their queues because their ends do not fit in
// memory. Fails if requests ran here before. Nothing under a batch model.
mb_status mb_step_barrier(mb_sim *sim, uint32_t *returned, mb_error *error);
void mb_step_quantum(mb_sim *sim, uint64_t steps);
// Has nothing run on the replica before this step?
bool mb_step_is_fresh(const mb_sim *sim);
// What is in the step that is being built.
uint64_t mb_step_tokens(const mb_sim *sim);
uint32_t mb_step_requests(const mb_sim *sim);
// A queue of the replica's own: what is pushed there concerns no other replica. MB_NONE when out of memory.
uint32_t mb_replica_own_queue(mb_sim *sim, mb_replica *replica);
// The first request that runs on an engine, in order of admission, and the one after `slot`; or MB_NONE.
uint32_t mb_replica_oldest(const mb_replica *replica);
// Requests that run on the replica.
uint32_t mb_replica_running(const mb_replica *replica);
// What a client was served up to now; zeros for one that is not known.
mb_client mb_sim_client(mb_sim *sim, uint32_t client);
// Tokens of a request in memory, and emitted, as of now.
void mb_request_progress(mb_sim *sim, uint32_t slot, uint32_t *computed, uint32_t *generated);
// Tokens of KV memory taken on a replica now, whole blocks.
uint64_t mb_replica_kv_used(mb_sim *sim, mb_replica *replica);
// Tokens computed and in memory there now; and whether so many more would fit above the watermark.
uint64_t mb_replica_kv_computed(mb_sim *sim, mb_replica *replica);
bool mb_replica_fits(mb_sim *sim, mb_replica *replica, uint64_t tokens);
// Tokens of a waiting request that the replica's cache holds now.
uint32_t mb_replica_cached(mb_sim *sim, mb_replica *replica, uint32_t slot);
