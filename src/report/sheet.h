// SPDX-License-Identifier: MIT
// A table of texts, before somebody draws it: a row per point and policy, a column per measure.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

typedef struct mb_sheet {
    size_t text_columns; // the leading ones hold names; the others hold numbers
    size_t columns, rows;
    char **heads, **units; // [columns]
    char **cells;          // [rows][columns]
    bool *best;            // [rows][columns]: really better than every other policy at the point
    bool *group;           // [rows]: the first row of a point
    bool any_best;
    bool intervals;     // some row is of several seeds
    bool policy_column; // there is one; else all rows are of the same policy
    bool failed;        // out of memory; draw nothing
} mb_sheet;

// Release with mb_sheet_deinit, also after a failure.
void mb_sheet_build(const mb_results *results, mb_sheet *sheet);
void mb_sheet_deinit(mb_sheet *sheet);

// One line that says what was simulated: the (first) point's description, how many points, the policy if it
// has no column, and whether policies may look into the future.
void mb_sheet_describe(const mb_sheet *sheet, const mb_section *section, mb_strbuf *text);

// What a star, and what a level with its interval is.
#define MB_BEST_SENTENCE                                                                                     \
    "better than every other policy there: paired by seed, 5 %, Holm's correction over all pairs."
#define MB_LEVEL_SENTENCE                                                                                    \
    "Geometric means over the seeds (shares: of the odds; with a 0 or 1 among them: means), 95 % CI."
