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
    char **remarks;        // [rows]: texts behind the last column, where every line has room; NULL: none
    const char *remark;    // what they are
    bool any_best;
    bool intervals;     // some row is of several seeds
    bool policy_column; // there is one; else all rows are of the same policy
    bool failed;        // out of memory; draw nothing
} mb_sheet;

// Release with mb_sheet_deinit, also after a failure.
void mb_sheet_build(const mb_results *results, mb_sheet *sheet);
void mb_sheet_deinit(mb_sheet *sheet);

// To fill a sheet by hand: set text_columns, columns and rows, allocate, and put a text into each head, unit
// and cell. False (and `failed`) when out of memory.
bool mb_sheet_allocate(mb_sheet *sheet);
void mb_sheet_put(mb_sheet *sheet, char **cell, const char *text);

// One line that says what was simulated: the (first) point's description, how many points, the policy if it
// has no column, and whether policies may look into the future.
void mb_sheet_describe(const mb_sheet *sheet, const mb_results *results, mb_strbuf *text);

// "better than every other policy there: ...", what a star says.
void mb_sheet_explain_star(const mb_results *results, mb_strbuf *text);
// What a level with its interval is; nothing where there is none.
void mb_sheet_explain_levels(const mb_sheet *sheet, const mb_results *results, mb_strbuf *text);
