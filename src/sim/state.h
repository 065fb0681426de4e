// SPDX-License-Identifier: MIT
// The simulation: its parts, and what it is given. Types only; what is done with them is in the other files.
#pragma once
#include "base/bits.h"
#include "base/heap.h"
#include "base/min_tree.h"
#include "engine/engine.h"
#include "engine/lockstep.h"
#include "engine/peak.h"
#include "metrics/metrics.h"
#include "model/kv_table.h"
#include "queue/bins.h"
#include "sim/hardware.h"
#include "sim/policy.h"
#include "sim/wire.h"
#include "workload/source.h"

#include <math.h>
#include <stdatomic.h>

// Order of events at equal times.
// (Arrivals never enter the heap: they come before timers.)
enum { MB_EVENT_STEP_END, MB_EVENT_TRANSFER, MB_EVENT_CHANGE, MB_EVENT_TIMER };
// Payloads of MB_EVENT_TIMER from here on wake idle replicas, and are not the policy's.
#define MB_TIMER_WAKE MB_EVENT_MAX_PAYLOAD

// What a request was and when, as a dump file records it.
typedef struct mb_finished {
    const mb_request *request;
    double first_token_s, end_s; // NAN where there was none
    uint32_t batch;              // number of the batch that served it, from 1; 0: none
    const int64_t *parts;        // [MB_PARTS] of its time; NULL: not known
    const char *why;             // "done", "rejected", "unfinished"
} mb_finished;

// A request that a replica took from where it waited.
typedef struct mb_taken {
    double time_s;
    uint32_t replica;
    uint64_t id;
    uint32_t queue, owner; // its index; the replica whose own it is, or MB_NONE. MB_NONE: it was in none
    uint32_t bin, bins;    // of a set of bins, from 1; 0: the queue is none of them
} mb_taken;

// A request's memory that arrived.
typedef struct mb_moved {
    double begun_s, time_s;
    uint32_t from, to; // replicas
    uint64_t id, tokens;
} mb_moved;

// Somebody who wants to see each event; NULL members cost nothing. A failure ends the run.
typedef struct mb_observer {
    mb_status (*finished)(void *self, const mb_finished *record, mb_error *error);
    mb_status (*batch)(void *self, const mb_batch_record *record, mb_error *error);
    mb_status (*member)(void *self, const mb_member_record *record, mb_error *error); // after its batch
    mb_status (*preempted)(void *self, const mb_preempted *record, mb_error *error);
    // These cannot fail, but for `decision`: who has no room for them says so at the end.
    void (*taken)(void *self, const mb_taken *record);
    // A request that waits was to be taken, and was not.
    void (*refused)(void *self, double now_s, uint32_t replica, uint64_t id, mb_refusal why);
    // A replica was asked, took `taken` requests, and `stop` ended that.
    void (*asked)(void *self, double now_s, uint32_t replica, uint32_t taken, mb_stop stop);
    mb_status (*decision)(void *self, double now_s, uint32_t replica, const char *name, double value,
                          mb_error *error);
    // KV memory of a request was moved to another replica.
    void (*moved)(void *self, const mb_moved *record);
    // A replica failed, and the request on it waits again.
    void (*lost)(void *self, double now_s, uint32_t replica, uint64_t id);
    // From one moment to another so many requests waited and so many ran. In order of time, without holes but
    // where both were 0 before the first arrival.
    void (*held)(void *self, double from_s, double to_s, uint64_t waiting, uint64_t running);
    // An instant is about to begin; who lives in the time of the wall waits for it. Of steps only.
    mb_status (*before)(void *self, const mb_sim *sim, double next_s, mb_error *error);
    // An instant is over: all that happened then has happened.
    mb_status (*instant)(void *self, mb_sim *sim, mb_error *error);
    void *self;
    void *owner; // of whoever made the observer, for when the job is over
    // Who runs the simulation looks on beside them. Set from outside (Ctrl-C): the run fails at its next
    // instant.
    const atomic_bool *stop;
    // Called once, when the policy's `init` has returned.
    mb_status (*ready)(void *watch, mb_error *error);
    // Called every few thousand events; returning MB_FAILED stops the run.
    mb_status (*progress)(void *watch, uint64_t arrived, uint64_t finished, double now_s, mb_error *error);
    void *watch;
} mb_observer;

// How service is weighed where fairness among clients is measured.
typedef struct mb_fair {
    double prompt, output; // per token
    bool measured;
} mb_fair;

// A failure that the scenario foresees.
typedef struct mb_failure {
    double at_s, repair_s; // INFINITY: it is not repaired
    uint32_t replica;
} mb_failure;
typedef struct mb_failure_plan {
    const mb_failure *list; // these,
    size_t count;
    double mtbf_s, mttr_s; // or by chance: mean time up, and of a repair; 0: none
} mb_failure_plan;

typedef struct mb_sim_config {
    const mb_hardware *hardware; // replicas are numbered through, in this order; 1 .. 2^20 of them
    size_t hardware_count;       // 1 ..
    uint32_t group; // so many replicas in a row step together (sim/lockstep.h), a divisor of them; 0, 1: none
    mb_failure_plan failures;
    double signal_period_s, signal_delay_s; // of replica.seen; 0, 0: exact
    bool comes_and_goes; // measure replicas as ones that come and go, whether one does or not
    bool block_oversize; // a request that no pool can ever hold stays in its queue (the origin's flaw 13);
                         // else rejected
    const mb_link_rule *links; // over which KV memory moves, the first that fits counts
    size_t link_count;
    mb_slo slo;
    mb_front_end front_end; // that each request passes before it is seen
    uint64_t seed, replication;
    mb_reader reader; // of answers; classes have their own
    bool late;        // count tokens that came later than slo.ttft and slo.tbt say
    bool readings;    // keep when the tokens of each request came, for readers
    bool gaps;        // keep the largest gap between tokens of each request
    bool programs;    // measure those of sessions
    mb_fair fair;
    bool why;                 // where did the time of requests go?
    mb_by by;                 // measure the requests of each class or client, too
    bool batch_means;         // keep means of batches of requests: intervals within one run
    uint64_t warmup_requests; // observation starts when so many have arrived and the next one comes,
    double warmup_s;          // or so long after the first arrival; one of them is 0
    bool exact_percentiles;   // keep every sample
    bool oracle;              // policies may see the true output length
    double usd_per_hour;      // of all replicas; 0: not known
    double stop_s;            // the simulation ends here, whatever is under way; 0: when all is done
    const mb_class *classes;  // SLOs by class; NULL: `slo` for all
    size_t class_count;
    // --- step latency models only
    bool stepwise; // visit every running request at every iteration (--step)
    bool async;    // steps are composed while the one before them runs
    uint64_t swap_tokens;
    double swap_s_per_token;
} mb_sim_config;

// A request that a ranking puts in order.
typedef struct mb_candidate {
    double key, left; // to the next edge of the keys, in tokens
    uint64_t place;   // of equals the lower comes first
    uint32_t slot;
} mb_candidate;

typedef struct mb_standing mb_standing;   // sim/standing.h
typedef struct mb_front mb_front;         // sim/front.h
typedef struct mb_seen mb_seen;           // sim/seen.h
typedef struct mb_transfers mb_transfers; // sim/transfer.h

// What a client was served so far, and has in the system.
typedef struct mb_client {
    uint64_t prompt_tokens; // of requests that started, each once
    uint64_t output_tokens; // emitted
    uint32_t waiting, running;
    uint32_t next_comer; // of those who begin to wait at this instant (service.h)
    bool comes;
} mb_client;

// Clients that wait, at most so many at a time, and how far the service of each two has been apart since both
// do: served [i] - served [j], j < i.
enum { MB_SERVICE_MOST = 128 };
typedef struct mb_service_place {
    uint32_t client; // MB_NONE: nobody
    double served;
} mb_service_place;

typedef struct mb_fairness { // see service.h
    mb_service_place places[MB_SERVICE_MOST];
    double (*low)[MB_SERVICE_MOST], (*high)[MB_SERVICE_MOST]; // owned; NULL: nobody asked
    uint32_t used;                                            // places up to here
    uint32_t first_comer;                                     // list of clients; MB_NONE
    bool changed;                                             // since the last look
    bool afresh;                                              // the next look begins
    bool crowded;                                             // there was no place for somebody
    double gap;
} mb_fairness;

// A session whose requests are one program.
typedef struct mb_program {
    double first_s, last_s; // its first arrival; when a request of it left last
    uint64_t tokens;        // emitted
    uint32_t in_system;     // requests; of a free place, the next one
    bool counts;            // it began after the warm-up, and no request was rejected
} mb_program;

typedef struct mb_programs { // see programs.h
    mb_kv_table places;      // by number of the program
    mb_program *list;
    uint32_t count, capacity, first_free;
} mb_programs;

// What a policy said once of a replica's steps (plain.h).
typedef struct mb_plain {
    bool declared;
    mb_carry_rule carry;
    bool after_preemption; // admit although carry had to preempt
    bool displace, newest; // the running make room for the first in line (mb_step_displace)
    double age;
    uint32_t queue, most; // admit from here, so many
} mb_plain;

// Where arrivals go (route.h).
typedef enum mb_route_kind {
    MB_ROUTE_NONE, // the policy is asked, or they go to the inbox
    MB_ROUTE_TURNS,
    MB_ROUTE_RANDOM,
    MB_ROUTE_TWO,  // the less loaded of two that are drawn
    MB_ROUTE_LOAD, // to who has the least of it
    MB_ROUTE_RUNNING,
    MB_ROUTE_WAITING
} mb_route_kind;

// Of what a replica may have the least; load: both.
typedef enum mb_measured { MB_BY_LOAD, MB_BY_RUNNING, MB_BY_WAITING, MB_MEASURED_COUNT } mb_measured;

typedef struct mb_route_said {
    mb_route_kind kind;
    mb_role role;   // of the replicas that it is about; MB_ROLE_BOTH: all
    uint32_t last;  // in turn, from 1; 0: nobody yet
    mb_rng *random; // the policy's own stream
} mb_route_said;

// What the policy is still to be told (notice.h).
typedef struct mb_noticed_request {
    uint32_t slot, generation;
} mb_noticed_request;
typedef struct mb_pending_notice {
    mb_notice notice;
    uint32_t first;      // of its requests; their number is the notice's
    uint32_t generation; // of the one that it is about
} mb_pending_notice;
typedef struct mb_notices {
    mb_pending_notice *list; // owned, as the next two
    mb_noticed_request *requests;
    uint32_t *slots;
    size_t count, capacity, request_count, request_capacity, slot_capacity;
    uint64_t at_once; // told at one instant
    double at_once_s;
} mb_notices;

// A request that was handed over and waits for room elsewhere.
typedef struct mb_handoff {
    uint32_t slot, generation;
    uint32_t to;  // replica; MB_NONE: whichever decodes and has most room
    bool unasked; // nobody has been asked where it is to go
} mb_handoff;

typedef struct mb_handoffs { // see handoff.h
    mb_handoff *list;        // in order of handing over; owned
    uint32_t count, capacity;
    uint64_t passes; // over that list
} mb_handoffs;

// What a replica is (lifecycle.h).
typedef enum mb_replica_state {
    MB_UP,
    MB_STARTING,
    MB_DRAINING, // it takes nothing new, and is off when the last request has left
    MB_DOWN,     // it failed
    MB_OFF       // for ever
} mb_replica_state;

// Replica seconds, and what goes with them, of those that are neither down nor off.
typedef struct mb_presence {
    double replica_s, kv_token_s, usd;
} mb_presence;

// The failures of a replica by chance: the next one.
typedef struct mb_fate {
    mb_rng random;
    double at_s, repair_s;
} mb_fate;
typedef struct mb_failures { // see changes.h
    mb_heap heap;            // of those to come
    mb_fate *fates;          // by replica
    uint32_t capacity;
} mb_failures;

typedef struct mb_lifecycle {
    bool used;       // a replica came, went or failed, or the scenario foresees it
    uint32_t absent; // that can serve nothing: starting, down, off
    uint32_t draining;
    uint32_t failing;                  // when all steps of this instant have ended (changes.h)
    double integral;                   // debug builds: of the number of those present, over time
    mb_presence present, before_start; // up to each one's counted_s; up to the first arrival
} mb_lifecycle;

// Replicas that can serve the same requests (beside.h): who stands idle with nothing in its own queue, and in
// how many own queues something waits.
typedef struct mb_beside_set {
    uint32_t free, full;
} mb_beside_set;
typedef struct mb_beside {
    mb_bits touched; // replicas to be looked at when this instant is over
    bool any_touched;
    mb_beside_set *sets; // of each group by role; NULL: no replica has a queue of its own. Owned
    uint32_t idle, held; // of all sets, idle beside a queue: now, since touched_s; from since_s until then
    double since_s, touched_s; // the latter: of the newest change
} mb_beside;

struct mb_replica {
    mb_engine engine;
    const mb_hardware *hardware;
    mb_replica_state state;
    uint32_t drain_to; // the queue where those go that wait in its own
    double up_s;       // starting, or down: up at this time; INFINITY: never
    bool rises, fails; // at this instant; it is repaired in
    double repair_s;
    double counted_s; // while it is neither down nor off: since then
    mb_plain plain;
    mb_role role;
    bool busy, idle_on_purpose, needs_call;
    bool ending;           // its engine's event is at this instant
    bool holding;          // counted in idle_holding_count
    bool queue_holds;      // what another could serve waits in its own queue
    bool free, queue_full; // counted in the set number `beside`, as one or the other (beside.h)
    uint32_t beside;
    bool leaving; // requests that are done leave its engine at this moment
    bool dummy;   // its group is in a step in which it computes nothing of its own, or batches are in flight
                  // on its stages, and it has no other to start: not counted as idle
    uint64_t seen_version; // sim->changes when `schedule` was last called
    uint64_t idle_plan;    // sim->plans when it became idle
    uint64_t own_version;  // when a request was last pushed to its own queue
    uint32_t own_queue;    // index; MB_NONE until the policy asks for it
    double far_s;          // an event of this time is in the heap besides the engine's event_s
    double handed_s;       // at this instant so many were handed over to it by sim->handed_route
    uint32_t handed;
    uint64_t full_pass; // number of the pass over handoffs in which there was no room here
    uint64_t carries;   // rankings in a row in which nothing but places lacked, and their order was not kept
    mb_standing *standing; // of those that run here, from the last ranking; NULL: there was none
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
    mb_route_said route,
        handed_route; // of arrivals; of requests that were handed over (the least of something)
    mb_min_tree least[MB_MEASURED_COUNT]; // of the replicas, once somebody has asked,
    mb_bits recounted;                    // but for these, whose requests were not counted since they changed
    mb_replica **replicas;                // each stays where it is while others are added
    uint32_t replica_count;
    bool by_steps;          // their engines go step by step, not by whole batches,
    bool jumps;             // and over runs of equal steps: not so under --step
    bool plain_sailing;     // nobody looks between the end of a step and the planning at that instant
    mb_request_times times; // where it goes, if anybody asked
    mb_surroundings around; // of the engines
    mb_bits idle;           // replicas
    mb_bits calls;          // of the idle, those that were not asked since they became so,
    mb_bits loaded;         // and those on which requests run
    mb_bits boundary;       // engines that stand between two steps of a run
    mb_bits dozing;         // and those that may pass their next boundary without looking up
    // `version` when an idle replica took nothing, of a policy to which all are alike.
    uint64_t refused_version;
    uint32_t own_queues;
    // At the end of plan number `calm_plan` nothing waited: engines that were idle by then and ran nothing
    // have seen all changes up to `calm_version`, without a look at each of them.
    uint64_t plans, calm_plan, calm_version;
    mb_min_tree
        boundaries;      // of each engine's run, the first boundary at or after the last look; INFINITY: none
    uint64_t arranged;   // all engines will look up for changes up to here,
    uint64_t woken;      // all engines have been told of what changed up to here
    mb_lockstep *groups; // of replicas that step together; NULL: there are none
    mb_bits touched;     // groups of which a run ended or a step is held at this instant
    mb_engine **ranks;   // room for those of a group
    double first_boundary_s;         // or rather, the first of them will, at this time; INFINITY: all
    mb_replica *building;            // whose step is open for mb_step_* calls; NULL outside `schedule`
    uint32_t taken_in;               // requests that were admitted to it,
    mb_stop stop;                    // what ended that,
    mb_stop limited_by;              // and what the policy's own numbers are due to
    mb_places places;                // room of mb_peak
    struct mb_candidate *candidates; // room for those of a ranking
    uint32_t candidate_capacity;
    uint64_t rankings; // made so far
    bool ranked;       // the step that is being built
    uint32_t *scratch; // room for the numbers of all replicas
    uint32_t idle_count, idle_on_purpose_count;
    uint32_t staged, staged_idle; // replicas with stages, whose engines know how busy they were; idle ones
    uint32_t idle_holding_count;  // engines left idle, not on purpose, with work of their own
    uint64_t arrived, waiting, running;
    uint64_t away; // of the waiting, those that are no work: handed over, or their memory on its way
    mb_handoffs handoffs;
    mb_transfers *transfers; // of KV memory; NULL: there was none so far
    mb_owned owned;          // queues of the replicas' own
    mb_beside beside;
    mb_client *clients; // by index
    uint32_t client_count, client_capacity;
    mb_fairness service;
    mb_programs programs;
    mb_notices notices;
    mb_lifecycle lifecycle;
    mb_failures failures;
    mb_seen *seen;            // NULL: whoever looks sees what is
    mb_kv_table failed;       // number of a request -> how often its replica failed; of those in the system
    double clients_counted_s; // output_tokens of running requests are counted up to here
    bool arrivals_ended, closed;
    bool ended;             // nothing happens any more; the policy may look
    bool done_failed;       // in its hook `done`: the metrics are complete all the same
    bool stopped;           // at config->stop_s, before all was done
    bool warm;              // the warm-up is over
    uint64_t first_counted; // statistics of requests are of those from this id on; UINT64_MAX: not known yet
    double warmup_end_s;    // when a warm-up in seconds ends; INFINITY: it has, or is none
    mb_arrival pending;     // the next arrival, not yet in the system
    mb_front *front;        // what is on its way to it; NULL: nothing lies before it
    mb_rng noise;
    uint32_t wakes;        // events of mb_step_idle to come
    uint32_t timers_alone; // timers fired since anything else happened, or since somebody asked about them:
    double alone_since_s;  // see may_fire
    uint64_t looks;        // chances to report progress
    uint64_t
        operations; // replicas asked, and engines looked at to find the first boundary: what planning costs
    mb_metrics metrics;
};
