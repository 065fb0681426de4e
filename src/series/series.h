// SPDX-License-Identifier: MIT
// A value over time in a fixed number of intervals: as the time grows, two become one. Of each interval the
// mean over its time, the least and the most.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MB_SERIES_POINTS = 256, MB_SERIES_BINS = 16 };

typedef struct mb_series_cell {
    double seconds, integral; // of the time in which there was a value
    double least, most;       // where seconds > 0
} mb_series_cell;

// Zero-initialised is empty.
typedef struct mb_series {
    double width_s; // of an interval, a power of two; 0: nothing was added
    double per_s;   // 1 / width_s
    mb_series_cell cells[MB_SERIES_POINTS];
} mb_series;

// From one moment to another the value went evenly from `first` to `last`.
void mb_series_slope(mb_series *series, double from_s, double to_s, double first, double last);
// The interval in which all of this time lies, where there is one that has been begun: nearly always.
static inline mb_series_cell *mb_series_within(mb_series *series, double from_s, double to_s) {
    const double place = from_s * series->per_s;
    if (!(place >= 0 && place < MB_SERIES_POINTS)) return NULL;
    const size_t index = (size_t)place;
    mb_series_cell *cell = &series->cells[index];
    return to_s > from_s && to_s <= series->width_s * (double)(index + 1) && cell->seconds > 0 ? cell : NULL;
}

static inline void mb_series_put(mb_series_cell *cell, double seconds, double integral, double least,
                                 double most) {
    cell->seconds += seconds;
    cell->integral += integral;
    cell->least = least < cell->least ? least : cell->least;
    cell->most = most > cell->most ? most : cell->most;
}

// The value was this all the time.
static inline void mb_series_add(mb_series *series, double from_s, double to_s, double value) {
    mb_series_cell *cell = mb_series_within(series, from_s, to_s);
    if (cell)
        mb_series_put(cell, to_s - from_s, (to_s - from_s) * value, value, value);
    else
        mb_series_slope(series, from_s, to_s, value, value);
}

// Intervals of at least this width, which is a power of two.
void mb_series_widen(mb_series *series, double width_s);

// What happens at moments, counted by kind.
typedef struct mb_counts {
    double width_s;
    uint64_t counts[MB_SERIES_BINS][MB_SERIES_POINTS];
} mb_counts;

void mb_counts_add(mb_counts *counts, double at_s, uint32_t kind); // of the last kind where there is no such
void mb_counts_widen(mb_counts *counts, double width_s);
