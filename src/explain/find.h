// SPDX-License-Identifier: MIT
// The shortest stretch of a run's requests on which two policies still differ much.
#pragma once
#include "explain/trial.h"

// A stretch is short enough to be shown when it keeps this share of the largest difference found.
#define MB_EXPLAIN_KEPT 0.5

typedef struct mb_found {
    size_t requests;    // of the whole run
    mb_gap whole;       // over all of it
    bool same_schedule; // every request started and ended at the same times on the same replicas
    bool same_values;   // or at least the measure is the same for each
    int winner;         // of the whole run; of the stretch where that is a draw
    double largest;     // difference of all stretches that were tried (mb_gap_share)
    mb_trial stretch;   // numbers, gap and records with parts; no numbers where nothing differs
    size_t trials;      // pairs of runs that it took
    bool cut_short;     // the bound on these ended the search
} mb_found;

// Reads, runs and shrinks. Release with mb_found_deinit in any case. After an interruption it fails, and the
// sentence says how far it was.
mb_status mb_find_stretch(mb_duel *duel, mb_found *found, mb_error *error);
void mb_found_deinit(mb_found *found);
