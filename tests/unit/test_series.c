// SPDX-License-Identifier: MIT
// Values over time in a fixed number of intervals, against sums over a fine grid.
#include "series/series.h"

#include "base/rng.h"
#include "series/recording.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void by_hand(void **state) {
    (void)state;
    static mb_series series;
    mb_series_init(&series);
    mb_series_slope(&series, 0, 1, 4, 4);
    mb_series_slope(&series, 1, 2, 8, 8);
    mb_series_slope(&series, 250, 256, 1, 1); // an interval is a second now
    assert_true(series.width_s == 1);
    assert_true(series.cells[0].integral == 4 && series.cells[1].integral == 8);
    assert_true(series.cells[1].least == 8 && series.cells[1].most == 8);
    assert_true(series.cells[2].seconds == 0 && series.cells[255].integral == 1);
    mb_series_slope(&series, 2, 6, 0, 8); // 1, 3, 5, 7 on the average
    assert_true(series.cells[3].integral == 3 && series.cells[3].least == 2 && series.cells[3].most == 4);
    mb_series_slope(&series, 256, 257, 2, 2); // two become one
    assert_true(series.width_s == 2);
    assert_true(series.cells[0].integral == 12 && series.cells[0].seconds == 2);
    assert_true(series.cells[0].least == 4 && series.cells[0].most == 8);
    assert_true(series.cells[128].integral == 2 && series.cells[128].seconds == 1);
    mb_series_widen(&series, 1024);
    assert_true(series.cells[0].seconds == 2 + 4 + 6 + 1);
    assert_true(fabs(series.cells[0].integral - (4 + 8 + 16 + 6 + 2)) < 1e-12);
    assert_true(series.cells[0].least == 0 && series.cells[0].most == 8);
}

// However it came to its width, an interval holds what was in it.
static void random_values(void **state) {
    (void)state;
    mb_rng rng;
    mb_rng_init(&rng, 7, 0, "series");
    for (int round = 0; round < 20; round++) {
        mb_series *series = malloc(sizeof *series);
        mb_series_init(series);
        double integral = 0, seconds = 0, least = INFINITY, most = -INFINITY, at = 0;
        for (int i = 0; i < 3000; i++) {
            const double length = mb_rng_uniform(&rng) * (i % 100 ? 0.5 : 60);
            const double first = mb_rng_uniform(&rng) * 10, last = i % 3 ? first : mb_rng_uniform(&rng) * 10;
            if (i % 7) {
                mb_series_slope(series, at, at + length, first, last);
                integral += length * (first + last) / 2;
                seconds += length;
                least = fmin(least, fmin(first, last));
                most = fmax(most, fmax(first, last));
            }
            at += length;
        }
        assert_true(at <= series->width_s * MB_SERIES_POINTS && at > series->width_s * MB_SERIES_POINTS / 2);
        double sum = 0, time = 0, low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < MB_SERIES_POINTS; i++) {
            const mb_series_cell *cell = &series->cells[i];
            sum += cell->integral;
            time += cell->seconds;
            assert_true(cell->seconds <= series->width_s * (1 + 1e-9));
            if (!(cell->seconds > 0)) continue;
            assert_true(cell->integral >= cell->least * cell->seconds * (1 - 1e-9));
            assert_true(cell->integral <= cell->most * cell->seconds * (1 + 1e-9));
            low = fmin(low, cell->least);
            high = fmax(high, cell->most);
        }
        assert_true(fabs(sum - integral) < 1e-9 * integral && fabs(time - seconds) < 1e-9 * seconds);
        assert_true(low == least && high == most);
        free(series);
    }
}

// Several at once are as one by one.
static void pieces(void **state) {
    (void)state;
    mb_rng rng;
    mb_rng_init(&rng, 8, 0, "pieces");
    mb_series *all = calloc(6, sizeof *all);
    for (int i = 0; i < 6; i++) {
        mb_series_init(&all[i]);
        mb_series_widen(&all[i], 1);
    }
    for (int i = 0; i < 300; i++) {
        const double from = mb_rng_uniform(&rng) * 250, to = from + mb_rng_uniform(&rng) * (i % 3 ? 0.5 : 6);
        mb_series_piece some[3];
        for (int k = 0; k < 3; k++) {
            const double first = mb_rng_uniform(&rng);
            some[k] = (mb_series_piece){&all[k], first, k == 2 ? mb_rng_uniform(&rng) : first};
            mb_series_slope(&all[k + 3], from, to, some[k].first, some[k].last);
        }
        mb_series_spread(some, 3, from, to);
    }
    for (int k = 0; k < 3; k++)
        assert_memory_equal(&all[k], &all[k + 3], sizeof *all);
    free(all);
}

static void draw(mb_series *own, const mb_batch_record *batch, double idle_since_s) {
    const double from_s = batch->start_s, to_s = batch->end_s, tokens = (double)batch->kv_capacity;
    mb_series *memory = &own[MB_RECORDED_MEMORY];
    mb_series_slope(&own[MB_RECORDED_BATCH], from_s, to_s, batch->requests, batch->requests);
    if (batch->decode_tokens && batch->tbt_s > 0)
        mb_series_slope(&own[MB_RECORDED_TBT], from_s, to_s, batch->tbt_s, batch->tbt_s);
    if (!batch->kv_capacity) return;
    const double kept = (double)batch->kv_between / tokens;
    mb_series_slope(memory, idle_since_s, from_s, kept, kept);
    mb_series_slope(memory, from_s, to_s, (double)batch->kv_before / tokens,
                    (double)batch->kv_reserved / tokens);
}

// What is told of a run, some of it far apart, is in the series as if each were drawn by itself.
static void recorded(void **state) {
    (void)state;
    enum { REPLICAS = 3 };
    mb_rng rng;
    mb_rng_init(&rng, 9, 0, "recorded");
    mb_recording *recording = mb_recording_new(REPLICAS);
    const mb_observer observer = mb_recording_observer(recording);
    mb_series *own = malloc(MB_RECORDED_COUNT * sizeof *own);
    for (int i = 0; i < MB_RECORDED_COUNT; i++)
        mb_series_init(&own[i]);
    double now = 0, ends[REPLICAS] = {0};
    for (int i = 0; i < 5000; i++) {
        const double next = now + mb_rng_uniform(&rng) * (i % 50 ? 0.1 : 7);
        const uint64_t waiting = mb_rng_below(&rng, 9), running = mb_rng_below(&rng, 5);
        observer.held(observer.self, now, next, waiting, running);
        mb_series_slope(&own[MB_RECORDED_WAITING], now, next, (double)waiting, (double)waiting);
        mb_series_slope(&own[MB_RECORDED_RUNNING], now, next, (double)running, (double)running);
        now = next;
        const uint32_t replica = (uint32_t)mb_rng_below(&rng, REPLICAS);
        if (ends[replica] > now) continue;
        const mb_batch_record batch = {.steps = 1,
                                       .replica = replica,
                                       .start_s = i % 3 ? now : ends[replica],
                                       .end_s = now + mb_rng_uniform(&rng) * (i % 7 ? 0.2 : 9),
                                       .tbt_s = i % 5 ? 0.02 : 0,
                                       .requests = 1 + (uint32_t)mb_rng_below(&rng, 9),
                                       .kv_capacity = i % 11 ? 1000 : 0,
                                       .kv_between = mb_rng_below(&rng, 400),
                                       .kv_before = mb_rng_below(&rng, 500),
                                       .kv_reserved = mb_rng_below(&rng, 1000),
                                       .decode_tokens = (uint64_t)i % 4};
        assert_int_equal(observer.batch(observer.self, &batch, NULL), MB_OK);
        draw(own, &batch, ends[replica]);
        ends[replica] = batch.end_s;
    }
    mb_recording_end(recording);
    for (int i = 0; i < MB_RECORDED_COUNT; i++) {
        mb_series_widen(&own[i], recording->width_s);
        for (int j = 0; j < MB_SERIES_POINTS; j++) {
            const mb_series_cell *is = &recording->series[i].cells[j], *was = &own[i].cells[j];
            assert_true(fabs(is->seconds - was->seconds) < 1e-9 && fabs(is->integral - was->integral) < 1e-9);
            assert_true(fabs(is->least - was->least) < 1e-9 || is->least == was->least);
            assert_true(fabs(is->most - was->most) < 1e-9 || is->most == was->most);
        }
    }
    mb_recording_free(recording);
    free(own);
}

static void counts(void **state) {
    (void)state;
    static mb_counts counted;
    for (int i = 0; i < 1000; i++)
        mb_counts_add(&counted, i, i % 3 ? 0 : 99); // of the last kind, as there is no such
    assert_true(counted.width_s == 4);
    uint64_t all = 0;
    for (size_t i = 0; i < MB_SERIES_POINTS; i++)
        all += counted.counts[0][i];
    assert_int_equal(all, 666);
    assert_int_equal(counted.counts[MB_SERIES_BINS - 1][0], 2); // 0 and 3
    assert_int_equal(counted.counts[0][1], 3);                  // 4, 5 and 7
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(random_values),
                                       cmocka_unit_test(pieces), cmocka_unit_test(recorded),
                                       cmocka_unit_test(counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
