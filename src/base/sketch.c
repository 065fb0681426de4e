// SPDX-License-Identifier: MIT
#include "base/sketch.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

// The flag is not in mb_sketch, so that a quantile can be asked of a const sketch.
struct mb_sketch_samples {
    double *values;
    size_t count, capacity;
    bool sorted;
};

void mb_sketch_deinit(mb_sketch *sketch) {
    for (size_t i = 0; i < MB_SKETCH_OCTAVES; i++)
        free(sketch->blocks[i]);
    if (sketch->samples) free(sketch->samples->values);
    free(sketch->samples);
    *sketch = (mb_sketch){0};
}

void mb_sketch_keep_samples(mb_sketch *sketch) {
    assert(sketch->count == 0);
    if (sketch->samples) return;
    sketch->samples = calloc(1, sizeof *sketch->samples);
    if (!sketch->samples) sketch->failed = true;
}

static bool keep(struct mb_sketch_samples *samples, double value, uint64_t count) {
    if (count > SIZE_MAX / sizeof(double) / 2 - samples->count) return false;
    const size_t needed = samples->count + (size_t)count;
    if (needed > samples->capacity) {
        size_t capacity = samples->capacity ? samples->capacity : 256;
        while (capacity < needed)
            capacity *= 2;
        double *values = realloc(samples->values, capacity * sizeof *values);
        if (!values) return false;
        samples->values = values;
        samples->capacity = capacity;
    }
    while (samples->count < needed)
        samples->values[samples->count++] = value;
    samples->sorted = false;
    return true;
}

// Count into a bucket.
static bool count_in_bucket(mb_sketch *sketch, double value, uint64_t count) {
    if (value == 0) {
        sketch->zeros += count;
        return true;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t number = bits >> MB_SKETCH_SHIFT;
    if (number < MB_SKETCH_FIRST) number = MB_SKETCH_FIRST; // below the normal ones
    number -= MB_SKETCH_FIRST;
    uint64_t **block = &sketch->blocks[number / MB_SKETCH_SLOTS];
    if (!*block) *block = calloc(MB_SKETCH_SLOTS, sizeof **block);
    if (!*block) return false;
    (*block)[number % MB_SKETCH_SLOTS] += count;
    return true;
}

void mb_sketch_add_slowly(mb_sketch *sketch, double value, uint64_t count) {
    if (count == 0) return;
    if (!isfinite(value)) {
        sketch->invalid += count;
        return;
    }
    if (value <= 0) value = 0; // also -0
    if (sketch->count == 0) sketch->min = sketch->max = value;
    if (value < sketch->min) sketch->min = value;
    if (value > sketch->max) sketch->max = value;
    sketch->count += count;
    sketch->sum += value * (double)count;
    sketch->sum_squares += value * value * (double)count;
    const bool done =
        sketch->samples ? keep(sketch->samples, value, count) : count_in_bucket(sketch, value, count);
    if (!done) sketch->failed = true;
}

// How many of the values first, first + step, ... lie in the bucket of the first of them, at most `most`.
static uint64_t in_same_bucket(double first, double step, uint64_t most) {
    uint64_t bits;
    memcpy(&bits, &first, sizeof bits);
    bits = ((bits >> MB_SKETCH_SHIFT) + 1) << MB_SKETCH_SHIFT;
    double edge;
    memcpy(&edge, &bits, sizeof edge);
    const double values = ceil((edge - first) / step);
    if (!(values < (double)most)) return most; // also where step is 0
    return values >= 1 ? (uint64_t)values : 1;
}

void mb_sketch_add_series(mb_sketch *sketch, double first, double step, uint64_t steps, uint64_t count) {
    if (steps == 0 || count == 0) return;
    if (steps == 1) { // the closed form comes to the same bits
        mb_sketch_add_many(sketch, first, count);
        return;
    }
    const double n = mb_double(steps), sum = sketch->sum, squares = sketch->sum_squares;
    for (uint64_t done = 0; done < steps;) {
        const double value = first + mb_double(done) * step;
        const uint64_t together = sketch->samples ? 1 : in_same_bucket(value, step, steps - done);
        mb_sketch_add_many(sketch, value, together * count);
        done += together;
    }
    const double last = first + (n - 1) * step; // the largest, though its bucket was entered before it
    if (last > sketch->max) sketch->max = last;
    const double pairs = n * (n - 1) / 2, cubes = (n - 1) * n * (2 * n - 1) / 6;
    sketch->sum = sum + mb_double(count) * (n * first + step * pairs);
    sketch->sum_squares =
        squares + mb_double(count) * (n * first * first + 2 * first * step * pairs + step * step * cubes);
}

// Move kept samples into buckets.
static void stop_keeping(mb_sketch *sketch) {
    struct mb_sketch_samples *samples = sketch->samples;
    sketch->samples = NULL;
    for (size_t i = 0; i < samples->count; i++)
        if (!count_in_bucket(sketch, samples->values[i], 1)) sketch->failed = true;
    free(samples->values);
    free(samples);
}

static void merge_counters(mb_sketch *into, const mb_sketch *from) {
    into->zeros += from->zeros;
    for (size_t i = 0; i < MB_SKETCH_OCTAVES; i++) {
        if (!from->blocks[i]) continue;
        if (!into->blocks[i]) into->blocks[i] = calloc(MB_SKETCH_SLOTS, sizeof *into->blocks[i]);
        if (!into->blocks[i]) {
            into->failed = true;
            continue;
        }
        for (size_t j = 0; j < MB_SKETCH_SLOTS; j++)
            into->blocks[i][j] += from->blocks[i][j];
    }
}

void mb_sketch_merge(mb_sketch *into, const mb_sketch *from) {
    assert(into != from);
    into->failed |= from->failed;
    into->invalid += from->invalid;
    if (from->count == 0) return;
    if (into->samples && !from->samples) stop_keeping(into);
    for (size_t i = 0; from->samples && i < from->samples->count; i++) {
        const double value = from->samples->values[i];
        if (!(into->samples ? keep(into->samples, value, 1) : count_in_bucket(into, value, 1)))
            into->failed = true;
    }
    merge_counters(into, from);
    into->min = into->count == 0 || from->min < into->min ? from->min : into->min;
    into->max = into->count == 0 || from->max > into->max ? from->max : into->max;
    into->count += from->count;
    into->sum += from->sum;
    into->sum_squares += from->sum_squares;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The middle of a bucket, which no value in it is farther from than 1/1024 of itself.
static double bucket_middle(size_t octave, size_t slot) {
    return ldexp(1 + ((double)slot + 0.5) / MB_SKETCH_SLOTS, (int)octave + MB_SKETCH_LOWEST);
}

// The value of this rank, 0 being the smallest; rank < count.
static double value_at(const mb_sketch *sketch, uint64_t rank) {
    if (sketch->samples) return sketch->samples->values[rank];
    if (rank == 0) return sketch->min;
    if (rank == sketch->count - 1) return sketch->max;
    if (rank < sketch->zeros) return 0;
    uint64_t below = sketch->zeros;
    for (size_t i = 0; i < MB_SKETCH_OCTAVES; i++) {
        const uint64_t *block = sketch->blocks[i];
        for (size_t j = 0; block && j < MB_SKETCH_SLOTS; j++) {
            below += block[j];
            if (rank < below) return fmin(fmax(bucket_middle(i, j), sketch->min), sketch->max);
        }
    }
    return sketch->max;
}

double mb_sketch_quantile(const mb_sketch *sketch, double q) {
    if (sketch->count == 0 || sketch->failed || isnan(q)) return NAN;
    struct mb_sketch_samples *samples = sketch->samples;
    if (samples && !samples->sorted) {
        qsort(samples->values, samples->count, sizeof *samples->values, ascending);
        samples->sorted = true;
    }
    const double position = fmin(fmax(q, 0), 1) * (double)(sketch->count - 1);
    uint64_t rank = (uint64_t)position;
    if (rank > sketch->count - 1) rank = sketch->count - 1; // counts above 2^53 round
    const double part = position - (double)rank;
    const double low = value_at(sketch, rank);
    if (part <= 0 || rank == sketch->count - 1) return low;
    return low + part * (value_at(sketch, rank + 1) - low);
}

double mb_sketch_mean(const mb_sketch *sketch) {
    return sketch->count ? sketch->sum / (double)sketch->count : NAN;
}

double mb_sketch_std(const mb_sketch *sketch) {
    if (sketch->count < 2) return NAN;
    const double n = (double)sketch->count;
    const double squares = sketch->sum_squares - sketch->sum * sketch->sum / n;
    return sqrt(fmax(squares, 0) / (n - 1));
}
