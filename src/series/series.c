// SPDX-License-Identifier: MIT
#include "series/series.h"

#include <math.h>

// 15 us: finer than any step.
#define NARROWEST_S 0x1p-16

static const mb_series_cell EMPTY = {.least = INFINITY, .most = -INFINITY};

void mb_series_init(mb_series *series) {
    series->width_s = 0;
    for (size_t i = 0; i < MB_SERIES_POINTS; i++)
        series->cells[i] = EMPTY;
}

static void halve(mb_series *series) {
    for (size_t i = 0; i < MB_SERIES_POINTS; i++) {
        mb_series_cell cell = EMPTY;
        if (2 * i < MB_SERIES_POINTS) {
            const mb_series_cell *next = &series->cells[2 * i + 1];
            cell = series->cells[2 * i];
            mb_series_put(&cell, next->seconds, next->integral, next->least, next->most);
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

// A piece of time over borders of intervals, of which the series all have the same.
typedef struct cut {
    double width_s, from_s, to_s;
    size_t first, last;     // intervals
    double first_s, last_s; // in these two; the last may be nothing
} cut;

static inline cut cut_up(double width_s, double from_s, double to_s) {
    cut c = {.width_s = width_s, .from_s = from_s, .to_s = to_s};
    c.first = (size_t)(int64_t)(from_s / width_s);
    c.last = (size_t)(int64_t)(to_s / width_s);
    c.first_s = c.first == c.last ? to_s - from_s : width_s * (double)(int64_t)(c.first + 1) - from_s;
    c.last_s = c.first == c.last ? 0 : to_s - width_s * (double)(int64_t)c.last;
    return c;
}

static inline void hold(const cut *c, mb_series *series, double value) {
    mb_series_cell *cell = &series->cells[c->first], *last = &series->cells[c->last];
    const double integral = c->width_s * value;
    mb_series_put(cell, c->first_s, c->first_s * value, value, value);
    while (++cell < last)
        mb_series_put(cell, c->width_s, integral, value, value);
    if (c->last_s > 0) mb_series_put(last, c->last_s, c->last_s * value, value, value);
}

// Where a slope is, whatever rounding makes of it.
static inline double between(const mb_series_piece *piece, double part) {
    const double exact = piece->first + (piece->last - piece->first) * part;
    const double least = piece->first < piece->last ? piece->first : piece->last;
    const double most = piece->first > piece->last ? piece->first : piece->last;
    return exact < least ? least : exact > most ? most : exact;
}

static inline void put_slope(mb_series_cell *cell, double seconds, double first, double last) {
    mb_series_put(cell, seconds, seconds * (first + last) / 2, first < last ? first : last,
                  first > last ? first : last);
}

static void slope(const cut *c, const mb_series_piece *piece) {
    mb_series_cell *cells = piece->series->cells;
    double seconds = c->first_s, value = piece->first;
    for (size_t i = c->first; i < c->last; i++, seconds = c->width_s) {
        const double edge_s = c->width_s * (double)(int64_t)(i + 1);
        const double there = between(piece, (edge_s - c->from_s) / (c->to_s - c->from_s));
        put_slope(&cells[i], seconds, value, there);
        value = there;
    }
    seconds = c->first == c->last ? c->first_s : c->last_s;
    if (seconds > 0) put_slope(&cells[c->last], seconds, value, piece->last);
}

void mb_series_spread(const mb_series_piece *pieces, size_t count, double from_s, double to_s) {
    const cut c = cut_up(pieces->series->width_s, from_s, to_s);
    for (size_t i = 0; i < count; i++)
        if (pieces[i].first == pieces[i].last)
            hold(&c, pieces[i].series, pieces[i].first);
        else
            slope(&c, &pieces[i]);
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
