// SPDX-License-Identifier: MIT
#include "model/reader.h"

#include <math.h>

// Tokens of a series, seen from a reader who needs `each` seconds for one. By how much token k comes later
// than one who began with the first at 0 would begin it falls and then rises with k, as times are convex.
typedef struct view {
    const mb_token_times *times;
    double origin_s, each_s;
    uint64_t first;
} view;

static double behind(const view *v, uint64_t k) {
    return mb_token_time(v->times, (double)(v->first + k)) - v->origin_s - (double)k * v->each_s;
}

// Who is not kept waiting by the first token of `count` begins so many of them without a wait.
static uint64_t without_wait(const view *v, uint64_t count, double free_s) {
    if (behind(v, count - 1) <= free_s) return count;
    uint64_t low = 1, high = count - 1;
    if (high > 1 && behind(v, 1) > free_s) high = 1;
    while (low < high) { // the first `low` are, number `high` + 1 is not
        const uint64_t middle = low + (high - low + 1) / 2;
        if (behind(v, middle - 1) <= free_s)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

// Sum of the times of numbers first .. first + count - 1.
static double sum_of_times(const mb_token_times *times, double first, double count, double origin_s) {
    const double last = first + count - 1;
    const double of_k = count * (first + last) / 2;
    // The sum of k (k - 1) / 2 up to n is (n - 1) n (n + 1) / 6.
    const double of_squares = ((last - 1) * last * (last + 1) - (first - 2) * (first - 1) * first) / 6;
    return count * (times->start_s - origin_s) + of_k * times->first_s + of_squares * times->slope_s;
}

void mb_reading_add(mb_reading *reading, const mb_token_times *times, uint64_t first, uint64_t count) {
    if (!reading->reader || count == 0) return;
    const double each_s = 1 / reading->reader->speed;
    const view v = {times, reading->arrival_s, each_s, first};
    const double free_s = fmax(reading->read_s, behind(&v, 0));
    const uint64_t calm = without_wait(&v, count, free_s);
    const double n = (double)calm, rest = (double)(count - calm);
    reading->tokens += count;
    reading->begun_s += n * free_s + each_s * (n * (n - 1) / 2);
    if (rest > 0) reading->begun_s += sum_of_times(times, (double)(first + calm), rest, reading->arrival_s);
    const double last_s = rest > 0 ? behind(&v, count - 1) : free_s;
    reading->read_s = last_s + (double)count * each_s;
}

double mb_reading_qoe(const mb_reading *reading) {
    if (!reading->reader || reading->tokens == 0) return NAN;
    const double tokens = (double)reading->tokens, each_s = 1 / reading->reader->speed;
    const double end_s = reading->read_s, late_s = end_s - reading->reader->ttft_s;
    if (late_s <= 0) return 1;
    const double rising_s = fmin(late_s, tokens * each_s);
    const double expected = rising_s * rising_s / (2 * each_s) + tokens * (late_s - rising_s);
    const double read = tokens * end_s - reading->begun_s - tokens * each_s / 2;
    return fmin(fmax(read, 0) / expected, 1);
}
