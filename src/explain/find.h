// SPDX-License-Identifier: MIT
// The shortest stretch of a run's requests on which two policies still differ much.
#pragma once
#include "explain/trial.h"

// The shortest stretch is wanted that keeps this share of the largest difference found; where it is longer
// than MB_EXPLAIN_DRAWN requests, one that is not, if some keeps MB_EXPLAIN_LEAST of it.
#define MB_EXPLAIN_KEPT 0.5
#define MB_EXPLAIN_LEAST 0.1
enum { MB_EXPLAIN_DRAWN = 26 };

typedef struct mb_found {
    size_t requests;    // of the whole run
    mb_gap whole;       // over all of it
    bool same_schedule; // every request started and ended at the same times on the same replicas
    bool same_values;   // or at least the measure is the same for each
    int winner;         // of the whole run; of the stretch where that is a draw
    double largest;     // difference of all stretches that were tried (mb_gap_share)
    mb_trial stretch;   // numbers, gap and records with parts; no numbers where nothing differs
    size_t trials;      // pairs of runs that it took
    bool lesser;        // chosen for its length: it may keep less than MB_EXPLAIN_KEPT
    bool cut_short;     // the bound on the trials ended the search
} mb_found;

// Reads, runs and shrinks. Release with mb_found_deinit in any case. After an interruption it fails, and the
// sentence says how far it was.
mb_status mb_find_stretch(mb_duel *duel, mb_found *found, mb_error *error);
void mb_found_deinit(mb_found *found);
