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
}

double mb_series_width(double width_s, double to_s) {
    if (!(width_s > 0)) width_s = NARROWEST_S;
    while (to_s > width_s * MB_SERIES_POINTS)
        width_s *= 2;
    return width_s;
}

static inline void add_piece(mb_series_cell *cell, double seconds, double first, double last) {
    if (!(seconds > 0)) return;
    mb_series_put(cell, seconds, seconds * (first + last) / 2, first < last ? first : last,
                  first > last ? first : last);
}

// Where a slope is, whatever rounding makes of it.
static inline double between(const mb_series_piece *piece, double part) {
    const double exact = piece->first + (piece->last - piece->first) * part;
    const double least = piece->first < piece->last ? piece->first : piece->last;
    const double most = piece->first > piece->last ? piece->first : piece->last;
    return exact < least ? least : exact > most ? most : exact;
}

// In steps of whole intervals after the first, which are most where a run is short.
static void hold(mb_series *series, double from_s, double to_s, double value) {
    const double width = series->width_s, integral = width * value;
    mb_series_cell *cell = &series->cells[(size_t)(from_s / width)],
                   *last = &series->cells[MB_SERIES_POINTS - 1];
    double at_s = from_s, edge_s = width * (double)(cell - series->cells + 1);
    if (cell < last && to_s > edge_s) {
        add_piece(cell++, edge_s - at_s, value, value);
        at_s = edge_s;
        edge_s += width; // exact: a multiple of a power of two
    }
    for (; cell < last && to_s > edge_s; cell++, edge_s += width) {
        mb_series_put(cell, width, integral, value, value);
        at_s = edge_s;
    }
    add_piece(cell, to_s - at_s, value, value);
}

static void slope(const mb_series_piece *piece, double from_s, double to_s) {
    const double width = piece->series->width_s;
    mb_series_cell *cells = piece->series->cells;
    size_t cell = (size_t)(from_s / width);
    double at_s = from_s, value = piece->first, edge_s = width * (double)(cell + 1);
    for (; cell < MB_SERIES_POINTS - 1 && to_s > edge_s; cell++, edge_s += width) {
        const double there = between(piece, (edge_s - from_s) / (to_s - from_s));
        add_piece(&cells[cell], edge_s - at_s, value, there);
        at_s = edge_s;
        value = there;
    }
    add_piece(&cells[cell], to_s - at_s, value, piece->last);
}

void mb_series_spread(const mb_series_piece *pieces, size_t count, double from_s, double to_s) {
    for (size_t i = 0; i < count; i++)
        if (pieces[i].first == pieces[i].last)
            hold(pieces[i].series, from_s, to_s, pieces[i].first);
        else
            slope(&pieces[i], from_s, to_s);
}

void mb_series_slope(mb_series *series, double from_s, double to_s, double first, double last) {
    const mb_series_piece piece = {series, first, last};
    if (!(to_s > from_s) || !(from_s >= 0) || !isfinite(to_s)) return;
    if (!(to_s <= series->width_s * MB_SERIES_POINTS))
        mb_series_widen(series, mb_series_width(series->width_s, to_s));
    mb_series_spread(&piece, 1, from_s, to_s);
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
        mb_counts_widen(counts, mb_series_width(counts->width_s, nextafter(at_s, INFINITY)));
    const size_t index = (size_t)(at_s / counts->width_s);
    counts->counts[kind < MB_SERIES_BINS ? kind : MB_SERIES_BINS - 1]
                  [index < MB_SERIES_POINTS ? index : MB_SERIES_POINTS - 1]++;
}
