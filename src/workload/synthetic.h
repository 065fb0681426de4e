// SPDX-License-Identifier: MIT
// What a synthetic request is: its class, lengths, client and prefix, each from a random stream of its own.
#pragma once
#include "workload/description.h"

// The class of one request or session at that time, drawn by share; 0 without a draw where there are no
// classes, MB_NO_CLASS where none is active then.
#define MB_NO_CLASS UINT32_MAX
uint32_t mb_draw_class(const mb_workload *workload, double time_s, mb_rng *rng);
// Whose request one of this class is, of workload->clients (of two at least).
uint32_t mb_draw_client(const mb_workload *workload, uint32_t class_index, mb_rng *rng);
// Priority, deadline and index of the class; needs the arrival's time.
void mb_set_class(const mb_workload *workload, uint32_t class_index, mb_arrival *arrival);
// The random streams of lengths.
typedef struct mb_length_streams {
    mb_rng prompt, output, bound; // the last of the caller's bound on the output
} mb_length_streams;
// The lengths of one request; a pair is chosen by the prompt's stream.
void mb_draw_lengths(const mb_workload *workload, uint32_t class_index, mb_length_streams *streams,
                     mb_arrival *arrival);
// Let the prompt begin with a shared prefix, if the workload has one. *id is where the arrival will find it.
void mb_add_prefix(const mb_workload *workload, mb_rng *rng, mb_arrival *arrival, uint64_t *id);

// The open stream: arrivals that wait for nobody.
typedef struct mb_open_state mb_open_state;

mb_status mb_open_stream(const mb_workload *workload, uint64_t seed, uint64_t replication,
                         mb_open_state **state, mb_error *error);
// False when there are no more.
bool mb_open_next(mb_open_state *state, mb_arrival *arrival);
void mb_open_close(mb_open_state *state);
