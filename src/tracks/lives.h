// SPDX-License-Identifier: MIT
// The lives of requests: what each did from its arrival to its end, piece by piece. They are kept while a
// request is in the system and written when it leaves.
#pragma once
#include "model/kv_table.h"
#include "sim/state.h"
#include "tracks/events.h"

typedef enum mb_living {
    MB_LIVING_PROMPT,
    MB_LIVING_DECODE,
    MB_LIVING_WHOLE,   // a batch from the prompt to the end: the first token lies within
    MB_LIVING_STALLED, // on a replica, but not in its steps
    MB_LIVING_ASIDE,   // preempted
    MB_LIVING_MOVING   // its memory is on its way to another replica
} mb_living;

typedef struct mb_life_piece {
    double from_s, to_s;
    uint32_t replica;
    mb_living what;
    const char *how; // it was set aside
} mb_life_piece;

typedef struct mb_life {
    uint64_t id;
    uint32_t replica; // that holds it; MB_NONE: none does
    const char *how;  // it was set aside, and does not run again yet
    mb_life_piece *pieces;
    uint32_t count, capacity;
    uint32_t next_free;
} mb_life;

typedef struct mb_lives {
    mb_kv_table places; // by id
    mb_life *list;
    uint32_t count, capacity, first_free; // MB_NONE: none is free
    bool failed;                          // out of memory
} mb_lives;

void mb_lives_init(mb_lives *lives);
void mb_lives_deinit(mb_lives *lives);
// The life of a request, which begins if it has not; NULL when out of memory.
mb_life *mb_lives_of(mb_lives *lives, uint64_t id);
// It was in a step, or a run of equal ones.
void mb_life_work(mb_lives *lives, mb_life *life, const mb_life_piece *piece);
// It leaves: its pieces are written, and forgotten. The replica that held it; MB_NONE: none did.
uint32_t mb_lives_end(mb_lives *lives, mb_events *events, const mb_finished *record, double now_s);
