// SPDX-License-Identifier: MIT
// What a tuned key may be, as levels counted from 0: whole numbers, a thousand steps of a range of fractions,
// the numbers of a list in its order, or words.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { MB_AXIS_TEXT = 64, MB_MOST_AXES = 8 };

typedef struct mb_axis {
    char key[128];
    enum { MB_AXIS_WHOLE, MB_AXIS_REAL, MB_AXIS_LIST, MB_AXIS_WORDS } kind;
    bool logarithmic; // steps are factors
    double low, high; // of ranges
    char **items;     // of lists and words, as they were written; owned
    size_t levels;
} mb_axis;

// "params.bins=1..32", "params.overfull=0.01..10:log", "params.batch=1..64:x2", "params.batch=1,2,4",
// "params.rule=equal_mass,optimal". Release with mb_axis_deinit in any case.
mb_status mb_axis_parse(const char *text, mb_axis *axis, mb_error *error);
void mb_axis_deinit(mb_axis *axis);
// A range between whole numbers, of a key that takes fractions.
void mb_axis_take_fractions(mb_axis *axis);

// What --set takes.
void mb_axis_text(const mb_axis *axis, size_t level, char text[MB_AXIS_TEXT]);
// The level whose text it is; false: none.
bool mb_axis_find(const mb_axis *axis, const char *text, size_t *level);
// Where a level lies between both ends, 0 .. 1; of words, their number says nothing.
double mb_axis_position(const mb_axis *axis, size_t level);
size_t mb_axis_nearest(const mb_axis *axis, double position);
// Is a level the first or last of an order?
bool mb_axis_at_edge(const mb_axis *axis, size_t level);
