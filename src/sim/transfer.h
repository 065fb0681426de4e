// SPDX-License-Identifier: MIT
// KV memory on its way from replica to replica: what it goes over, and who is sent. What happens when it
// arrives is in moved.h, how a request goes while it runs in migrate.h.
#pragma once
#include "sim/state.h"

// What is under way.
typedef enum mb_transfer_kind {
    MB_TRANSFER_SEND, // all that is left of the memory of a request that waits for it
    MB_TRANSFER_LIVE, // what a request had computed by a moment, while it goes on
    MB_TRANSFER_STAY, // nothing: the request is to leave at the first boundary of its replica
    MB_TRANSFER_COPY  // what a cache holds of a request that waits (copy.h); it belongs to no request
} mb_transfer_kind;

typedef struct mb_transfer {
    uint64_t number; // in order of beginning, from 1; 0: this place is free
    double begun_s;
    double event_s;   // it arrives then; INFINITY: it is on a wire, or waits for it
    double latency_s; // after the wire
    mb_kv_hold hold;  // its blocks at the destination
    uint64_t tokens;  // moved by now or under way; of these, under way:
    uint64_t leg;
    uint32_t slot;     // of the request; MB_NONE: a copy
    uint32_t from, to; // replicas
    uint32_t wire;     // MB_NONE: it is on none
    uint32_t queue;    // where the request waits then
    uint32_t stages;   // of a migration, how many may be left; the last one
    uint32_t last;     // is when so many blocks are left
    uint32_t next_free;
    struct mb_copy *copy; // owned; NULL: it is none
    uint8_t kind, stage;  // stage: of the request, before it was sent
    bool front;
} mb_transfer;

struct mb_transfers {
    mb_transfer *list;
    uint32_t count, capacity, first_free;
    uint64_t begun;
    mb_wire *wires; // [source group * groups + target group], then one for each replica that sends
    uint32_t wire_count;
    uint32_t *due; // numbers of places, of those that arrive now
    uint32_t due_count, due_capacity;
    uint32_t staying;                // transfers of MB_TRANSFER_STAY
    uint64_t sent, arrived, dropped; // tokens
};

void mb_transfers_deinit(mb_sim *sim);
// Does this event, of MB_EVENT_TRANSFER, still count?
bool mb_transfer_is_current(const mb_sim *sim, double time_s, uint32_t payload);
// Has the event of a wire this payload? Its time has come: who is through arrives after the latency. False
// when out of memory.
#define MB_WIRE_EVENT (UINT32_C(1) << 23)
bool mb_transfer_leave_wire(mb_sim *sim, uint32_t payload);

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
// A request's memory does not go elsewhere: it is as it was before, and in no queue if it waits.
mb_status mb_transfer_abort(mb_sim *sim, uint32_t slot, mb_error *error);

// --- for migrations, and arrivals
// Why a replica takes nothing, whatever its room; NULL: it does.
const char *mb_transfer_refused(const mb_sim *sim, uint32_t to);
// The source has its memory back.
bool mb_transfer_leave_source(mb_sim *sim, const mb_transfer *transfer);
// The place of a new transfer from one replica to another; MB_NONE: out of memory.
uint32_t mb_transfer_open(mb_sim *sim, uint32_t from, uint32_t to);
// Its way over a wire is given up. False when out of memory.
bool mb_transfer_leave_its_wire(mb_sim *sim, uint32_t index);
// The place of a new transfer, of a request to a replica; MB_NONE: out of memory. It is free again.
uint32_t mb_transfer_new(mb_sim *sim, uint32_t slot, uint32_t to);
void mb_transfer_free(mb_sim *sim, uint32_t index);
// Room for all that the request has computed is taken at its destination; false: there is none.
bool mb_transfer_take_room(mb_sim *sim, uint32_t index);
// So many tokens more go on their way.
mb_status mb_transfer_depart(mb_sim *sim, uint32_t index, uint64_t tokens, uint32_t layers, mb_error *error);
// The request is queued where it has come to, and the policy is told.
mb_status mb_transfer_come(mb_sim *sim, const mb_transfer *transfer, mb_error *error);
// What a waiting request did up to now.
void mb_transfer_pass_time(mb_sim *sim, uint32_t slot, mb_time_part part);
