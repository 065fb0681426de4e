// SPDX-License-Identifier: MIT
// KV memory on its way from replica to replica: what may leave, what it takes on a wire (sim/wire.h), what
// happens when it arrives.
#pragma once
#include "sim/state.h"

typedef enum mb_transfer_kind {
    MB_TRANSFER_SEND // a request that waits goes elsewhere
} mb_transfer_kind;

typedef struct mb_transfer {
    mb_transfer_kind kind;
    uint8_t stage;   // of the request, before it was sent
    uint64_t number; // in order of beginning, from 1; 0: this place is free
    double begun_s;
    double event_s;    // it arrives then; INFINITY: it is on a wire, or waits for it
    double latency_s;  // after that
    mb_kv_hold hold;   // its blocks at the destination
    uint64_t tokens;   // moved, or to be moved
    uint32_t slot;     // of the request
    uint32_t from, to; // replicas
    uint32_t wire;     // MB_NONE: it needs none
    uint32_t queue;    // where the request waits then
    bool front;
    uint32_t next_free;
} mb_transfer;

struct mb_transfers {
    mb_transfer *list;
    uint32_t count, capacity, first_free;
    uint64_t begun;
    mb_wire *wires; // [source group * groups + target group], then one for each replica that sends
    uint32_t wire_count;
    uint32_t *due; // numbers of places, of those that arrive now
    uint32_t due_count, due_capacity;
};

void mb_transfers_deinit(mb_sim *sim);
// Events whose time has come: requests arrive, in the order in which they were sent.
mb_status mb_transfers_arrive(mb_sim *sim, mb_error *error);
// Does this event, of MB_EVENT_TRANSFER, still count?
bool mb_transfer_is_current(const mb_sim *sim, double time_s, uint32_t payload);

// What memory moves over between two replicas; NULL: the scenario has no such link.
const mb_link_rule *mb_link_between(const mb_sim *sim, uint32_t from, uint32_t to);

// How a request is sent.
typedef struct mb_sending {
    uint32_t queue; // at the destination; MB_NONE: its own
    bool front;
    uint32_t layers; // its memory went layer by layer while the prompt was computed; 1: it did not
} mb_sending;
// A request that waits and holds memory (mb_stage_holds, or on the host) goes to replica `to`, which takes
// the room that it needs now. *refused: NULL, or why nothing was done.
mb_status mb_transfer_send(mb_sim *sim, uint32_t slot, uint32_t to, const mb_sending *how,
                           const char **refused, mb_error *error);
// Is the request, which waits, on its way from or to this replica?
bool mb_transfer_concerns(const mb_sim *sim, uint32_t slot, uint32_t replica);
// One of the two has failed: its request has nothing in memory any more.
mb_status mb_transfer_lose(mb_sim *sim, uint32_t slot, uint32_t failed, mb_error *error);
// Its request is to stay where it is.
mb_status mb_transfer_abort(mb_sim *sim, uint32_t slot, mb_error *error);
