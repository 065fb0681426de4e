// SPDX-License-Identifier: MIT
// What a run measured. Definitions follow docs/models.md: TTFT from arrival to first token, TPOT = (last -
// first) / (output - 1), ITL pools every gap between tokens, E2E from arrival to last token.
#pragma once
#include "base/sketch.h"
#include "metrics/parties.h"
#include "metrics/slo.h"
#include "metrics/why.h"

#include <stdbool.h>
#include <stdint.h>

// What the requests of one class got.
typedef struct mb_class_metrics {
    uint64_t counted, measured, slo_met, censored; // as in mb_metrics
    double ttft_s, e2e_s;                          // sums over the measured
} mb_class_metrics;

// What ended the admissions of a step or batch.
typedef enum mb_stop {
    MB_STOP_QUEUE,  // everything that waited in the queue was taken
    MB_STOP_CAP,    // the policy took no more, or as many as may run did
    MB_STOP_B_SLA,  // the same, where the policy says that its number was due to the time between tokens,
    MB_STOP_B_MEM,  // or to what it expects of the memory
    MB_STOP_MEMORY, // the next one did not fit in memory
    MB_STOP_TOKENS, // the step's budget of tokens was used up
    MB_STOP_COUNT
} mb_stop;

// A bound over the requests that are counted.
typedef struct mb_bound_metrics {
    uint64_t missed;
    uint64_t censored; // it was not decided yet when the run was stopped
} mb_bound_metrics;

typedef struct mb_metrics {
    // --- Of the whole run.
    uint64_t requests, finished, rejected, unfinished;
    uint64_t memory_stops;     // admissions that stopped because memory was full
    double in_system_integral; // request seconds: L of Little's law times the duration
    double in_warmup_integral; // of that, before the time of observation
    double sojourn_s;          // summed time in system of requests that left
    double last_arrival_s;
    bool stopped;        // at stop_s, with something still to come
    bool arrivals_ended; // before that
    bool past_end;       // as in mb_source_counts
    bool cold;           // the warm-up did not end
    uint32_t replicas;
    uint64_t kv_capacity;                               // tokens over all replicas; MB_UNLIMITED: no limit
    uint64_t skipped_zero, skipped_empty, skipped_long; // rows of the trace left out
    double trace_first_s;                               // first_s of mb_source_counts
    bool own_queues;                                    // replicas had queues of their own
    char first_rejection[256];
    uint64_t stranded;   // unfinished: came with their memory, and wait in a replica's own queue
    double usd_per_hour; // of all replicas; 0: not known
    // Where replicas come and go: replica seconds, neither down nor off, since the beginning or the end of
    // the warm-up; and in the time of observation, with what they could hold and cost.
    bool comes_and_goes;
    double replica_s, present_s, present_kv_s, present_usd;
    double sim_wall_s;
    // --- Of requests that arrived after the warm-up.
    uint64_t counted;  // all
    uint64_t measured; // that finished: the sketches are of these
    uint64_t waited;   // that did not start (or leave) at once
    uint64_t slo_met, censored;
    mb_bound_metrics ttft_bound, tbt_bound, e2e_bound, gap_bound, late_bound;
    mb_sketch ttft, tpot, e2e, queue;   // seconds
    mb_sketch gap;                      // of each its largest gap, where somebody asked, s
    mb_sketch qoe;                      // of each whose reader is known
    uint64_t dated_tokens, late_tokens; // of those that are due at a time, where somebody asked
    double late_s;                      // added up over them
    mb_sketch program, program_token;   // seconds of each program; the same by token of its answers
    bool why;                           // somebody asked where their time went
    mb_part_sums parts;                 // of the measured
    struct mb_batch_means *batch_means; // NULL: nobody asked; owned
    mb_class_metrics *classes;          // [class_count]; owned
    size_t class_count;
    mb_parties parties;    // of classes or clients, where somebody asked
    bool service_compared; // between clients
    double service_gap;    // then
    bool service_crowded;  // more clients waited at a time than were compared
    // --- Of the time of observation: from the first arrival, or the end of the warm-up, to the end of the
    // run. mb_metrics_restart sets these back.
    double start_s, end_s;
    uint64_t completed, good;                      // requests that finished; of these, within every SLO
    uint64_t prompt_tokens, output_tokens;         // of the completed
    mb_sketch itl;                                 // seconds
    double busy_s;                                 // summed over replicas
    uint64_t batches, batch_requests;              // batch_requests / batches = mean batch
    uint64_t padded_tokens, useful_tokens;         // padding waste = 1 - useful / padded
    double kv_reserved_integral, kv_used_integral; // token seconds
    double kv_peak;                                // highest fraction of a replica's pool
    uint64_t stops[MB_STOP_COUNT];                 // steps and batches with new requests in them
    double idle_with_work_s; // replica seconds idle while requests waited, unless the policy said step:idle
    double idle_beside_s;    // replica seconds idle beside another's own queue (sim/beside.h)
    double lost_s;           // of steps that failures cut
    uint64_t preemptions;
    uint64_t admitted_tokens, cached_tokens; // known at admission to an engine; of these, found in its cache
    uint64_t recomputed_tokens;              // computed again after a preemption
    uint64_t wasted_tokens;                  // generated, and thrown away
    uint64_t transfers;                      // of KV memory from replica to replica that arrived
    double transfers_s, moved_bytes;         // added up over them; bytes NAN: not known
    uint64_t extrapolated_batches;           // batches outside the latency model's fitted range
    double *client_tokens;                   // prompt + output tokens served per client; owned
    uint32_t clients;
} mb_metrics;

// Was there no memory for what was measured? Then percentiles are not known.
bool mb_metrics_lost(const mb_metrics *metrics);

void mb_metrics_deinit(mb_metrics *metrics);
// Keep every latency, but of ITL, so that percentiles are exact.
void mb_metrics_keep_samples(mb_metrics *metrics);
// Keep means of batches from now on; false when out of memory.
bool mb_metrics_keep_batches(mb_metrics *metrics);
// The time of observation starts now.
void mb_metrics_restart(mb_metrics *metrics, double now_s);
// Jain's index over the clients' served tokens (Jain, Chiu & Hawe 1984): (sum x)^2 / (n sum x^2); 1 for one
// client.
double mb_metrics_jain(const mb_metrics *metrics);
// Count a client's served tokens. False when out of memory.
bool mb_metrics_serve_new_client(mb_metrics *metrics, uint32_t client, double tokens);
static inline bool mb_metrics_serve_client(mb_metrics *metrics, uint32_t client, double tokens) {
    if (client >= metrics->clients) return mb_metrics_serve_new_client(metrics, client, tokens);
    metrics->client_tokens[client] += tokens;
    return true;
}
