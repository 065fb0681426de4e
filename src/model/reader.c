// SPDX-License-Identifier: MIT
#include "model/reader.h"

#include "base/exceeds.h"

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

static void read(mb_reading *reading, const mb_token_times *times, uint64_t first, uint64_t count) {
    const double each_s = 1 / reading->reader->speed;
    const view v = {times, reading->arrival_s, each_s, first};
    const double free_s = fmax(reading->read_s, behind(&v, 0));
    const uint64_t calm = without_wait(&v, count, free_s);
    const double n = (double)calm, rest = (double)(count - calm);
    reading->begun_s += n * free_s + each_s * (n * (n - 1) / 2);
    if (rest > 0) reading->begun_s += sum_of_times(times, (double)(first + calm), rest, reading->arrival_s);
    const double last_s = rest > 0 ? behind(&v, count - 1) : free_s;
    reading->read_s = last_s + (double)count * each_s;
}

// --- against the times at which tokens are due

static double due_s(const mb_reading *reading, uint64_t k) {
    return reading->due_s + (double)(reading->tokens + k) * reading->each_due_s;
}

static bool is_late(const mb_reading *reading, const mb_token_times *times, uint64_t first, uint64_t k) {
    const double time_s = mb_token_time(times, (double)(first + k));
    return mb_exceeds(time_s - reading->arrival_s, due_s(reading, k), time_s);
}

static void add_late(mb_reading *reading, const mb_token_times *times, uint64_t first, uint64_t from,
                     uint64_t to) {
    if (to <= from) return;
    const double count = (double)(to - from), due = due_s(reading, from) + due_s(reading, to - 1);
    reading->late += to - from;
    reading->late_s +=
        sum_of_times(times, (double)(first + from), count, reading->arrival_s) - count * due / 2;
}

// The border between one that is late and one in time, on either side of it: the first number of the second
// kind, from `late` on upwards; of the first kind, downwards.
static uint64_t border(const mb_reading *reading, const mb_token_times *times, uint64_t first, uint64_t late,
                       uint64_t in_time) {
    const bool upwards = late < in_time;
    while ((upwards ? in_time - late : late - in_time) > 1) {
        const uint64_t middle = upwards ? late + (in_time - late) / 2 : in_time + (late - in_time) / 2;
        if (is_late(reading, times, first, middle))
            late = middle;
        else
            in_time = middle;
    }
    return upwards ? in_time : late;
}

// Lateness falls and then rises: it is least where a step takes as long as a token may.
static uint64_t least_late(const mb_reading *reading, const mb_token_times *times, uint64_t first,
                           uint64_t count) {
    if (!(times->slope_s > 0)) return times->first_s < reading->each_due_s ? count - 1 : 0;
    const double k = (reading->each_due_s - times->first_s) / times->slope_s + 1 - (double)first;
    return k <= 0 ? 0 : k >= (double)(count - 1) ? count - 1 : (uint64_t)k;
}

// So late are the first ones, and the last ones.
static void date(mb_reading *reading, const mb_token_times *times, uint64_t first, uint64_t count) {
    const uint64_t least = least_late(reading, times, first, count);
    uint64_t from = 0, to = count; // in time
    if (is_late(reading, times, first, least))
        from = count;
    else if (is_late(reading, times, first, 0))
        from = border(reading, times, first, 0, least);
    if (from < count && is_late(reading, times, first, count - 1))
        to = border(reading, times, first, count - 1, least);
    add_late(reading, times, first, 0, from);
    add_late(reading, times, first, to, count);
}

void mb_reading_add(mb_reading *reading, const mb_token_times *times, uint64_t first, uint64_t count) {
    if (count == 0) return;
    if (reading->reader) read(reading, times, first, count);
    if (reading->dated) date(reading, times, first, count);
    reading->tokens += count;
}

void mb_reading_start_over(mb_reading *reading) {
    reading->tokens = reading->late = 0;
    reading->read_s = reading->begun_s = reading->late_s = 0;
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
