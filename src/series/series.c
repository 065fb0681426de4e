// SPDX-License-Identifier: MIT
#include "series/series.h"

#include <math.h>

// 15 us: finer than any step.
#define NARROWEST_S 0x1p-16

static void merge(mb_series_cell *into, const mb_series_cell *cell) {
    if (!(cell->seconds > 0)) return;
    const int empty = !(into->seconds > 0);
    into->least = empty || cell->least < into->least ? cell->least : into->least;
    into->most = empty || cell->most > into->most ? cell->most : into->most;
    into->seconds += cell->seconds;
    into->integral += cell->integral;
}

static void halve(mb_series *series) {
    for (size_t i = 0; i < MB_SERIES_POINTS; i++) {
        mb_series_cell cell = {0};
        if (2 * i < MB_SERIES_POINTS) {
            cell = series->cells[2 * i];
            merge(&cell, &series->cells[2 * i + 1]);
        }
        series->cells[i] = cell;
    }
    series->width_s *= 2;
}

void mb_series_widen(mb_series *series, double width_s) {
    if (!(series->width_s > 0)) series->width_s = width_s;
    while (series->width_s < width_s)
        halve(series);
    series->per_s = 1 / series->width_s;
}

static double wide_enough(double width_s, double to_s) {
    if (!(width_s > 0)) width_s = NARROWEST_S;
    while (to_s > width_s * MB_SERIES_POINTS)
        width_s *= 2;
    return width_s;
}

static inline void add_piece(mb_series_cell *cell, double seconds, double first, double last) {
    const double integral = seconds * (first + last) / 2;
    const double least = first < last ? first : last, most = first > last ? first : last;
    if (!(seconds > 0)) return;
    if (cell->seconds > 0)
        mb_series_put(cell, seconds, integral, least, most);
    else
        *cell = (mb_series_cell){.seconds = seconds, .integral = integral, .least = least, .most = most};
}

void mb_series_slope(mb_series *series, double from_s, double to_s, double first, double last) {
    if (!(to_s > from_s) || !(from_s >= 0) || !isfinite(to_s)) return;
    if (!(to_s <= series->width_s * MB_SERIES_POINTS))
        mb_series_widen(series, wide_enough(series->width_s, to_s));
    const double width = series->width_s, slope = (last - first) / (to_s - from_s);
    const double least = first < last ? first : last, most = first > last ? first : last;
    mb_series_cell *cell = &series->cells[(size_t)(from_s / width)];
    double at_s = from_s, value = first, edge_s = width * (double)(cell - series->cells + 1);
    for (; cell < &series->cells[MB_SERIES_POINTS - 1] && to_s > edge_s; cell++) {
        const double exact = first + slope * (edge_s - from_s); // whatever rounding makes of it
        const double there = exact < least ? least : exact > most ? most : exact;
        add_piece(cell, edge_s - at_s, value, there);
        at_s = edge_s;
        value = there;
        edge_s += width; // exact: a multiple of a power of two
    }
    add_piece(cell, to_s - at_s, value, last);
}

void mb_counts_widen(mb_counts *counts, double width_s) {
    if (!(counts->width_s > 0)) counts->width_s = width_s;
    for (; counts->width_s < width_s; counts->width_s *= 2)
        for (size_t kind = 0; kind < MB_SERIES_BINS; kind++)
            for (size_t i = 0; i < MB_SERIES_POINTS; i++)
                counts->counts[kind][i] = 2 * i < MB_SERIES_POINTS
                                              ? counts->counts[kind][2 * i] + counts->counts[kind][2 * i + 1]
                                              : 0;
}

void mb_counts_add(mb_counts *counts, double at_s, uint32_t kind) {
    if (!(at_s >= 0) || !isfinite(at_s)) return;
    if (!(at_s < counts->width_s * MB_SERIES_POINTS))
        mb_counts_widen(counts, wide_enough(counts->width_s, nextafter(at_s, INFINITY)));
    const size_t index = (size_t)(at_s / counts->width_s);
    counts->counts[kind < MB_SERIES_BINS ? kind : MB_SERIES_BINS - 1]
                  [index < MB_SERIES_POINTS ? index : MB_SERIES_POINTS - 1]++;
}
