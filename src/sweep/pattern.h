// SPDX-License-Identifier: MIT
// A minimum over several axes without derivatives, in rounds whose trials can run at once: a pattern search
// over mixed variables (Audet & Dennis, "Pattern search algorithms for mixed variable programming", SIAM J.
// Optim. 11, 2001) from the best of a Halton sequence (Numer. Math. 2, 1960), which also goes on beside it.
// What is asked for depends on the costs alone. Where all combinations can be tried, they are.
#pragma once
#include "sweep/axis.h"

typedef struct mb_pattern {
    const mb_axis *const *axes; // [axis_count]; the caller's
    size_t axis_count, most;    // most: trials
    size_t *levels;             // [count][axis_count]: every trial so far
    double *costs;              // [count]; INFINITY: of no use. The caller sets those from `told` on
    bool *centres;              // [count]: the search went on from there
    size_t count, capacity, told;
    bool whole; // every combination is a trial
    // Of the search that goes on:
    bool polling;
    size_t centre, drawn, design, round; // round: the first trial of the last one
    double step;
    size_t *neighbours, *leap; // trials around the centre [neighbour_count]; levels where its last moves lead
    size_t neighbour_count, neighbour_capacity;
    bool has_leap, finest, failed;
} mb_pattern;

// `first`: levels of the trial to begin with; NULL: none. False when out of memory. Release in any case.
bool mb_pattern_init(mb_pattern *search, const mb_axis *const *axes, size_t axis_count, size_t most,
                     const size_t *first);
void mb_pattern_deinit(mb_pattern *search);
// The next round: trials from number search->told on. 0: it is over (or search->failed: out of memory).
size_t mb_pattern_ask(mb_pattern *search);
// The costs of the round are set.
void mb_pattern_tell(mb_pattern *search);
// The trial of the lowest cost, of those told; the first of equals; SIZE_MAX: none.
size_t mb_pattern_best(const mb_pattern *search);
// A trial of these levels; SIZE_MAX: none.
size_t mb_pattern_find(const mb_pattern *search, const size_t *levels);
