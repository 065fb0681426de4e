// SPDX-License-Identifier: MIT
// A value over time in a fixed number of intervals: as the time grows, two become one. Of each interval the
// mean over its time, the least and the most.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MB_SERIES_POINTS = 256, MB_SERIES_BINS = 16 };

typedef struct mb_series_cell {
    double seconds, integral; // of the time in which there was a value
    double least, most;       // where seconds > 0; else infinite, so that a value needs no question
} mb_series_cell;

typedef struct mb_series {
    double width_s; // of an interval, a power of two; 0: nothing was added
    mb_series_cell cells[MB_SERIES_POINTS];
} mb_series;

void mb_series_init(mb_series *series);
// From one moment to another the value went evenly from `first` to `last`.
void mb_series_slope(mb_series *series, double from_s, double to_s, double first, double last);

typedef struct mb_series_piece {
    mb_series *series;
    double first, last;
} mb_series_piece;
// The same in several series of one width that has room for it; 0 <= from_s < to_s.
void mb_series_spread(const mb_series_piece *pieces, size_t count, double from_s, double to_s);

// Of a time that lies within one interval.
static inline void mb_series_put(mb_series_cell *cell, double seconds, double integral, double least,
                                 double most) {
    cell->seconds += seconds;
    cell->integral += integral;
    cell->least = least < cell->least ? least : cell->least;
    cell->most = most > cell->most ? most : cell->most;
}

// How wide intervals are that have room up to here, if they were of this width before.
double mb_series_width(double width_s, double to_s);
// Intervals of at least this width, which is a power of two.
void mb_series_widen(mb_series *series, double width_s);

// What happens at moments, counted by kind.
typedef struct mb_counts {
    double width_s;
    uint64_t counts[MB_SERIES_BINS][MB_SERIES_POINTS];
} mb_counts;

void mb_counts_add(mb_counts *counts, double at_s, uint32_t kind); // of the last kind where there is no such
void mb_counts_widen(mb_counts *counts, double width_s);
