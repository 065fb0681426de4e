// SPDX-License-Identifier: MIT
// What KV memory is moved over: a wire has a bandwidth, and its transfers share it. How fast it is, is said
// per transfer, as the time that it would take alone.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef enum mb_share {
    MB_SHARE_FIFO, // one after the other
    MB_SHARE_FAIR, // all at once, in equal parts
    MB_SHARE_NONE, // each as if it were alone
    MB_SHARE_COUNT
} mb_share;
const char *mb_share_name(mb_share share);

// What a scenario says of the wires between two groups of replicas.
typedef struct mb_link_rule {
    uint32_t from, to; // groups; UINT32_MAX: any
    double bandwidth;  // bytes/s; 0: seconds_per_token stands
    double seconds_per_token, latency_s;
    mb_share share;
    bool per_replica; // each replica has a wire of its own to send over
} mb_link_rule;

// A transfer on its way over a wire. Alone it would need until `key` of the wire's work (fair), or `alone_s`.
typedef struct mb_passenger {
    double key, alone_s;
    uint64_t turn; // in order of coming
    uint32_t transfer;
} mb_passenger;

typedef struct mb_wire {
    mb_share share;
    mb_passenger *heap; // by (key, turn); with MB_SHARE_FIFO by turn. Owned
    uint32_t count, capacity;
    uint64_t turns;
    double since_s,
        work;      // fair: what each of those on it has had by then, s; FIFO: since when the first goes
    double next_s; // when the first is through; INFINITY: nobody is on it
} mb_wire;

void mb_wire_init(mb_wire *wire, mb_share share);
void mb_wire_deinit(mb_wire *wire);
// A transfer that would take `alone_s` begins. False when out of memory.
bool mb_wire_enter(mb_wire *wire, uint32_t transfer, double alone_s, double now_s);
// It is given up.
void mb_wire_leave(mb_wire *wire, uint32_t transfer, double now_s);
// Time next_s has come: the next that is through by then, or UINT32_MAX: none, and next_s is another.
uint32_t mb_wire_through(mb_wire *wire);
