// SPDX-License-Identifier: MIT
// A scheduling policy as the simulation sees it: hooks, whatever language they are written in. src/policy
// fills this struct with Lua calls; tests and benchmarks fill it with C.
#pragma once
#include "engine/surroundings.h"

typedef struct mb_sim mb_sim;
typedef struct mb_replica mb_replica;

typedef enum mb_end { MB_END_DONE, MB_END_REJECTED } mb_end;

// Kinds of what happened and no other hook tells of.
typedef enum mb_signal {
    MB_SIGNAL_ARRIVED,
    MB_SIGNAL_COPIED,
    MB_SIGNAL_ABORTED,
    MB_SIGNAL_UP,
    MB_SIGNAL_DRAINING,
    MB_SIGNAL_DOWN,
    MB_SIGNAL_OFF,
    MB_SIGNAL_COUNT
} mb_signal;

// Something of that. Members that do not belong to its kind are NULL,
// NAN, MB_NONE.
typedef struct mb_notice {
    mb_signal kind;
    const char *why; // a constant text
    double seconds;
    uint32_t replica, from, to; // numbers of replicas
    uint32_t request;           // slot
    bool leaves;                // the request, as where `finish` is called
    bool lists;                 // it has a list of requests, perhaps an empty one
    const uint32_t *requests;   // slots
    size_t request_count;
} mb_notice;

// A hook that is NULL costs nothing. Each returns MB_OK, or fills `error` and ends the run.
typedef struct mb_policy_ops {
    // Whether an idle replica takes something does not depend on which one is asked: where one takes nothing,
    // the others are not asked before something changes. Not with queues of the replicas' own.
    bool alike;
    // Events at equal times come one by one, in the order in which Python's heapq gives them back when all
    // arrivals are pushed first; replicas plan after each. It keeps all arrivals in memory. (Batch executor,
    // open workloads.)
    bool python_ties;
    mb_status (*init)(void *self, mb_sim *sim, mb_error *error);
    // NULL: the request goes to the simulation's inbox.
    mb_status (*arrive)(void *self, mb_sim *sim, uint32_t slot, mb_error *error);
    // Fill the replica's step with mb_step_*; required.
    mb_status (*schedule)(void *self, mb_sim *sim, mb_replica *replica, mb_error *error);
    // The step's requests have left `running`.
    mb_status (*stepped)(void *self, mb_sim *sim, mb_replica *replica, const mb_step_report *report,
                         mb_error *error);
    // A request emitted its first token on this replica, which only prefills: the replica where it is to go
    // on, or MB_NONE: the policy sends it later. NULL: it goes where there is most room.
    mb_status (*handoff)(void *self, mb_sim *sim, uint32_t slot, mb_replica *replica, uint32_t *to,
                         mb_error *error);
    // The slot is still readable, and recycled afterwards.
    mb_status (*finish)(void *self, mb_sim *sim, uint32_t slot, mb_end why, mb_error *error);
    mb_status (*timer)(void *self, mb_sim *sim, uint32_t timer, mb_error *error);
    bool (*timer_gone)(void *self,
                       uint32_t timer); // it was cancelled, and is nobody's now. NULL: none ever is
    // Called when the hook, or the part of an instant, is over in which it happened.
    mb_status (*signal)(void *self, mb_sim *sim, const mb_notice *notice, mb_error *error);
    uint32_t untold; // kinds that it need not be told of: bit `kind`
    // The run has come to its end; nothing happens after it. Its failure loses nothing (sim->done_failed).
    mb_status (*done)(void *self, mb_sim *sim, mb_error *error);
    // Keys of a queue ordered by MB_KEY_GIVEN, where the core itself pushes (arrivals to the inbox).
    mb_status (*key)(void *self, mb_sim *sim, uint32_t queue, uint32_t slot, double *key, mb_error *error);
} mb_policy_ops;

typedef struct mb_policy {
    const mb_policy_ops *ops;
    void *self;
} mb_policy;
