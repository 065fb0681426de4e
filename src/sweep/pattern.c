// SPDX-License-Identifier: MIT
#include "sweep/pattern.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BESIDE = 2, LEAST_DESIGN = 4, MOST_DESIGN = 32, DRAWS = 1000 };
#define FIRST_STEP 0.25 // of an axis
#define APART 0.125     // as far from every centre a search begins anew

static const size_t *levels_of(const mb_pattern *s, size_t trial) {
    return &s->levels[trial * s->axis_count];
}

size_t mb_pattern_find(const mb_pattern *s, const size_t *levels) {
    for (size_t i = 0; i < s->count; i++)
        if (memcmp(levels_of(s, i), levels, s->axis_count * sizeof *levels) == 0) return i;
    return SIZE_MAX;
}

// The trial of these levels, made where there is none and still room; SIZE_MAX: there is not.
static size_t need(mb_pattern *s, const size_t *levels) {
    const size_t known = mb_pattern_find(s, levels);
    if (known != SIZE_MAX || s->count == s->most) return known;
    if (s->count == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 64;
        size_t *grown = realloc(s->levels, capacity * s->axis_count * sizeof *grown);
        if (grown) s->levels = grown;
        double *costs = realloc(s->costs, capacity * sizeof *costs);
        if (costs) s->costs = costs;
        bool *centres = realloc(s->centres, capacity * sizeof *centres);
        if (centres) s->centres = centres;
        s->failed = !grown || !costs || !centres;
        if (s->failed) return SIZE_MAX;
        s->capacity = capacity;
    }
    memcpy(&s->levels[s->count * s->axis_count], levels, s->axis_count * sizeof *levels);
    s->costs[s->count] = INFINITY;
    s->centres[s->count] = false;
    return s->count++;
}

bool mb_pattern_init(mb_pattern *s, const mb_axis *const *axes, size_t axis_count, size_t most,
                     const size_t *first) {
    *s = (mb_pattern){.axes = axes, .axis_count = axis_count, .most = most};
    double combinations = 1;
    for (size_t i = 0; i < axis_count; i++)
        combinations *= (double)axes[i]->levels;
    s->whole = combinations <= (double)most;
    s->design = (size_t)fmin(fmax((double)most / 4, LEAST_DESIGN), MOST_DESIGN);
    s->leap = calloc(axis_count + 1, sizeof *s->leap);
    s->failed = !s->leap;
    if (first && !s->failed) need(s, first);
    return !s->failed;
}

void mb_pattern_deinit(mb_pattern *s) {
    free(s->levels);
    free(s->costs);
    free(s->centres);
    free(s->neighbours);
    free(s->leap);
    *s = (mb_pattern){0};
}

void mb_pattern_tell(mb_pattern *s) {
    s->told = s->count;
}

static size_t best_from(const mb_pattern *s, size_t first) {
    size_t best = SIZE_MAX;
    for (size_t i = first; i < s->told; i++)
        if (isfinite(s->costs[i]) && (best == SIZE_MAX || s->costs[i] < s->costs[best])) best = i;
    return best;
}

size_t mb_pattern_best(const mb_pattern *s) {
    return best_from(s, 0);
}

// --- trials all over the ranges --------------------------------------------------------------------------

static double halton(size_t number, unsigned base) {
    double result = 0, share = 1;
    for (; number; number /= base) {
        share /= base;
        result += share * (double)(number % base);
    }
    return result;
}

static void draw(mb_pattern *s, size_t count) {
    static const unsigned bases[MB_MOST_AXES] = {2, 3, 5, 7, 11, 13, 17, 19};
    size_t levels[MB_MOST_AXES];
    for (size_t tries = 0; count && tries < DRAWS && s->count < s->most && !s->failed; tries++) {
        const size_t before = s->count;
        s->drawn++;
        for (size_t i = 0; i < s->axis_count; i++) {
            const double at = halton(s->drawn, bases[i]);
            const size_t items = s->axes[i]->levels;
            // Both ends of an order are as likely as what is between them; words are dealt out evenly.
            levels[i] = s->axes[i]->kind == MB_AXIS_WORDS ? (size_t)(at * (double)items)
                                                          : mb_axis_nearest(s->axes[i], at * 1.1 - 0.05);
        }
        need(s, levels);
        count -= s->count > before;
    }
}

static void draw_all(mb_pattern *s) {
    size_t levels[MB_MOST_AXES] = {0};
    for (bool more = true; more && !s->failed;) {
        need(s, levels);
        size_t at = s->axis_count;
        while (at && ++levels[at - 1] == s->axes[at - 1]->levels)
            levels[--at] = 0;
        more = at > 0;
    }
}

// --- around a centre -------------------------------------------------------------------------------------

static void add_neighbour(mb_pattern *s, const size_t *levels) {
    if (s->neighbour_count == s->neighbour_capacity) {
        const size_t capacity = s->neighbour_capacity ? 2 * s->neighbour_capacity : 64;
        size_t *grown = realloc(s->neighbours, capacity * sizeof *grown);
        s->failed = s->failed || !grown;
        if (!grown) return;
        s->neighbours = grown;
        s->neighbour_capacity = capacity;
    }
    const size_t trial = need(s, levels);
    if (trial != SIZE_MAX) s->neighbours[s->neighbour_count++] = trial;
}

// A step up or down an order, or to the next level, where the step is shorter than that.
static size_t step_from(const mb_pattern *s, const mb_axis *axis, size_t level, int way) {
    const size_t there = mb_axis_nearest(axis, mb_axis_position(axis, level) + way * s->step);
    if (there != level) return there;
    if (way < 0) return level ? level - 1 : level;
    return level + 1 < axis->levels ? level + 1 : level;
}

static void poll(mb_pattern *s) {
    size_t levels[MB_MOST_AXES];
    memcpy(levels, levels_of(s, s->centre), s->axis_count * sizeof *levels);
    s->neighbour_count = 0;
    s->finest = true;
    if (s->has_leap) add_neighbour(s, s->leap);
    s->has_leap = false;
    for (size_t i = 0; i < s->axis_count; i++) {
        const mb_axis *axis = s->axes[i];
        const size_t here = levels[i];
        if (axis->kind == MB_AXIS_WORDS) {
            for (levels[i] = 0; levels[i] < axis->levels; levels[i]++)
                if (levels[i] != here) add_neighbour(s, levels);
        } else
            for (int way = -1; way <= 1; way += 2) {
                levels[i] = step_from(s, axis, here, way);
                if (levels[i] == here) continue;
                const size_t apart = levels[i] > here ? levels[i] - here : here - levels[i];
                s->finest = s->finest && apart == 1;
                add_neighbour(s, levels);
            }
        levels[i] = here;
    }
}

// Where all moves that were better lead together; after a single one, as far again.
static void aim(mb_pattern *s, size_t next) {
    const size_t *from = levels_of(s, s->centre), *to = levels_of(s, next);
    memcpy(s->leap, to, s->axis_count * sizeof *to);
    for (size_t i = 0; i < s->axis_count; i++) {
        double best = s->costs[s->centre];
        for (size_t j = 0; j < s->neighbour_count; j++) {
            const size_t *other = levels_of(s, s->neighbours[j]);
            bool alone = other[i] != from[i];
            for (size_t k = 0; k < s->axis_count; k++)
                alone = alone && (k == i || other[k] == from[k]);
            if (!alone || !(s->costs[s->neighbours[j]] < best)) continue;
            best = s->costs[s->neighbours[j]];
            if (to[i] == from[i]) s->leap[i] = other[i];
        }
    }
    if (memcmp(s->leap, to, s->axis_count * sizeof *to) == 0)
        for (size_t i = 0; i < s->axis_count; i++)
            if (s->axes[i]->kind != MB_AXIS_WORDS) {
                const double a = mb_axis_position(s->axes[i], from[i]),
                             b = mb_axis_position(s->axes[i], to[i]);
                s->leap[i] = mb_axis_nearest(s->axes[i], b + (b - a));
            }
    s->has_leap = true;
}

static double distance(const mb_pattern *s, size_t a, size_t b) {
    double most = 0;
    for (size_t i = 0; i < s->axis_count; i++) {
        const size_t x = levels_of(s, a)[i], y = levels_of(s, b)[i];
        const double apart = s->axes[i]->kind == MB_AXIS_WORDS
                                 ? (x == y ? 0 : 1)
                                 : fabs(mb_axis_position(s->axes[i], x) - mb_axis_position(s->axes[i], y));
        most = fmax(most, apart);
    }
    return most;
}

// The best trial that no search has come near to, or that is better than wherever one was; false: none.
static bool begin_anew(mb_pattern *s) {
    size_t best = SIZE_MAX;
    double lowest = INFINITY;
    for (size_t i = 0; i < s->told; i++)
        if (s->centres[i]) lowest = fmin(lowest, s->costs[i]);
    for (size_t i = 0; i < s->told; i++) {
        bool far = true;
        for (size_t j = 0; j < s->told && far; j++)
            far = !s->centres[j] || distance(s, i, j) > APART;
        if (isfinite(s->costs[i]) && (far || s->costs[i] < lowest) &&
            (best == SIZE_MAX || s->costs[i] < s->costs[best]))
            best = i;
    }
    if (best == SIZE_MAX) return false;
    s->centre = best;
    s->centres[best] = true;
    s->step = FIRST_STEP;
    return true;
}

// After a round around the centre: on to what is better, or closer. False: nothing is left to do here.
static bool move(mb_pattern *s, size_t round) {
    size_t next = best_from(s, round); // a trial elsewhere may be the better one
    for (size_t i = 0; i < s->neighbour_count; i++)
        if (next == SIZE_MAX || s->costs[s->neighbours[i]] < s->costs[next]) next = s->neighbours[i];
    if (next != SIZE_MAX && s->costs[next] < s->costs[s->centre]) {
        aim(s, next);
        s->centre = next;
        s->centres[next] = true;
        return true;
    }
    if (s->finest) return false;
    s->step /= 2;
    return true;
}

size_t mb_pattern_ask(mb_pattern *s) {
    const size_t before = s->count;
    if (!before || !s->told) {
        if (s->whole)
            draw_all(s);
        else
            draw(s, s->design);
    }
    size_t round = s->round;
    while (s->told && !s->whole && s->count == before && s->count < s->most && !s->failed) {
        s->polling = (s->polling && move(s, round)) || begin_anew(s);
        round = s->told; // what it found is used up
        if (!s->polling) break;
        poll(s);
    }
    if (s->told && !s->whole) draw(s, s->polling ? BESIDE : 2 * s->axis_count + BESIDE);
    s->round = s->told;
    return s->failed ? 0 : s->count - s->told;
}
